// What Alibaba Cloud Log Service answers: an HTTP status and, in JSON, an error code that says what it means.
// In: a reply. Out: a verdict, or undefined for what HTTP says already. A request is stored as a whole or not at all.
// Source: alibabacloud.com, Simple Log Service, error codes, and PutLogs.

import { type HttpReply, plainReason, retry, type Verdict } from '@spillway/core';

/** Quotas come as 403, the rest as it likes. */
const passing =
  /QuotaExceed|ExceedQuota|^(ServerBusy|RequestError|BadResponse|InternalServerError|RequestTimeout|ServiceUnavailable|OperationTimeout)$/;
/** A log is at fault: its text, its keys, its time; or there are too many of them. */
const unfit = /^(PostBodyTooLarge|PostBodyInvalid|InvalidTimestamp|InvalidEncoding|InvalidKey|InvalidLogSize)$/;
/** Clocks that are more than 15 minutes apart; keys that have ended. */
const aboutSignature = /^(RequestTimeTooSkewed|RequestTimeExpired|SecurityToken.?Expired|InvalidSecurityToken)$/;

/** The meaning of a reply to PutLogs. */
export function classifyPutLogs(reply: HttpReply): Verdict | undefined {
  const error = slsErrorOf(reply);
  if (!error) return undefined;
  const { code, message } = error;
  const reason = plainReason(`${reply.status} ${code}: ${message}`);
  if (passing.test(code) || reply.status >= 500 || reply.status === 429) return retry(reply, reason);
  if (unfit.test(code) || reply.status === 413) return { outcome: 'split', reason };
  return { outcome: 'hold', reason };
}

/** Refusals of the signature come as 400, too. */
export function refusesSignature(reply: HttpReply): boolean {
  return reply.status === 400 && aboutSignature.test(slsErrorOf(reply)?.code ?? '');
}

/** A 403 that has nothing to do with keys: another signature would not help. */
export function isQuota(reply: HttpReply): boolean {
  return passing.test(slsErrorOf(reply)?.code ?? '');
}

function slsErrorOf({ status, body }: HttpReply): { readonly code: string; readonly message: string } | undefined {
  if (status < 300) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body.toString('utf8', 0, 8192));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { errorCode, errorMessage } = parsed as Record<string, unknown>;
  if (typeof errorCode !== 'string' || !/^[\w.]{1,100}$/.test(errorCode)) return undefined;
  return { code: errorCode, message: typeof errorMessage === 'string' ? errorMessage : '' };
}
