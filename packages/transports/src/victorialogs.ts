// VictoriaLogs, by its JSON lines endpoint: POST /insert/jsonline.
// In: batches. Out: the same bytes; what the fields mean travels in the query.
// The server answers 200 to almost anything and skips what it cannot read, so what we send must be right:
// whole JSON objects, no line over its limit, only encodings that it knows.

import {
  type Batch,
  dictionary,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  integer,
  list,
  object,
  parseOptions,
  plainReason,
  replyReason,
  required,
  size,
  type Transport,
  text,
  url,
  type Verdict,
  withDefaultPath,
} from '@spillway/core';
import type { Traits } from './traits.js';

const fieldName = text({ pattern: /^[^,=]{1,128}$/, expected: 'a field name without , and =', doc: 'Field name.' });

/** Options of {@link victorialogs}. */
export const victorialogsOptions = object(
  {
    url: required(url({ doc: "VictoriaLogs' address; without a path, `/insert/jsonline` is added." })),
    extraFields: dictionary(text({ pattern: /^[^,]{1,2048}$/, expected: 'a text without commas', doc: 'Value.' }), {
      default: {},
      keys: fieldName,
      doc: 'Fields that are the same for all records, such as `app`; they name the stream too.',
    }),
    streamFields: list(fieldName, {
      default: [],
      doc: 'Fields of the records that name the stream besides `extraFields`. Few values only: never ids, users or paths.',
    }),
    timeField: text({ default: 'time', doc: 'Field with the time: milliseconds, as pino writes them, or RFC 3339.' }),
    messageField: text({ default: 'msg', doc: 'Field with the message.' }),
    ignoreFields: list(fieldName, { default: [], doc: 'Fields that are not to be stored.' }),
    accountId: integer({ max: 4_294_967_295, doc: 'Tenant: `AccountID`.' }),
    projectId: integer({ max: 4_294_967_295, doc: 'Tenant: `ProjectID`.' }),
    maxLineBytes: size({
      default: 262_144,
      min: 1024,
      max: 2_097_152,
      doc: "Longest line, as the server's `-insert.maxLineSizeBytes` says; longer ones would be skipped in silence, so they are rejected before they are sent.",
    }),
    ...httpFields(),
  },
  { doc: 'VictoriaLogs.' },
);

/** What users write. */
export type VictoriaLogsOptions = Input<typeof victorialogsOptions>;

/** Facts for the docs. */
export const victorialogsTraits: Traits = {
  title: 'VictoriaLogs',
  body: 'raw',
  maxRequest: 'unlimited stream; we send at most 32 MiB',
  maxRecord: '256 KiB by default, 2 MiB at most',
  idempotency: 'none: a repeated batch is stored again',
  compression: 'zstd, gzip',
  auth: 'basic, bearer, headers, mutual TLS (by vmauth or a proxy)',
  proven: 'VictoriaLogs, read back through LogsQL',
};

/** Ships to VictoriaLogs.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example victorialogs({ url: 'http://victorialogs:9428', extraFields: { app: 'shop' } })
 */
export function victorialogs(options: VictoriaLogsOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(victorialogsOptions, options, 'victorialogs');
  return httpTransport({
    name: 'victorialogs',
    url: endpoint(parsed),
    options: parsed,
    encodings: ['zstd', 'gzip'],
    headers: {
      'content-type': 'application/stream+json',
      ...(parsed.accountId !== undefined && { accountid: String(parsed.accountId) }),
      ...(parsed.projectId !== undefined && { projectid: String(parsed.projectId) }),
    },
    limits: {
      maxBytes: 33_554_432,
      maxRecords: 1_000_000,
      // The server counts the newline too.
      maxRecordBytes: parsed.maxLineBytes - 1,
      overheadBytes: 0,
    },
    idempotency: 'none',
    recommended: { maxBytes: 4_194_304, maxRecords: 20_000, lingerMs: 1000, maxInFlight: 2, timeoutMs: 30_000 },
    encode: ({ bytes }) => ({ body: bytes, headers: {} }),
    classify,
  });
}

type Parsed = ReturnType<typeof parseOptions<ReturnType<(typeof victorialogsOptions)['parse']>>>;

function endpoint({ url: base, extraFields, streamFields, timeField, messageField, ignoreFields }: Parsed): URL {
  const target = withDefaultPath(base, '/insert/jsonline');
  const streams = [...Object.keys(extraFields), ...streamFields];
  const set = (name: string, value: string) => value !== '' && target.searchParams.set(name, value);
  set('_stream_fields', streams.join(','));
  set('_time_field', timeField);
  set('_msg_field', messageField);
  set('ignore_fields', ignoreFields.join(','));
  set(
    'extra_fields',
    Object.entries(extraFields)
      .map(([name, value]) => `${name}=${value}`)
      .join(','),
  );
  return target;
}

/**
 * A 400 is about the parameters, or says that not a single line could be read. Of several that is the fault of the
 * parameters too, such as the name of the field with the time; one alone may be odd, and must not hold up the others.
 */
function classify(reply: HttpReply, batch: Batch): Verdict | undefined {
  if (reply.status !== 400) return undefined;
  // What was logged follows the error, and is nothing to show.
  const [, error] = /^(.*?); (?:unparsed tail|line contents): /s.exec(reply.body.toString()) ?? [];
  if (error === undefined) return { outcome: 'hold', reason: replyReason(reply) };
  return { outcome: batch.count === 1 ? 'reject' : 'hold', reason: replyReason(reply, plainReason(error)) };
}
