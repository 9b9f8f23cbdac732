// Graylog, in its own format: GELF 1.1 over TCP, TLS, UDP or HTTP.
// In: batches. Out: a message a record. Over HTTP an ack says that Graylog has the message in its journal; over the others
// nothing is ever acknowledged, and an ack is worth what `confirm` says.

import { hostname } from 'node:os';
import {
  type AnyTransport,
  choice,
  datagramTransport,
  dictionary,
  flag,
  httpTransport,
  type Input,
  integer,
  type Limits,
  object,
  type Parsed,
  parseOptions,
  plainProtocol,
  required,
  type StreamAddress,
  size,
  streamTransport,
  text,
  withDefaultPath,
} from '@spillway/core';
import { refuseIdle, refuseWith } from './applicable.js';
import { chunkHeadBytes, datagramsOf, type GelfDatagrams, maxChunks } from './gelf-chunks.js';
import { reservedNames } from './gelf-fields.js';
import { type GelfMessages, gelfEncoder, gelfOverhead } from './gelf-messages.js';
import { anyFields, anyUrl, idleWith, keptMs, wayOf } from './stream-or-http.js';
import type { Traits } from './traits.js';

/** 12201 is the port of all of Graylog's GELF inputs. */
const schemes = {
  tcp: { over: 'tcp', port: 12_201 },
  tls: { over: 'tls', port: 12_201 },
  udp: { over: 'udp', port: 12_201 },
} as const;

const fieldName = {
  pattern: new RegExp(`^(?!(?:${reservedNames.join('|')})$)[\\w.-]{1,64}$`),
  expected: "1 to 64 letters, digits, _, . and -, and none of Graylog's own names",
};

/** Options of {@link gelf}. */
export const gelfOptions = object(
  {
    url: required(anyUrl(schemes, 'Where the input listens. Over HTTP, without a path, `/gelf` is added.')),
    host: text({ doc: "The message's `host`, which Graylog calls source. Default: this machine's name." }),
    body: choice(['fields', 'line'], {
      default: 'fields',
      doc: 'fields: the fields of the line are additional fields of the message. line: the line is `full_message`, for an extractor over there.',
    }),
    messageField: text({ default: 'msg', doc: 'Field that becomes `short_message`.' }),
    fields: dictionary(text({ doc: 'Value.' }), {
      default: {},
      keys: text({ ...fieldName, doc: 'Name, without the underscore before it.' }),
      doc: 'Additional fields of all messages, such as `env`.',
    }),
    idField: text({
      ...fieldName,
      doc: "Name of an additional field for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    bulk: flag({
      default: false,
      doc: 'Over HTTP: many messages a request, which the input must allow (bulk receiving). Otherwise Graylog takes the first and drops the rest.',
    }),
    maxRequestBytes: size({
      default: 65_536,
      min: 4096,
      max: 67_108_864,
      doc: "Over HTTP: the input's `max_chunk_size`, after decompression.",
    }),
    chunkBytes: integer({
      default: 1420,
      min: 512,
      max: 8192,
      doc: 'Over UDP: longest datagram. Up to 8192 where the network does not lose fragments.',
    }),
    compress: choice(['auto', 'none', 'gzip', 'zlib'], {
      default: 'auto',
      doc: 'Over UDP: compression of each message. auto: gzip for those that would not fit into one datagram.',
    }),
    ...anyFields(),
  },
  { doc: 'Graylog.' },
);

/** What users write. */
export type GelfOptions = Input<typeof gelfOptions>;

/** Facts for the docs. */
export const gelfTraits: Traits = {
  title: 'Graylog (GELF)',
  body: 'transcoded',
  maxRequest: '64 KiB over HTTP (`max_chunk_size`), an option; a stream has none; 128 datagrams a message',
  maxRecord: '1 MiB over TCP, as a message 2 MiB; 176 KiB over UDP by default',
  idempotency: 'none: a repeated message is stored again',
  compression: 'gzip over HTTP, gzip and zlib over UDP',
  auth: 'basic, bearer, headers, mutual TLS',
  proven: "Graylog's own decoder, joiner of chunks, frames and HTTP handler, read back as it would store them",
};

/** Most bytes of one batch on a stream; no limit of the protocol. */
const maxStreamBytes = 4_194_304;
/** `max_message_size` of Graylog's TCP input. */
const maxFrameBytes = 2_097_152;
const newline = 0x0a;
const httpOnly = ['bulk', 'maxRequestBytes'];
const udpOnly = ['chunkBytes', 'compress'];

