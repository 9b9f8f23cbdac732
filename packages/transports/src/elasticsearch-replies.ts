// What Elasticsearch and OpenSearch answer to `_bulk`: a status for the request and one for each of its items.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: elasticsearch-specification specification/_global/bulk (BulkResponse.ts, types.ts), logstash-output-elasticsearch
// docs/index.asciidoc (409 is a success, 400 is final, the rest is tried again), AWS docs serverless-overview (no ids).

import { type Batch, type HttpReply, plainReason, replyReason, retryAfterMs, type Verdict } from '@spillway/core';

/** What an item's status means for its record. */
type Outcome = 'stored' | 'later' | 'refused' | 'misdirected';

interface Item {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** Item errors that say something about the target and nothing about the document. */
const misdirection =
  /no write index is defined|pipeline with id .{0,512} does not exist|only write ops with an op_type of create|document id is not supported|is not a data stream|no matching index template|action\.auto_create_index/i;

/** The answers that mean something other than their HTTP status says. */
export function classifyBulk(reply: HttpReply, batch: Batch): Verdict | undefined {
  const { status } = reply;
  // The media type is refused, not the documents.
  if (status === 406) return { outcome: 'hold', reason: replyReason(reply) };
  if (status !== 200) return undefined;
  const head = reply.body.toString('latin1', 0, 200);
  // `errors` comes before the items: where it is false there is nothing else to read.
  if (/^\s*\{(\s*"(took|ingest_took)"\s*:\s*\d+\s*,)*\s*"errors"\s*:\s*false\s*[,}]/.test(head)) {
    return { outcome: 'ack' };
  }
  const items = itemsOf(reply.body);
  if (!items) return { outcome: 'hold', reason: replyReason(reply, 'not an answer to a bulk request') };
  return verdictOf(items, batch.count, retryAfterMs(reply.headers));
}

function verdictOf(items: readonly Item[], count: number, afterMs: number | undefined): Verdict {
  const found: Record<Outcome, number[]> = { stored: [], later: [], refused: [], misdirected: [] };
  const reasons: Partial<Record<Outcome, string>> = {};
  for (let i = 0; i < count; i++) {
    const item = items[i];
    // An answer that was cut off says nothing about the rest: they are sent again.
    const outcome = item ? outcomeOf(item) : 'later';
    found[outcome].push(i);
    reasons[outcome] ??= item ? reasonOf(item) : 'the answer does not speak of all records';
  }
  const { stored, later, refused, misdirected } = found;
  if (stored.length === count) return { outcome: 'ack' };
  if (misdirected.length === count) return { outcome: 'hold', reason: reasons.misdirected! };
  const retry = [...later, ...misdirected];
  if (refused.length === count) return { outcome: 'reject', reason: reasons.refused! };
  const reason = (reasons.refused ?? reasons.later ?? reasons.misdirected)!;
  return { outcome: 'partial', retry, reject: refused, reason, ...(afterMs !== undefined && { afterMs }) };
}

function outcomeOf({ status, type, reason }: Item): Outcome {
  // 409: a document of that id is there, from an attempt whose answer was lost.
  if ((status >= 200 && status < 300) || status === 409) return 'stored';
  if (status === 429 || status >= 500) return 'later';
  if (status === 401 || status === 403 || status === 404) return 'misdirected';
  return type === 'illegal_argument_exception' && misdirection.test(reason) ? 'misdirected' : 'refused';
}

function reasonOf({ status, type, reason }: Item): string {
  // Ids and positions would make each reason unique, and previews show what was logged.
  const common = reason
    .replace(/\. Preview of field's value:.*/s, '')
    .replace(/^\[\d+:\d+\] /, '')
    .replace(/ in document with id '[^']*'/, '');
  const advice = /document id is not supported/i.test(reason) ? ' (set `ids: false`)' : '';
  return plainReason(`${status} ${type}: ${common}${advice}`);
}

/** The items of an answer, as many as came; undefined if it is no answer to a bulk request. */
function itemsOf(body: Buffer): Item[] | undefined {
  const answer = parsed(body);
  if (typeof answer !== 'object' || answer === null) return undefined;
  const { items } = answer as { items?: unknown };
  return Array.isArray(items) ? items.map(itemOf) : undefined;
}

function itemOf(entry: unknown): Item {
  const [action] = typeof entry === 'object' && entry !== null ? Object.values(entry) : [];
  const { status, error } = (action ?? {}) as { status?: unknown; error?: unknown };
  const { type, reason } = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  return {
    status: typeof status === 'number' ? status : 500,
    type: typeof type === 'string' ? type : 'error',
    reason: typeof reason === 'string' ? reason : String(error ?? 'no status'),
  };
}

/** The answer, without the item at which it was cut off, if it was. */
function parsed(body: Buffer): unknown {
  const text = body.toString('utf8');
  for (const candidate of [text, `${text.slice(0, text.lastIndexOf('},{"create":'))}}]}`]) {
    try {
      return JSON.parse(candidate);
    } catch {}
  }
  return undefined;
}
