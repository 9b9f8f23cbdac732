// What the answers of S3 mean: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
// In: a reply. Out: a verdict, or undefined where the status says it all.

import { type HttpReply, replyReason, retry, type Verdict } from '@spillway/core';

/** Passing, though the status says otherwise. */
const passing = new Set([
  'RequestTimeout',
  'BadDigest',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
  'OperationAborted',
  'ConditionalRequestConflict',
  'IncompleteBody',
]);

/** The meaning of a reply to a PUT. */
export function classifyPut(reply: HttpReply): Verdict | undefined {
  const { status } = reply;
  // If-None-Match: the object is there, put by an attempt whose answer did not come through.
  if (status === 412) return { outcome: 'ack' };
  if (status >= 200 && status < 300) return undefined;
  const code = /<Code>(\w{1,64})<\/Code>/.exec(reply.body.toString('utf8', 0, 4096))?.[1];
  const reason = replyReason(reply, code);
  if (code === 'EntityTooLarge' || status === 413) return { outcome: 'split', reason };
  if (code !== undefined && passing.has(code)) return retry(reply, reason);
  // What is refused is never a record: the bucket, the region, the keys, the rights.
  if (status < 500 && status !== 408 && status !== 409 && status !== 425 && status !== 429)
    return { outcome: 'hold', reason };
  return status === 501 ? { outcome: 'hold', reason } : retry(reply, reason);
}
