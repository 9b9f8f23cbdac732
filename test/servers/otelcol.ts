// The OpenTelemetry Collector: OTLP over gRPC and HTTP, Splunk HEC with indexer acknowledgement, fluent forward (acks by chunk,
// compressed; no TLS, no handshake), RFC 5424 over octet-counted TCP, lines over TCP and TLS, anything over HTTP (a record a
// request, gzip). Read back as OTLP-JSON, a file a receiver.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers } from './http.js';
import { readLineFile } from './line-file.js';
import type { StartOptions } from './server.js';
import { renderConfig } from './template.js';
import { type TlsFiles, tlsFiles } from './tls.js';

export interface OtelcolOptions extends StartOptions {
  /** An OTLP/HTTP body above it is answered with 400. @default 20 MiB */
  readonly maxRequestBytes?: number;
}

/** A value of OTLP-JSON: `{ stringValue: 'x' }`, `{ intValue: '1' }`, `{ kvlistValue: { values: [...] } }` … */
export type OtlpValue = Readonly<Record<string, unknown>>;

export interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

/** One log record of OTLP-JSON with the attributes of its resource. */
export interface OtlpRecord {
  readonly resource: readonly OtlpAttribute[];
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: OtlpValue;
  readonly attributes?: readonly OtlpAttribute[];
  readonly traceId?: string;
  readonly spanId?: string;
  readonly flags?: number;
}

interface OtlpLine {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes?: readonly OtlpAttribute[] };
    readonly scopeLogs: readonly { readonly logRecords?: readonly Omit<OtlpRecord, 'resource'>[] }[];
  }[];
}

export interface OtelcolReadBack {
  /** Every record that came in by that receiver; written records arrive a moment later: read back with `until`. */
  records(receiver: 'otlp' | 'hec' | 'fluent' | 'syslog' | 'lines' | 'webhook'): OtlpRecord[];
  readonly tls: TlsFiles;
}

/** `url` takes OTLP/HTTP (`/v1/logs`); the other receivers are in `ports`. */
export const otelcol = serverOf<
  'http' | 'grpc' | 'hec' | 'fluent' | 'syslog' | 'lines' | 'linesTls' | 'webhook' | 'health',
  OtelcolReadBack,
  OtelcolOptions
>({
  name: 'otelcol',
  ports: ['http', 'grpc', 'hec', 'fluent', 'syslog', 'lines', 'linesTls', 'webhook', 'health'],
  url: ({ ports }) => `http://127.0.0.1:${ports.http}`,
  command({ directory, dir, ports, options }) {
    const { serverCert, serverKey } = tlsFiles(dir);
    const config = renderConfig('otelcol.yaml', dir, {
      DIR: dir,
      HTTP: ports.http,
      GRPC: ports.grpc,
      HEC: ports.hec,
      FLUENT: ports.fluent,
      SYSLOG: ports.syslog,
      LINES: ports.lines,
      LINES_TLS: ports.linesTls,
      WEBHOOK: ports.webhook,
      CERT: serverCert,
      KEY: serverKey,
      HEALTH: ports.health,
      MAX_BODY: options.maxRequestBytes ?? 20 * 1024 * 1024,
    });
    return { file: join(directory, 'otelcol'), args: ['--config', config] };
  },
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.health}/`),
  extend: ({ dir }) => ({
    tls: tlsFiles(dir),
    records: (receiver) =>
      readLineFile<OtlpLine>(join(dir, `${receiver}.jsonl`)).flatMap(({ resourceLogs }) =>
        resourceLogs.flatMap(({ resource, scopeLogs }) =>
          scopeLogs.flatMap(({ logRecords = [] }) =>
            logRecords.map((record) => ({ ...record, resource: resource.attributes ?? [] })),
          ),
        ),
      ),
  }),
});