type Form = Parsed<typeof gelfOptions> & { readonly host: string };

/** Ships to Graylog.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example gelf({ url: 'tls://graylog:12201', fields: { env: 'prod' } })
 */
export function gelf(options: GelfOptions): AnyTransport {
  const parsed = parseOptions(gelfOptions, options, 'gelf');
  const { url } = parsed;
  const way = wayOf(url, schemes)!;
  const scheme = url.slice(0, url.indexOf(':')).toLowerCase();
  const idle = [...(way.over === 'http' ? [] : httpOnly), ...(scheme === 'udp' ? [] : udpOnly)];
  refuseIdle('gelf', options, scheme, [...(idleWith[scheme] ?? []), ...idle]);
  if (parsed.confirm === 'read') refuseWith('gelf', options, 'confirm read', ['confirmMs']);
  const form = { ...parsed, host: parsed.host ?? (hostname() || 'localhost') };
  if (way.over === 'http') return overHttp(form);
  const { address } = way;
  return address.kind === 'udp' ? overUdp(form, address) : overStream(form, address);
}

const common = { name: 'gelf', idempotency: 'none' } as const;

function overHttp(form: Form): AnyTransport {
  const { url, bulk, maxRequestBytes: maxBytes, keepAliveMs = keptMs.http } = form;
  const encode = gelfEncoder(form, bulk ? newline : undefined);
  return httpTransport({
    ...common,
    url: withDefaultPath(url, '/gelf'),
    options: { ...form, keepAliveMs },
    encodings: ['gzip', 'deflate'],
    headers: { 'content-type': 'application/json' },
    limits: limitsOf(form, { maxBytes, maxRecords: bulk ? 50_000 : 1 }),
    recommended: { maxBytes, lingerMs: 500, maxInFlight: bulk ? 4 : 8, timeoutMs: 15_000 },
    encode: (batch) => ({ body: encode(batch).body, headers: {} }),
  });
}

function overUdp(form: Form, address: Extract<StreamAddress, { host: string }>): AnyTransport {
  const { url, chunkBytes, confirmMs, maxConnectionAgeMs } = form;
  const encode = gelfEncoder(form, undefined);
  // Each is a datagram at least, compressed alone: more at once would only be lost together.
  const limits = limitsOf(form, { maxBytes: maxStreamBytes, maxRecords: 2000 });
  const transport = datagramTransport({
    ...common,
    url,
    address,
    confirmMs,
    maxConnectionAgeMs,
    limits: { ...limits, maxRecordBytes: maxChunks * (chunkBytes - chunkHeadBytes) - limits.overheadBytes },
    recommended: { maxBytes: 65_536, maxRecords: 200, lingerMs: 250, maxInFlight: 1, timeoutMs: 30_000 },
    encode: (batch) => datagramsOf(batch, encode(batch), form),
  });
  return { ...transport, sizeOf: (wire) => (wire as GelfDatagrams).size };
}

function overStream(form: Form, address: StreamAddress): AnyTransport {
  const { url, keepAliveMs = keptMs.stream } = form;
  return streamTransport({
    ...common,
    url,
    address,
    options: { ...form, keepAliveMs },
    limits: limitsOf(form, { maxBytes: maxStreamBytes, maxRecords: 50_000 }),
    recommended: { maxBytes: 524_288, maxRecords: 2000, lingerMs: 250, maxInFlight: 8, timeoutMs: 30_000 },
    encode: gelfEncoder(form, 0),
    sizeOf: streamSize,
    classify: () => ({ outcome: 'ack' }),
    protocol: () => plainProtocol(form),
  });
}

/** A message that is too long for Graylog makes a wire larger than any limit: the pipeline finds it and rejects it alone. */
function streamSize({ body, ends }: GelfMessages): number {
  return ends.some((end, i) => end - (ends[i - 1] ?? 0) > maxFrameBytes) ? Number.MAX_SAFE_INTEGER : body.length;
}

function limitsOf(form: Form, most: Pick<Limits, 'maxBytes' | 'maxRecords'>): Limits {
  const overheadBytes = gelfOverhead(form);
  return { ...most, maxRecordBytes: Math.min(1_048_576, most.maxBytes - overheadBytes), overheadBytes };
}
