// Grafana Loki, by its push API: POST /loki/api/v1/push.
// In: batches. Out: one stream of constant labels, lines untouched; protobuf in snappy, or JSON in gzip.
// Labels name the source, never a request, a user or a pod: each distinct set is a stream, and Loki allows few.

import {
  choice,
  custom,
  dictionary,
  flag,
  type HttpReply,
  type HttpWire,
  httpFields,
  httpTransport,
  type Input,
  integer,
  list,
  object,
  parseOptions,
  required,
  size,
  type Transport,
  text,
  url,
  withDefaultPath,
} from '@spillway/core';
import { reclaim } from './encode/byte-writer.js';
import { literalRoom, snappy, snappyLiteral } from './encode/snappy.js';
import { encodeJson } from './loki-json.js';
import { encodeProtobuf } from './loki-protobuf.js';
import { classifyLoki } from './loki-replies.js';
import type { LokiFiling } from './loki-streams.js';
import type { Traits } from './traits.js';

const labelNames = text({
  pattern: /^[a-zA-Z_][a-zA-Z0-9_]{0,255}$/,
  expected: 'a label name: letters, digits and _, not starting with a digit',
  doc: 'Label name.',
});

/** Options of {@link loki}. */
export const lokiOptions = object(
  {
    url: required(url({ doc: "Loki's address; without a path, `/loki/api/v1/push` is added." })),
    labels: dictionary(text({ doc: 'Label value.' }), {
      default: { service_name: 'app' },
      keys: labelNames,
      doc: 'Labels of the stream. Name the source only: application, environment, region.',
    }),
    labelsFrom: list(text({ doc: 'Top-level field.' }), {
      default: [],
      doc: 'Top-level fields that become labels, such as `level` or `module`. Each distinct set is a stream of its own; lines are parsed unless it is `level` alone.',
    }),
    maxStreams: integer({
      default: 32,
      min: 1,
      max: 1000,
      doc: 'Most label sets in one request; records beyond go to the stream of the constant labels.',
    }),
    structuredMetadata: list(text({ doc: 'Top-level field.' }), {
      default: [],
      doc: 'Top-level fields to lift into structured metadata, such as `trace_id`. Lines are parsed for it, 1 to 3 µs each.',
    }),
    levelMetadata: flag({
      default: true,
      doc: 'Adds `level` (trace … fatal) as structured metadata. Turn it off for Loki before 3.0 or where structured metadata is disallowed.',
    }),
    tenantId: custom<string>({
      expected: 'a tenant id without | and :',
      check: (value) => (typeof value === 'string' && /^[\w!.*'()-]{1,150}$/.test(value) ? value : undefined),
      doc: 'Tenant, sent as `X-Scope-OrgID`.',
    }),
    encoding: choice(['protobuf', 'json'], {
      default: 'protobuf',
      doc: 'protobuf is cheaper; json passes every proxy.',
    }),
    maxLineBytes: size({
      default: 262_144,
      min: 1024,
      max: 3_145_728,
      doc: "Longest line, as Loki's `max_line_size` says; longer ones are rejected before they are sent.",
    }),
    snappy: choice(['compress', 'literal'], {
      default: 'compress',
      doc: 'protobuf always travels in snappy. literal: its framing without compression, where CPU is dearer than network.',
    }),
    ...httpFields(),
  },
  { doc: 'Grafana Loki.' },
);

/** What users write. */
export type LokiOptions = Input<typeof lokiOptions>;

/** Facts for the docs. */
export const lokiTraits: Traits = {
  title: 'Grafana Loki',
  body: 'framed',
  maxRequest: '3.5 MiB, below the 4 MiB that Loki passes on',
  maxRecord: '256 KiB by default',
  idempotency: 'record: same stream, time, line and metadata are stored once',
  compression: 'snappy (protobuf), gzip (JSON)',
  auth: 'basic, bearer, tenant id, headers, mutual TLS',
  proven: 'Loki, read back through LogQL',
};

/** Below the 4 MiB that a distributor may send to an ingester in one message (grpc_server_max_recv_msg_size). */
const maxRequestBytes = 3_670_016;

/** Ships to Grafana Loki.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example loki({ url: 'http://loki:3100', labels: { service_name: 'shop', env: 'prod' } })
 */
export function loki(options: LokiOptions): Transport<HttpWire, HttpReply> {
  const parsed = parseOptions(lokiOptions, options, 'loki');
  const json = parsed.encoding === 'json';
  const envelope = JSON.stringify(parsed.labels).length + 64;
  const filing: LokiFiling = parsed;
  return httpTransport({
    name: 'loki',
    url: withDefaultPath(parsed.url, '/loki/api/v1/push'),
    options: parsed,
    // Loki ignores Content-Encoding on protobuf: a body in gzip would not be decoded.
    encodings: json ? ['gzip'] : [],
    headers: {
      'content-type': json ? 'application/json' : 'application/x-protobuf',
      ...(parsed.tenantId && { 'x-scope-orgid': parsed.tenantId }),
    },
    limits: {
      maxBytes: maxRequestBytes,
      maxRecords: 50_000,
      maxRecordBytes: parsed.maxLineBytes,
      overheadBytes: 64 + 64 * (parsed.structuredMetadata.length + parsed.labelsFrom.length),
    },
    // Loki drops an entry that equals a stored one in stream, time, line and metadata; times here differ by sequence.
    idempotency: 'record',
    // One at a time: when requests for a stream overlap, Loki may log them in another order than it numbered them, and
    // after a restart it takes the later-logged one for a repetition and drops it (github.com/grafana/loki/pull/3974).
    recommended: {
      maxBytes: 1_048_576,
      maxRecords: 5000,
      lingerMs: 1000,
      maxInFlight: 1,
      timeoutMs: 10_000,
      // Loki refuses entries that are more than an hour older than the newest of their stream.
      drain: 'oldestFirst',
    },
    encode(batch) {
      if (json) {
        const body = encodeJson(batch, filing);
        return { body, headers: {}, size: body.length - envelope };
      }
      if (parsed.snappy === 'literal') {
        const body = snappyLiteral(encodeProtobuf(batch, filing, literalRoom));
        return { body, headers: {}, size: body.length - envelope };
      }
      const plain = encodeProtobuf(batch, filing, 0);
      const body = snappy(plain);
      reclaim(plain);
      return { body, headers: {}, size: plain.length - envelope };
    },
    recycle: reclaim,
    classify: (reply, batch) => classifyLoki(reply, batch, filing),
  });
}
