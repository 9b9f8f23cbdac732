// What Grafana Loki's answers to a push mean.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: loki pkg/distributor/http.go and distributor.go, pkg/ingester/stream.go, pkg/validation/validate.go, and
// docs/sources/operations/request-validation-rate-limits.md.

import { type Batch, type HttpReply, plainReason, replyReason, retry, type Verdict } from '@spillway/core';
import type { LokiFiling } from './loki-streams.js';

/** Lines refused one by one, the others of the request being stored. */
const refusedLines =
  /max entry size|timestamp too (old|new)|entry too far behind|structured metadata too large|too many structured metadata/i;
/** Streams refused as a whole, for their labels. The answer counts streams then, and not a line of them is stored. */
const refusedLabels =
  /label names; limit|label (name|value) too long|duplicate label name|missing required labels|at least one label pair/i;
/** Of labels that come from records, those of some may be fine. */
const dependsOnRecords = /label value too long|at least one label pair/i;
/** The server takes none. */
const noMetadata = /includes structured metadata/i;

/** So much of an answer is kept. Lines of different seconds are different errors, each with its text. */
const keptBytes = 65_536;

/** Waiting half a minute is the least when a tenant has too many streams: they go away with time only. */
const streamLimitWaitMs = 30_000;

/** Loki's own answers, which depend on where the labels of a request come from. */
export function classifyLoki(reply: HttpReply, batch: Batch, { labelsFrom }: LokiFiling): Verdict | undefined {
  const { status } = reply;
  const text = reply.body.toString('utf8');
  // 260 is what Loki answers while it is told to block a tenant: a success for clients that must not retry,
  // and nothing is stored.
  if (status === 260) return { outcome: 'hold', reason: replyReason(reply) };
  if (status === 400) return labelsRefused(reply, text, labelsFrom) ?? linesRefused(reply, text, batch);
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

/** Labels are configuration, unless they come from records: then halves tell which, and lines that are stored are known again. */
function labelsRefused(reply: HttpReply, text: string, labelsFrom: readonly string[]): Verdict | undefined {
  const said = withoutStreams(text);
  const several = labelsFrom.length > 0;
  // The lines of the only stream are not looked at if its labels are refused.
  const ofLabels = refusedLabels.test(said) && (several || !refusedLines.test(said));
  if (!ofLabels && !noMetadata.test(said)) return undefined;
  const reason = replyReason(reply, plainReason(said));
  return { outcome: several && dependsOnRecords.test(said) ? 'split' : 'hold', reason };
}

/** Sending again would only repeat the refusal, and the good lines are stored. */
function linesRefused(reply: HttpReply, text: string, batch: Batch): Verdict | undefined {
  if (!refusedLines.test(withoutStreams(text))) return undefined;
  const reason = replyReason(reply);
  if (batch.count === 1) return { outcome: 'reject', reason };
  // What was cut off cannot be counted. Shorter answers come to halves, and lines that are stored are known again.
  if (reply.body.length >= keptBytes) return { outcome: 'split', reason };
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
  let rest = '';
  let at = 0;
  for (;;) {
    const open = text.indexOf('{', at);
    const close = open < 0 ? -1 : text.indexOf('}', open);
    if (close < 0) return rest + text.slice(at);
    rest += text.slice(at, open);
    at = close + 1;
  }
}

/** "total ignored: N out of M" for each stream; "N errors like: …" for each kind of error; else one. */
function refusedCount(text: string, batch: Batch): number {
  const counts = [...text.matchAll(/total ignored: (\d+) out of|(\d+) errors like:/gi)].map((m) =>
    Number(m[1] ?? m[2]),
  );
  const sum = counts.reduce((a, b) => a + b, 0);
  return Math.min(Math.max(sum, 1), batch.count);
}
