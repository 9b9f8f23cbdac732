// OpenTelemetry's own protocol over HTTP: POST /v1/logs, to a Collector or to whatever takes OTLP.
// In: batches. Out: log records with typed attributes, or with the lines as their bodies; protobuf or JSON.
// There is no key by which a receiver knows a repetition: delivery is at least once.

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
  object,
  parseOptions,
  type Transport,
  text,
  url,
  withDefaultPath,
} from '@spillway/core';
import { reclaim } from './encode/byte-writer.js';
import { readEnvironment, silent } from './otlp-environment.js';
import { FieldRoles } from './otlp-fields.js';
import type { ResourceValue } from './otlp-form.js';
import { JsonEncoder, jsonOverhead } from './otlp-json.js';
import { ProtobufEncoder, protobufOverhead } from './otlp-protobuf.js';
import { classifyOtlp } from './otlp-replies.js';
import { uidOverhead } from './otlp-uid.js';
import type { Traits } from './traits.js';

/** Options of {@link otlp}. */
export const otlpOptions = object(
  {
    url: url({
      doc: "The receiver's address; without a path, `/v1/logs` is added. Unset: `OTEL_EXPORTER_OTLP_LOGS_ENDPOINT`, `OTEL_EXPORTER_OTLP_ENDPOINT`, else `http://localhost:4318`.",
    }),
    encoding: choice(['protobuf', 'json'], {
      doc: 'protobuf is smaller and cheaper, and the default; json passes every proxy. Unset: `OTEL_EXPORTER_OTLP_PROTOCOL`.',
    }),
    body: choice(['message', 'line'], {
      default: 'message',
      doc: "message: the message is the record's body, all other fields are typed attributes. line: the line is the body as it is, several times cheaper; the receiver has to parse it.",
    }),
    resource: dictionary(
      custom<ResourceValue>({
        expected: 'a string, a number or a boolean',
        check: (value) => (isResourceValue(value) ? value : undefined),
        doc: 'Value of the attribute.',
      }),
      {
        default: {},
        doc: 'Attributes of the resource, such as `service.name`. They win over `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.',
      },
    ),
    messageField: text({ default: 'msg', doc: 'Field that becomes the body.' }),
    errorField: text({
      default: 'err',
      doc: 'Field with an error, whose members become `exception.type`, `exception.message`, `exception.stacktrace` and so on.',
    }),
    recordIds: flag({
      default: false,
      doc: "Adds the record's id as the attribute `log.record.uid`, by which readers can tell repetitions.",
    }),
    environment: flag({
      default: true,
      doc: 'Whether the `OTEL_*` variables fill in what is not given here.',
    }),
    ...httpFields(),
  },
  { doc: 'OpenTelemetry Protocol over HTTP.' },
);

/** What users write. */
export type OtlpOptions = Input<typeof otlpOptions>;

/** Facts for the docs. */
export const otlpTraits: Traits = {
  title: 'OpenTelemetry (OTLP/HTTP)',
  body: 'transcoded',
  maxRequest: "20 MiB, the Collector's default; we send 1 MiB",
  maxRecord: '1 MiB',
  idempotency: 'none: a repeated batch is stored again, but by Loki, which stores equal entries once',
  compression: 'gzip',
  auth: 'basic, bearer, headers, mutual TLS',
  proven: 'OpenTelemetry Collector, VictoriaLogs and Loki, read back from each',
};

/** `max_request_body_size` of the Collector's receiver, after decompression (config/confighttp). The protocol's advice is 64 MiB. */
const maxRequestBytes = 20 * 1024 * 1024;
/** A record beyond is a mistake, not a log line; typed, it may become several times as long. */
const maxRecordBytes = 1024 * 1024;
/** What the semantic conventions prescribe where nobody named the service. */
const unknownService = { 'service.name': 'unknown_service:node' };

/** Ships to an OpenTelemetry Collector, or to anything that takes OTLP over HTTP.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example otlp({ url: 'http://otel-collector:4318', resource: { 'service.name': 'shop' } })
 */
export function otlp(options: OtlpOptions = {}): Transport<HttpWire, HttpReply> {
  const given = parseOptions(otlpOptions, options, 'otlp');
  const { compression, timeoutMs, resource, ...variables } = given.environment
    ? readEnvironment(process.env, given)
    : silent;
  const known = parseOptions(otlpOptions, variables, 'OTEL_EXPORTER_OTLP');
  const target = withDefaultPath(given.url ?? known.url ?? 'http://localhost:4318', '/v1/logs');
  // The variables may hold certificates for other signals.
  const tls = given.tls ?? (target.protocol === 'https:' ? known.tls : undefined);
  const merged = { ...given, tls, headers: { ...known.headers, ...given.headers } };
  const form = {
    body: given.body,
    resource: { ...unknownService, ...resource, ...given.resource },
    roles: new FieldRoles(given),
    recordIds: given.recordIds,
  };
  const encoding = given.encoding ?? known.encoding ?? 'protobuf';
  const json = encoding === 'json';
  const encoder = json ? new JsonEncoder(form) : new ProtobufEncoder(form);
  const transport = httpTransport({
    name: 'otlp',
    url: target,
    options: merged,
    encodings: ['gzip'],
    headers: { 'content-type': json ? 'application/json' : 'application/x-protobuf' },
    limits: {
      maxBytes: maxRequestBytes,
      maxRecords: 50_000,
      maxRecordBytes,
      overheadBytes: (json ? jsonOverhead : protobufOverhead) + (given.recordIds ? uidOverhead[encoding] : 0),
    },
    idempotency: 'none',
    recommended: {
      maxBytes: 1_048_576,
      maxRecords: 5000,
      lingerMs: 1000,
      maxInFlight: 2,
      timeoutMs: timeoutMs ?? 10_000,
    },
    encode: (batch) => ({ body: encoder.encode(batch), headers: {} }),
    recycle: reclaim,
    classify: classifyOtlp,
  });
  return {
    ...transport,
    // What the pipeline is told wins over the variable.
    open: (runtime, settings) =>
      transport.open(
        runtime,
        settings.compression === 'auto' ? { ...settings, compression: compression ?? 'auto' } : settings,
      ),
  };
}

function isResourceValue(value: unknown): value is ResourceValue {
  return (
    typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
  );
}
