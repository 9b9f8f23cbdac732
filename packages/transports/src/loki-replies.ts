// What Grafana Loki's answers to a push mean.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: loki pkg/distributor/http.go and distributor.go, pkg/ingester/stream.go, pkg/validation/validate.go, and
// docs/sources/operations/request-validation-rate-limits.md.

import { type Batch, type HttpReply, replyReason, retry, type Verdict } from '@spillway/core';

/** Lines refused one by one, the others of the request being stored. */
const refusedLines =
  /max entry size|timestamp too (old|new)|entry too far behind|label names; limit|label (name|value) too long|duplicate label name|structured metadata too large|too many structured metadata|includes structured metadata|missing required labels|at least one label pair/i;

/** Waiting half a minute is the least when a tenant has too many streams: they go away with time only. */
const streamLimitWaitMs = 30_000;

/** Loki's own answers. */
export function classifyLoki(reply: HttpReply, batch: Batch): Verdict | undefined {
  const { status } = reply;
  const text = reply.body.toString('utf8');
  // 260 is what Loki answers while it is told to block a tenant: a success for clients that must not retry,
  // and nothing is stored.
  if (status === 260) return { outcome: 'hold', reason: replyReason(reply) };
  if (status === 400 && refusedLines.test(text)) return partial(reply, text, batch);
  if (status === 422) return { outcome: 'reject', reason: replyReason(reply) };
  if (status === 429) return tooMany(reply, text, batch);
  // The distributor's message to an ingester is limited to 4 MiB by default (grpc_server_max_recv_msg_size).
  if (status >= 500 && /larger than max/i.test(text)) return { outcome: 'split', reason: replyReason(reply) };
  return undefined;
}

function tooMany(reply: HttpReply, text: string, batch: Batch): Verdict {
  const verdict = retry(reply);
  if (/maximum active stream limit/i.test(text) && verdict.outcome === 'retry') {
    return { ...verdict, afterMs: Math.max(verdict.afterMs ?? 0, streamLimitWaitMs) };
  }
  // A request larger than a second's allowance may be larger than the burst: then it never passes.
  const [, limit, total] = /limit: (\d+) bytes\/sec.*totaling '(\d+)' bytes/is.exec(text) ?? [];
  const tooLarge = limit !== undefined && Number(limit) > 0 && Number(total) > Number(limit) && batch.count > 1;
  return tooLarge ? { outcome: 'split', reason: replyReason(reply) } : verdict;
}

/** Sending again would only repeat the refusal, and the good lines are stored. */
function partial(reply: HttpReply, text: string, batch: Batch): Verdict {
  const reason = replyReason(reply);
  if (batch.count === 1) return { outcome: 'reject', reason };
  return { outcome: 'partial', retry: [], reject: tooLong(text, batch) ?? refusedCount(text, batch), reason };
}

/** Lines over the limit that the answer names can be told exactly, if nothing else was wrong. */
function tooLong(text: string, batch: Batch): number[] | undefined {
  const [, limit] = /max entry size '?(\d+)'? bytes exceeded/i.exec(text) ?? [];
  if (limit === undefined || /timestamp|too far behind|structured metadata|label/i.test(withoutStreams(text)))
    return undefined;
  const found: number[] = [];
  for (let i = 0; i < batch.count; i++) if (batch.line(i).length > Number(limit)) found.push(i);
  return found.length > 0 ? found : undefined;
}

/** Label sets in a message would otherwise look like complaints about labels. */
function withoutStreams(text: string): string {
  return text.replace(/\{[^}]*\}/g, '');
}

/** "total ignored: N out of M" for each stream; "N errors like: …" for each kind of error; else one. */
function refusedCount(text: string, batch: Batch): number {
  const counts = [...text.matchAll(/total ignored: (\d+) out of|(\d+) errors like:/gi)].map((m) =>
    Number(m[1] ?? m[2]),
  );
  const sum = counts.reduce((a, b) => a + b, 0);
  return Math.min(Math.max(sum, 1), batch.count);
}
