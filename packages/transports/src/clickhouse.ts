// ClickHouse, over HTTP: INSERT … FORMAT JSONEachRow.
// In: batches. Out: the same bytes; table, settings and the token of the batch travel in the query.
// A batch that comes twice is skipped by its token, where the table keeps a window of them; see docs/transports/clickhouse.md.

import {
  dictionary,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  object,
  parseOptions,
  required,
  type Transport,
  text,
  url,
} from '@spillway/core';
import { classifyInsert } from './clickhouse-replies.js';
import type { Traits } from './traits.js';

/** Identifiers are quoted; what would need escapes in quotes is a mistake. */
const identifier = /^[^`\\\p{Cc}]{1,200}$/u;

/** Options of {@link clickhouse}. */
export const clickhouseOptions = object(
  {
    url: required(url({ doc: "The server's HTTP interface, usually on port 8123, or 8443 with TLS." })),
    table: required(text({ pattern: identifier, expected: 'the name of a table', doc: 'Table to insert into.' })),
    database: text({
      default: 'default',
      pattern: identifier,
      expected: 'the name of a database',
      doc: 'Its database.',
    }),
    column: text({
      pattern: identifier,
      expected: 'the name of a column',
      doc: 'Column that takes whole lines as text (`JSONAsString`), instead of a column for each field (`JSONEachRow`).',
    }),
    asyncInsert: flag({
      default: false,
      doc: 'Lets the server gather the inserts of many writers, and waits until they are stored. Repetitions are then skipped only by replicated tables.',
    }),
    settings: dictionary(text({ doc: 'Value.' }), {
      default: {},
      keys: text({ pattern: /^[a-z]\w{0,100}$/i, expected: 'the name of a setting', doc: 'Name.' }),
      doc: "Further settings of ClickHouse for the insert; they win over the transport's own.",
    }),
    ...httpFields(),
  },
  { doc: 'ClickHouse.' },
);

/** What users write. */
export type ClickhouseOptions = Input<typeof clickhouseOptions>;

/** Facts for the docs. */
export const clickhouseTraits: Traits = {
  title: 'ClickHouse',
  body: 'raw',
  maxRequest: 'unlimited stream; we send at most 64 MiB, so that an insert is one block',
  maxRecord: '8 MiB',
  idempotency: 'batch: `insert_deduplication_token`, within the window of the table',
  compression: 'zstd, gzip, deflate',
  auth: 'basic, bearer, headers, mutual TLS',
  proven: "ClickHouse's engine behind an HTTP interface of our own, read back through SQL",
};

/** Below `min_insert_block_size_bytes` (256 MiB), beyond which an insert is cut into several blocks. */
const maxRequestBytes = 67_108_864;
/** Below `max_insert_block_size` (1,048,449 rows), likewise. */
const maxRecords = 1_000_000;
/** Below `min_chunk_bytes_for_parallel_parsing` (10 MiB). */
const maxRecordBytes = 8_388_608;

/** Ships to ClickHouse.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example clickhouse({ url: 'http://clickhouse:8123', table: 'logs', basicAuth: { username: 'writer', passwordFile: '/run/secrets/ch' } })
 */
export function clickhouse(options: ClickhouseOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(clickhouseOptions, options, 'clickhouse');
  const target = insertUrl(parsed);
  const path = `${target.pathname}${target.search}`;
  return httpTransport({
    name: 'clickhouse',
    url: target,
    options: parsed,
    encodings: ['zstd', 'gzip', 'deflate'],
    headers: { 'content-type': 'application/x-ndjson' },
    limits: { maxBytes: maxRequestBytes, maxRecords, maxRecordBytes, overheadBytes: 0 },
    idempotency: 'batch',
    recommended: { maxBytes: 8_388_608, maxRecords: 50_000, lingerMs: 1000, maxInFlight: 2, timeoutMs: 60_000 },
    encode({ bytes, id }) {
      const token = encodeURIComponent(id);
      // As the id of the query it also keeps a repetition out while the first attempt still runs.
      return { body: bytes, headers: {}, path: `${path}&insert_deduplication_token=${token}&query_id=${token}` };
    },
    classify: classifyInsert,
  });
}

type Parsed = ReturnType<(typeof clickhouseOptions)['parse']>;

function insertUrl({ url: base, table, database, column, asyncInsert, settings }: Parsed): URL {
  const target = new URL(base);
  const rows = column === undefined ? 'FORMAT JSONEachRow' : `(\`${column}\`) FORMAT JSONAsString`;
  const all = {
    query: `INSERT INTO \`${table}\` ${rows}`,
    database,
    // Fields without a column are left out rather than refused; dates may be written the way loggers do.
    input_format_skip_unknown_fields: '1',
    date_time_input_format: 'best_effort',
    // With wait=0 the answer would mean nothing.
    ...(asyncInsert && { async_insert: '1', wait_for_async_insert: '1' }),
    ...settings,
  };
  for (const [name, value] of Object.entries(all)) target.searchParams.set(name, value);
  return target;
}
