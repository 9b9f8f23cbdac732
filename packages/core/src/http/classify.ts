// What an HTTP reply means where the destination has no rule of its own.
// In: a reply. Out: a verdict with a short reason.
// In doubt the data is kept: unknown refusals are a hold, unknown trouble is a retry.

import { plainReason } from '../reason.js';
import type { Verdict } from '../transport.js';
import { retryAfterMs } from './retry-after.js';
import type { HttpReply } from './types.js';

/** One record may be at fault, or the request is too big: halves find out. */
const divisible = new Set([400, 406, 413, 422]);
/** A matter of time: timeouts, conflicts, too early, too many. */
const passing = new Set([408, 409, 425, 429]);
/** Not implemented and the like: waiting does not help, a changed configuration does. */
const misdirected = new Set([501, 505]);

/** The default meaning of a reply. */
export function classifyReply(reply: HttpReply): Verdict {
  const { status } = reply;
  if (status >= 200 && status < 300) {
    // A login page or a web interface also answers 200, and has stored nothing.
    return isHtml(reply) ? { outcome: 'hold', reason: replyReason(reply, 'a web page answered') } : { outcome: 'ack' };
  }
  const reason = replyReason(reply);
  if (divisible.has(status)) return { outcome: 'split', reason };
  if (passing.has(status) || (status >= 500 && !misdirected.has(status))) return retry(reply, reason);
  return { outcome: 'hold', reason };
}

/** "Later", with the time that the destination asked for. */
export function retry(reply: HttpReply, reason = replyReason(reply)): Verdict {
  const afterMs = retryAfterMs(reply.headers);
  return { outcome: 'retry', reason, ...(afterMs !== undefined && { afterMs }) };
}

/** `<status>: <what the destination said>`, short and safe to show. */
export function replyReason(reply: HttpReply, remark?: string): string {
  const said = remark ?? (isHtml(reply) ? 'a web page answered' : plainReason(reply.body.toString('utf8', 0, 800)));
  return said === '' ? String(reply.status) : `${reply.status}: ${said}`;
}

function isHtml({ body }: HttpReply): boolean {
  return /^\s*<(!doctype\s+html|html|head|body)\b/i.test(body.toString('latin1', 0, 256));
}
