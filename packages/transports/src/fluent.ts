// Fluentd, Fluent Bit and everything else that takes the forward protocol, version 1.
// In: batches. Out: PackedForward messages, in gzip where that pays, acknowledged chunk by chunk.

import { hostname } from 'node:os';
import {
  addressOf,
  type Batch,
  choice,
  flag,
  type Input,
  milliseconds,
  object,
  type Parsed,
  parseOptions,
  plainReason,
  required,
  SpillwayError,
  secretReader,
  streamFields,
  streamTransport,
  streamUrl,
  type Transport,
  text,
  type Verdict,
  wireCompressor,
} from '@spillway/core';
import { refuseIdle, refuseWith } from './applicable.js';
import { entriesEncoder, entryOverhead, type FluentWire } from './fluent-entries.js';
import { type FluentReply, fluentProtocol } from './fluent-session.js';
import type { Traits } from './traits.js';

/** 24224 is assigned by IANA. */
const schemes = {
  tcp: { over: 'tcp', port: 24_224 },
  tls: { over: 'tls', port: 24_224 },
  unix: { over: 'unix' },
} as const;

/** Options of {@link fluent}. */
export const fluentOptions = object(
  {
    url: required(streamUrl(schemes, 'Where the receiver listens.')),
    tag: text({
      pattern: /^[!-~]{1,255}$/,
      expected: 'up to 255 printable ASCII characters without spaces',
      default: 'app',
      doc: 'Tag of all events, by which the receiver routes them.',
    }),
    record: choice(['fields', 'line'], {
      default: 'fields',
      doc: "fields: the line's own fields. line: the line as one field, for a `parser` filter; costs a fifth.",
    }),
    lineField: text({ default: 'log', doc: 'The field that holds the line.' }),
    idField: text({ doc: "Adds the record's id under this name, by which readers can tell repetitions." }),
    requireAck: flag({
      default: true,
      doc: 'Asks for an acknowledgement of each batch. Off: a batch counts when it was written and nothing went wrong for `confirmMs`.',
    }),
    confirmMs: milliseconds({
      default: 500,
      max: 60_000,
      doc: 'Without acknowledgements: how long to watch for an error or a close after a batch was written.',
    }),
    sharedKey: text({ secret: true, doc: 'Shared key of the `<security>` section, if the receiver has one.' }),
    sharedKeyFile: text({ doc: 'File that holds the shared key; read again when it changes.' }),
    username: text({ doc: 'User name, if the receiver wants one.' }),
    password: text({ secret: true, doc: 'Password.' }),
    passwordFile: text({ doc: 'File that holds the password; read again when it changes.' }),
    hostname: text({ doc: "How we call ourselves in the login. Default: this machine's name." }),
    ...streamFields(),
  },
  { doc: 'Fluentd and Fluent Bit.' },
);

/** What users write. */
export type FluentOptions = Input<typeof fluentOptions>;

/** Facts for the docs. */
export const fluentTraits: Traits = {
  title: 'Fluentd and Fluent Bit (forward protocol)',
  body: 'transcoded',
  maxRequest: '4 MiB, below the 6 MB that Fluent Bit takes; we send 512 KiB',
  maxRecord: '1 MiB',
  idempotency: 'none: a repeated chunk is stored again',
  compression: 'gzip',
  auth: 'shared key, user and password, mutual TLS',
  proven: "the Fluent project's own server and the OpenTelemetry Collector, read back from their files",
};

/** Fluent Bit takes messages up to 6,144,000 bytes (plugins/in_forward/fw_conn.h). */
const maxBytes = 4_194_304;
const maxRecordBytes = 1_048_576;

/** Ships to Fluentd, Fluent Bit or another receiver of the forward protocol.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example fluent({ url: 'tls://fluentd:24224', tag: 'shop.app', sharedKeyFile: '/run/secrets/fluent' })
 */
export function fluent(options: FluentOptions): Transport<FluentWire, FluentReply> {
  const parsed = parseOptions(fluentOptions, options, 'fluent');
  const { url, tag, requireAck, confirmMs } = parsed;
  const address = addressOf(url, schemes)!;
  if (address.kind !== 'tls') refuseIdle('fluent', options, address.kind, ['tls']);
  if (requireAck) refuseWith('fluent', options, 'requireAck', ['confirmMs']);
  const identity = identityOf(parsed);
  return streamTransport({
    name: 'fluent',
    url,
    address,
    options: parsed,
    limits: { maxBytes, maxRecords: 50_000, maxRecordBytes, overheadBytes: entryOverhead(parsed) },
    idempotency: 'none',
    // Fluentd itself waits 190 s for an acknowledgement; a receiver that needs a minute is in trouble.
    recommended: { maxBytes: 524_288, maxRecords: 5000, lingerMs: 1000, maxInFlight: 4, timeoutMs: 60_000 },
    encodings: ['gzip'],
    encode: entriesEncoder(parsed),
    sizeOf: ({ body }) => body.length,
    classify,
    protocol: (encoding) =>
      fluentProtocol({ tag, requireAck, confirmMs, identity, compress: wireCompressor(encoding) }),
  });
}

function identityOf(options: Parsed<typeof fluentOptions>) {
  const { sharedKey, sharedKeyFile, username, password, passwordFile } = options;
  if (username === undefined) refuseWith('fluent', options, 'no username', ['password', 'passwordFile']);
  if (sharedKey === undefined && sharedKeyFile === undefined) {
    if (username === undefined) return undefined;
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      'Expected `fluent.sharedKey` or `fluent.sharedKeyFile` with `fluent.username`: receivers ask for users only together with a key',
    );
  }
  const readKey = secretReader({ option: 'sharedKey', value: sharedKey, file: sharedKeyFile });
  const readPassword = secretReader({ option: 'password', value: password, file: passwordFile });
  return async () => ({
    hostname: options.hostname ?? hostname(),
    sharedKey: (await readKey())!,
    username,
    password: await readPassword(),
  });
}

function classify(reply: FluentReply, { count }: Batch): Verdict {
  switch (reply.kind) {
    case 'acknowledged':
    case 'taken':
      return { outcome: 'ack' };
    case 'refused':
      return { outcome: 'hold', reason: plainReason(reply.reason) };
    case 'noLogin':
      return { outcome: 'retry', reason: 'no login was asked for: does the destination have a shared key?' };
    case 'unacknowledged':
      return unacknowledged(reply.overtaken, count);
    default:
      return reply satisfies never;
  }
}

/** Receivers drop what they cannot take without a word (`chunk_size_limit`, decompressed size, records that are no maps). */
function unacknowledged(overtaken: boolean, count: number): Verdict {
  if (!overtaken) return { outcome: 'retry', reason: 'no acknowledgement in time' };
  return { outcome: count > 1 ? 'split' : 'reject', reason: 'no acknowledgement, while later ones came' };
}
