// Loki's push request in JSON: {"streams":[{"stream":{label:value},"values":[["<ns>","<line>",{metadata}?]]}]}.
// As strict as the real one where a sender could get it wrong: the time is a string of digits, the line is a string.
import { limits } from '../limits.js';
import { checkJsonParts, type Emit, type Pairs, pairs } from './entry.js';
import { checkLabels, checkMetadata } from './labels.js';
import { Refusal } from './refusal.js';

/** Emits the entries of a push request. @throws Refusal 400, 413 or 422 */
export function decodeLokiJson(body: Buffer, emit: Emit): void {
  checkJsonParts(body);
  const request = parse(body);
  const streams = isObject(request) ? request.streams : undefined;
  if (!Array.isArray(streams) || streams.length === 0) {
    throw new Refusal(422, 'error at least one valid stream is required for ingestion');
  }
  if (streams.length > limits.streamsPerRequest) throw new Refusal(400, 'too many streams in one request');
  for (const stream of streams) {
    if (!isObject(stream)) throw new Refusal(400, 'loghttp.PushRequest: a stream must be an object');
    const labels = checkLabels(textPairs(stream.stream, 'stream'));
    const values = stream.values ?? [];
    if (!Array.isArray(values)) throw new Refusal(400, 'loghttp.PushRequest: `values` must be an array');
    for (const value of values) emitEntry(value, labels, emit);
  }
}

function emitEntry(value: unknown, labels: Pairs, emit: Emit): void {
  if (!Array.isArray(value) || value.length < 2 || value.length > 3) {
    throw new Refusal(400, 'loghttp.PushRequest: an entry must be [timestamp, line, metadata?]');
  }
  const [nanos, line, extra] = value as unknown[];
  if (typeof nanos !== 'string' || !/^-?\d{1,19}$/.test(nanos)) {
    throw new Refusal(400, 'loghttp.PushRequest: the timestamp must be a string of nanoseconds');
  }
  if (typeof line !== 'string') throw new Refusal(400, 'loghttp.PushRequest: the line must be a string');
  const metadata = extra === undefined || extra === null ? undefined : checkMetadata(textPairs(extra, 'metadata'));
  emit({ line: Buffer.from(line), time: milliseconds(nanos), labels, metadata });
}

// Nanoseconds exceed what a number holds exactly, so the last six digits go before the text becomes a number.
function milliseconds(nanos: string): number {
  return Number(nanos.slice(0, -6) || '0');
}

function textPairs(value: unknown, what: string): Record<string, string> {
  if (!isObject(value)) throw new Refusal(400, `loghttp.PushRequest: \`${what}\` must be an object of strings`);
  const result = pairs();
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string')
      throw new Refusal(400, `loghttp.PushRequest: \`${what}\` must be an object of strings`);
    result[key] = text;
  }
  return result;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // The parser's own message quotes the body; the sender has it already.
    throw new Refusal(400, 'loghttp.PushRequest: the body is not valid JSON');
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
