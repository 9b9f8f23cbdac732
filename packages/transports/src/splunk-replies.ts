// What Splunk's HTTP Event Collector answers: an HTTP status, and a code that says more.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Source: help.splunk.com, "Troubleshoot HTTP Event Collector", the table of error codes.

import { type Batch, type HttpReply, plainReason, replyReason, retry, type Verdict } from '@spillway/core';

interface Answer {
  readonly code: number;
  readonly text: string;
  /** Index of the first event that could not be read. */
  readonly invalid: number | undefined;
  readonly ackId: number | undefined;
}

/** Token, index, channel or acknowledgement are set up otherwise than we were told. */
const misconfigured = new Set([1, 2, 3, 4, 7, 10, 11, 14, 16, 21, 22]);
/** Queues full, shutting down, not healthy, internal error. */
const passing = new Set([8, 9, 18, 19, 20, 23, 26, 27]);
/** An event is at fault: its format, its absence, its fields. */
const unfit = new Set([6, 12, 13, 15]);

/** The collector's own answers. */
export function classifySplunk(reply: HttpReply, batch: Batch): Verdict | undefined {
  const answer = answerOf(reply);
  if (!answer) return undefined;
  const { code, text, invalid } = answer;
  const reason = plainReason(`${reply.status}, code ${code}: ${text}`);
  // 24 and 25 are said with 200: taken, but the queue or the acknowledgements are near their capacity.
  if (reply.status === 200) return { outcome: 'ack' };
  if (misconfigured.has(code)) return { outcome: 'hold', reason };
  if (passing.has(code)) return retry(reply, reason);
  if (unfit.has(code)) return unfitVerdict(invalid, batch.count, reason);
  return undefined;
}

/**
 * It stops at the first event that it cannot read, and does not promise that those before were not taken. They are sent
 * again: twice is better than never.
 */
function unfitVerdict(invalid: number | undefined, count: number, reason: string): Verdict {
  if (count === 1) return { outcome: 'reject', reason };
  if (invalid === undefined || !Number.isInteger(invalid) || invalid < 0 || invalid >= count) {
    return { outcome: 'split', reason };
  }
  const others = Array.from({ length: count }, (_, i) => i).filter((i) => i !== invalid);
  return { outcome: 'partial', retry: others, reject: [invalid], reason };
}

/** The number under which the collector acknowledges this request later. */
export function ackIdOf(reply: HttpReply): number | undefined {
  return reply.status === 200 ? answerOf(reply)?.ackId : undefined;
}

/** An answer that took the request but gave no number to ask about: the token does not acknowledge. */
export function withoutAck(reply: HttpReply): Verdict {
  return { outcome: 'hold', reason: replyReason(reply, 'no ackId: the token has no indexer acknowledgement') };
}

function answerOf({ body }: HttpReply): Answer | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(body.toString('utf8', 0, 4096));
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { code, text, ackId, 'invalid-event-number': invalid } = answer as Record<string, unknown>;
  if (typeof code !== 'number') return undefined;
  return {
    code,
    text: typeof text === 'string' ? text : '',
    invalid: typeof invalid === 'number' ? invalid : undefined,
    ackId: typeof ackId === 'number' ? ackId : undefined,
  };
}
