// Any HTTP endpoint: NDJSON, a JSON array, or an array inside an object.
// In: batches. Out: the lines, framed; the batch's id as Idempotency-Key, so that a receiver can recognize a repetition.

import { createHash } from 'node:crypto';
import {
  type Batch,
  choice,
  custom,
  flag,
  type HttpReply,
  type HttpWire,
  headerText,
  httpFields,
  httpTransport,
  type Input,
  integer,
  isHeader,
  list,
  object,
  parseOptions,
  replyReason,
  required,
  size,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { refuseWith } from './applicable.js';
import type { Traits } from './traits.js';

/** Options of {@link http}. */
export const httpOptions = object(
  {
    url: required(url({ doc: 'Where to send, with path and query.' })),
    method: choice(['POST', 'PUT'], { default: 'POST', doc: 'Method.' }),
    format: choice(['ndjson', 'array', 'wrapped'], {
      default: 'ndjson',
      doc: 'ndjson: a line a record. array: `[…]`. wrapped: `{"logs":[…]}`.',
    }),
    wrapper: text({ default: 'logs', doc: 'Name of the array in format wrapped.' }),
    contentType: headerText({ doc: 'Content type, if not the one of the format.' }),
    maxRequestBytes: size({ default: 1_048_576, min: 4096, doc: 'Largest request, before compression.' }),
    maxRecords: integer({ default: 10_000, min: 1, max: 1_000_000, doc: 'Most records in a request.' }),
    maxRecordBytes: size({ min: 1024, doc: 'Longest record. Default: what fits into a request.' }),
    idempotencyHeader: custom<string | false>({
      default: 'idempotency-key',
      expected: 'the name of a header that is not of the connection, or false for none',
      check: (value) => (value === false || isHeaderName(value) ? value : undefined),
      doc: "Header that carries the batch's id; false for none.",
    }),
    contentDigest: flag({
      default: false,
      doc: 'Adds `Content-Digest` (RFC 9530), sha-256 of the body as it is sent.',
    }),
    successStatus: list(integer({ min: 200, max: 299, doc: 'Status.' }), {
      default: [],
      doc: 'The statuses that mean stored. None given: 200 to 299.',
    }),
    ...httpFields(),
  },
  { doc: 'Any HTTP endpoint.' },
);

/** What users write. */
export type HttpTransportOptions = Input<typeof httpOptions>;

/** Facts for the docs. */
export const httpTraits: Traits = {
  title: 'HTTP',
  body: 'raw',
  maxRequest: '1 MiB by default, an option',
  maxRecord: 'what fits into a request',
  idempotency: 'batch: `Idempotency-Key`, if the receiver stores it',
  compression: 'gzip, zstd, deflate',
  auth: 'basic, bearer, headers, mutual TLS',
  proven: 'a real HTTP server, over sockets, TLS and proxies',
};

const contentTypes = {
  ndjson: 'application/x-ndjson',
  array: 'application/json',
  wrapped: 'application/json',
} as const;

/** Ships to any HTTP endpoint.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example http({ url: 'https://logs.example.com/ingest', bearerTokenFile: '/run/secrets/token' })
 */
export function http(options: HttpTransportOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(httpOptions, options, 'http');
  const { format, maxRequestBytes, idempotencyHeader, successStatus } = parsed;
  if (format !== 'wrapped') refuseWith('http', options, `format ${format}`, ['wrapper']);
  const [before, after] = framing(format, parsed.wrapper);
  const envelope = Buffer.byteLength(before + after);
  return httpTransport({
    name: 'http',
    url: parsed.url,
    method: parsed.method,
    options: parsed,
    encodings: ['gzip', 'zstd', 'deflate'],
    headers: { 'content-type': parsed.contentType ?? contentTypes[format] },
    limits: {
      maxBytes: maxRequestBytes,
      maxRecords: parsed.maxRecords,
      maxRecordBytes: Math.min(parsed.maxRecordBytes ?? maxRequestBytes, maxRequestBytes - envelope - 1),
      // The envelope comes once a request; as it may come with a single record, count it for that one.
      overheadBytes: envelope,
    },
    idempotency: idempotencyHeader ? 'batch' : 'none',
    recommended: { maxBytes: maxRequestBytes, lingerMs: 1000, maxInFlight: 2, timeoutMs: 15_000 },
    encode: (batch) => ({
      body: format === 'ndjson' ? batch.bytes : array(batch, before, after),
      headers: {
        'x-record-count': String(batch.count),
        ...(idempotencyHeader && { [idempotencyHeader.toLowerCase()]: batch.id }),
      },
    }),
    classify(reply) {
      if (successStatus.length === 0 || reply.status < 200 || reply.status > 299) return undefined;
      return successStatus.includes(reply.status) ? undefined : { outcome: 'hold', reason: replyReason(reply) };
    },
    ...(parsed.contentDigest && {
      authorize: ({ body }) => ({
        'content-digest': `sha-256=:${createHash('sha256').update(body).digest('base64')}:`,
      }),
    }),
  });
}

/** The word false, as a variable holds it, is not meant as a name. */
function isHeaderName(value: unknown): value is string {
  return typeof value === 'string' && value !== 'false' && isHeader(value, '');
}

function framing(format: 'ndjson' | 'array' | 'wrapped', wrapper: string): [string, string] {
  if (format === 'ndjson') return ['', ''];
  return format === 'array' ? ['[', ']'] : [`{${JSON.stringify(wrapper)}:[`, ']}'];
}

const comma = 0x2c;

/** Lines end in one newline each: turned into commas, they are the items of an array. */
function array({ bytes, offsets, count }: Batch, before: string, after: string): Buffer {
  const start = Buffer.byteLength(before);
  const end = start + bytes.length - 1;
  const body = Buffer.allocUnsafe(end + Buffer.byteLength(after));
  body.write(before);
  bytes.copy(body, start);
  for (let i = 1; i < count; i++) body[start + offsets[i]! - 1] = comma;
  body.write(after, end);
  return body;
}
