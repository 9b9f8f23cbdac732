// Logstash: its tcp input with the json_lines codec, or its http input.
// In: batches. Out: an event a record, the line as it is. Over HTTP an ack says that Logstash has the events in its queue;
// over TCP nothing is ever acknowledged, and an ack is worth what `confirm` says.

import {
  type AnyTransport,
  flag,
  httpTransport,
  type Input,
  object,
  parseOptions,
  plainProtocol,
  required,
  size,
  streamTransport,
  text,
} from '@spillway/core';
import { refuseIdle, refuseWith } from './applicable.js';
import { reclaim } from './encode/byte-writer.js';
import { logstashArray, logstashLines, logstashOverhead } from './logstash-events.js';
import { anyFields, anyUrl, idleWith, keptMs, wayOf } from './stream-or-http.js';
import type { Traits } from './traits.js';

/** The tcp input has no port of its own. */
const schemes = { tcp: { over: 'tcp' }, tls: { over: 'tls' } } as const;

/** Options of {@link logstash}. */
export const logstashOptions = object(
  {
    url: required(
      anyUrl(schemes, 'Where the input listens: tcp and tls for the tcp input, http and https for the other.'),
    ),
    timestamp: flag({
      default: true,
      doc: "Adds `@timestamp`, the record's own time, to events that have none. Off: Logstash takes the time of arrival.",
    }),
    idField: text({
      doc: "Name of a field for the record's id, by which what comes after Logstash can tell repetitions. Default: none.",
    }),
    maxEventBytes: size({
      default: 1_048_576,
      min: 1024,
      max: 33_554_432,
      doc: 'Longest record.',
    }),
    ...anyFields(),
  },
  { doc: 'Logstash.' },
);

/** What users write. */
export type LogstashOptions = Input<typeof logstashOptions>;

/** Facts for the docs. */
export const logstashTraits: Traits = {
  title: 'Logstash',
  body: 'framed',
  maxRequest: '100 MiB over HTTP (`max_content_length`), a stream has none; we send 1 MiB',
  maxRecord: '1 MiB by default, an option',
  idempotency: 'none; with `idField` whatever is behind Logstash can tell',
  compression: 'gzip over HTTP',
  auth: 'basic, headers, mutual TLS',
  proven: "the OpenTelemetry Collector's receivers for lines over TCP and TLS and for JSON over HTTP",
};

/** Well below http input's max_content_length of 100 MiB, and what proxies before it tend to take. */
const maxRequestBytes = 16_777_216;

/** Ships to Logstash.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example logstash({ url: 'tls://logstash:5000', tls: { ca: '/etc/ssl/ca.pem' } })
 */
export function logstash(options: LogstashOptions): AnyTransport {
  const parsed = parseOptions(logstashOptions, options, 'logstash');
  const { url, maxEventBytes, keepAliveMs } = parsed;
  const way = wayOf(url, schemes)!;
  const scheme = url.slice(0, url.indexOf(':')).toLowerCase();
  refuseIdle('logstash', options, scheme, idleWith[scheme] ?? []);
  if (parsed.confirm === 'read') refuseWith('logstash', options, 'confirm read', ['confirmMs']);
  const overheadBytes = logstashOverhead(parsed);
  const common = {
    name: 'logstash',
    limits: {
      maxBytes: Math.max(maxRequestBytes, maxEventBytes + overheadBytes),
      maxRecords: 50_000,
      maxRecordBytes: maxEventBytes,
      overheadBytes,
    },
    idempotency: 'none',
  } as const;
  if (way.over === 'http') {
    return httpTransport({
      ...common,
      url: way.url,
      options: { ...parsed, keepAliveMs: keepAliveMs ?? keptMs.http },
      encodings: ['gzip', 'deflate'],
      headers: { 'content-type': 'application/json' },
      recommended: { maxBytes: 1_048_576, maxRecords: 5000, lingerMs: 1000, maxInFlight: 2, timeoutMs: 30_000 },
      encode: (batch) => ({ body: logstashArray(batch, parsed), headers: {} }),
      recycle: reclaim,
    });
  }
  return streamTransport({
    ...common,
    url,
    address: way.address,
    options: { ...parsed, keepAliveMs: keepAliveMs ?? keptMs.stream },
    recommended: { maxBytes: 524_288, maxRecords: 2000, lingerMs: 250, maxInFlight: 8, timeoutMs: 30_000 },
    encode: (batch) => ({ body: logstashLines(batch, parsed) }),
    sizeOf: ({ body }) => body.length,
    classify: () => ({ outcome: 'ack' }),
    protocol: () => plainProtocol(parsed),
  });
}
