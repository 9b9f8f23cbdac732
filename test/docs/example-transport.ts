// Better Stack Logs: POST of NDJSON with a bearer token.
// In: batches. Out: the same lines, each with its time spliced in front as `dt`.

import {
  type Batch,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  parseOptions,
  replyReason,
  required,
  type Transport,
  url,
  type Verdict,
} from '@spillway/core';

const betterstackOptions = object(
  {
    url: required(url({ doc: 'The ingesting host of the source.' })),
    // Headers, basic auth, bearer token, secrets from files, TLS, proxy, connection times.
    ...httpFields(),
  },
  { doc: 'Better Stack Logs.' },
);

export type BetterStackOptions = Input<typeof betterstackOptions>;

/** Ships to Better Stack; the source token is `bearerToken` or, better, `bearerTokenFile`. */
export default function betterstack(options: BetterStackOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(betterstackOptions, options, 'betterstack');
  return httpTransport({
    name: 'betterstack',
    url: parsed.url,
    options: parsed,
    encodings: ['gzip'],
    headers: { 'content-type': 'application/x-ndjson' },
    // https://betterstack.com/docs/logs/ingesting-data/http/logs/: 10 MiB a request, records of 100 KiB advised.
    limits: { maxBytes: 10_485_760, maxRecords: 10_000, maxRecordBytes: 1_048_576, overheadBytes: maxPrefixBytes },
    // It has no key to recognize a repeated batch by.
    idempotency: 'none',
    recommended: { maxBytes: 2_097_152, maxRecords: 1000, lingerMs: 1000 },
    encode: (batch) => ({ body: withTimes(batch), headers: {} }),
    classify,
  });
}

/** `{"dt":`, up to 16 digits, a comma; the line's own brace is replaced. */
const maxPrefixBytes = 23;

/** One buffer, one pass: `{"msg":"hi"}` becomes `{"dt":1700000000123,"msg":"hi"}`. */
function withTimes(batch: Batch): Buffer {
  const { bytes, offsets, times, count } = batch;
  const body = Buffer.allocUnsafe(bytes.length + count * maxPrefixBytes);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = offsets[i]! + 1;
    at += body.write(`{"dt":${Math.floor(times[i]!)}${isEmpty(bytes, start) ? '' : ','}`, at, 'latin1');
    at += bytes.copy(body, at, start, offsets[i + 1]!);
  }
  return body.subarray(0, at);
}

/** Each line is one JSON object, but it may be an empty one. */
function isEmpty(bytes: Buffer, afterBrace: number): boolean {
  let at = afterBrace;
  while (bytes[at]! <= 0x20) at++;
  return bytes[at] === 0x7d;
}

/** Only what differs from what HTTP says anyway. */
function classify(reply: HttpReply): Verdict | undefined {
  // The quota of the plan is used up: keep the data, and tell somebody.
  if (reply.status === 402) return { outcome: 'hold', reason: replyReason(reply) };
  return undefined;
}
