// What CloudWatch Logs answers: almost every error is a 400, and its type tells what it means; a 200 may name events that
// were left out, by their places in the request.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: docs.aws.amazon.com, CloudWatch Logs API reference: PutLogEvents, RejectedLogEventsInfo, Common Errors.

import { type Batch, type HttpReply, plainReason, replyReason, retry, type Verdict } from '@spillway/core';
import { timeOrder } from './cloudwatch-events.js';

/** The type and the words of an error. */
export interface AwsError {
  readonly type: string;
  readonly message: string;
}

/** Throttling and what else passes, whatever the status says. */
const passing =
  /^(Throttling|Throttled|RequestThrottled|TooManyRequests|RequestLimitExceeded|BandwidthLimitExceeded|SlowDown|ServiceUnavailable|InternalFailure|InternalServer|InternalError|RequestTimeout|OperationAborted|InvalidSequenceToken)/;
/** An event is at fault, or their order, span or size. */
const unfit = /^(InvalidParameter|Validation|Serialization|RequestEntityTooLarge)/;
/** Keys that are not good, or not any more; signatures of another time. */
const aboutKeys =
  /^(ExpiredToken|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|IncompleteSignature|RequestExpired|RequestTimeTooSkewed|MissingAuthenticationToken|InvalidToken)/;

/** Refusals of the keys come as 400, too. */
export function refusesKeys(reply: HttpReply): boolean {
  return reply.status === 400 && aboutKeys.test(errorOf(reply)?.type ?? '');
}

/** The meaning of a reply to PutLogEvents. `create`: what is missing is being made. */
export function classifyPut(reply: HttpReply, batch: Batch, create: boolean): Verdict | undefined {
  if (reply.status === 200) return rejectedEvents(reply, batch);
  const error = errorOf(reply);
  if (!error) return undefined;
  const { type, message } = error;
  const reason = plainReason(`${reply.status} ${type}: ${message}`);
  // Of the time of sequence tokens: the same events came before.
  if (type === 'DataAlreadyAcceptedException') return { outcome: 'ack' };
  if (passing.test(type) || reply.status >= 500 || reply.status === 429) return retry(reply, reason);
  if (type === 'ResourceNotFoundException') return create ? retry(reply, reason) : { outcome: 'hold', reason };
  // The key of a group is in the same words as what is wrong with an event.
  if (unfit.test(type) && !/\bkms\b/i.test(message)) return { outcome: 'split', reason };
  if (reply.status === 413) return { outcome: 'split', reason };
  return { outcome: 'hold', reason };
}

/** An AWS error: its type is in the body, with a namespace before it, or in a header, with a URL after it. */
export function errorOf({ status, headers, body }: HttpReply): AwsError | undefined {
  if (status < 300) return undefined;
  let fields: Record<string, unknown> = {};
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8', 0, 8192));
    if (typeof parsed === 'object' && parsed !== null) fields = parsed as Record<string, unknown>;
  } catch {}
  const given = typeof fields.__type === 'string' ? fields.__type : headers['x-amzn-errortype'];
  const type = /^(?:[^:#]*#)?(\w{1,100})/.exec(given ?? '')?.[1];
  if (!type) return undefined;
  const message = fields.message ?? fields.Message;
  return { type, message: typeof message === 'string' ? message : '' };
}

/** Ranges of the request's events, from one place up to another. */
interface LeftOut {
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

function rejectedEvents(reply: HttpReply, batch: Batch): Verdict | undefined {
  const ranges = leftOut(reply, batch.count).filter(({ from, to }) => to > from);
  if (ranges.length === 0) return undefined;
  const order = timeOrder(batch);
  const reject = new Set<number>();
  for (const { from, to } of ranges) for (let place = from; place < to; place++) reject.add(order?.[place] ?? place);
  const reason = replyReason(reply, ranges.map(({ why }) => why).join('; '));
  return { outcome: 'partial', retry: [], reject: [...reject].sort((a, b) => a - b), reason };
}

function leftOut({ body }: HttpReply, count: number): LeftOut[] {
  let info: unknown;
  try {
    info = (JSON.parse(body.toString()) as { rejectedLogEventsInfo?: unknown } | null)?.rejectedLogEventsInfo;
  } catch {}
  if (typeof info !== 'object' || info === null) return [];
  const fields = info as Record<string, unknown>;
  const place = (name: string, fallback: number) => {
    const value = fields[name];
    return Number.isInteger(value) ? Math.min(Math.max(value as number, 0), count) : fallback;
  };
  return [
    { from: 0, to: place('tooOldLogEventEndIndex', 0), why: 'more than 14 days old, or older than the group keeps' },
    { from: 0, to: place('expiredLogEventEndIndex', 0), why: 'older than the group keeps' },
    { from: place('tooNewLogEventStartIndex', count), to: count, why: 'more than 2 hours ahead' },
  ];
}
