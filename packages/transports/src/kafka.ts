// Apache Kafka and what speaks its protocol, such as Redpanda.
// In: batches. Out: a message for each record, its line as the value, from an idempotent producer that all replicas in
// sync have to confirm. Needs the package @platformatic/kafka, which is loaded at the first send.

import { readFile } from 'node:fs/promises';
import zlib from 'node:zlib';
import {
  choice,
  dictionary,
  flag,
  type Input,
  list,
  milliseconds,
  object,
  optional,
  type Parsed,
  parseOptions,
  required,
  type SendSettings,
  SpillwayError,
  size,
  type Transport,
  text,
  tlsLoader,
  tlsOptions,
} from '@spillway/core';
import { refuseWith } from './applicable.js';
import { requireClient } from './client.js';
import { type KafkaForm, type KafkaWire, kafkaMessages, kafkaOverhead } from './kafka-messages.js';
import { classifyKafka, type KafkaReply } from './kafka-replies.js';
import { KafkaSender, type KafkaSettings } from './kafka-sender.js';
import type { Traits } from './traits.js';

const sasl = object(
  {
    mechanism: required(choice(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'], { doc: 'How to log in.' })),
    username: text({ doc: 'User name.' }),
    password: text({ secret: true, doc: 'Password.' }),
    passwordFile: text({ doc: 'File that holds the password; read for each new connection.' }),
    token: text({ secret: true, doc: 'Token of oauthbearer.' }),
    tokenFile: text({ doc: 'File that holds the token; read for each new connection.' }),
  },
  { doc: 'SASL.' },
);

const brokerPattern = /^(?:\[([0-9a-fA-F:]+)\]|([^\s:/[\]]+)):(\d{1,5})$/;

/** Options of {@link kafka}. */
export const kafkaOptions = object(
  {
    brokers: required(
      list(text({ pattern: brokerPattern, expected: 'host:port', doc: 'A broker.' }), {
        doc: 'Brokers to ask for the others, as `host:port`.',
      }),
    ),
    topic: text({
      default: 'logs',
      pattern: /^(?!\.{1,2}$)[\w.-]{1,249}$/,
      expected: 'a topic name: up to 249 letters, digits, . _ and -',
      doc: 'Topic.',
    }),
    createTopics: flag({
      default: true,
      doc: 'Asks the brokers to create the topic if it is not there, which they may be set not to do.',
    }),
    key: text({ doc: 'Key of all messages: they go to one partition, in order. Default: none, batches are spread.' }),
    keyFrom: text({
      doc: 'Top-level field whose value is the key. Partitions are chosen as Java clients do. Lines are parsed for it, about 1 µs each.',
    }),
    headers: dictionary(text({ doc: 'Value.' }), { default: {}, doc: 'Headers of all messages.' }),
    idHeader: text({
      doc: "Name of a header for the record's id, by which readers can tell repetitions. Default: none.",
    }),
    idempotent: flag({
      default: true,
      doc: 'Lets brokers recognize what they have stored already, as long as the producer lives. Needs Kafka 0.11.',
    }),
    clientId: text({ default: 'spillway', doc: 'Name of this client in the logs and quotas of the brokers.' }),
    sasl: optional(sasl),
    tls: optional(tlsOptions),
    maxMessageBytes: size({
      default: 1_048_576,
      min: 4096,
      doc: "Largest request, before compression; raise it together with the topic's `max.message.bytes`.",
    }),
    connectTimeoutMs: milliseconds({ default: 5000, min: 1, doc: 'Longest wait for a connection.' }),
    requestTimeoutMs: milliseconds({
      default: 10_000,
      min: 1,
      doc: 'Longest wait for an answer, and for the replicas.',
    }),
  },
  { doc: 'Apache Kafka.' },
);

/** What users write. */
export type KafkaOptions = Input<typeof kafkaOptions>;

/** Facts for the docs. */
export const kafkaTraits: Traits = {
  title: 'Apache Kafka',
  body: 'raw',
  maxRequest: '1 MiB (`max.message.bytes`); we send 512 KiB',
  maxRecord: 'what fits into a request',
  idempotency: 'record, while the producer lives: an outage does not double, a restart may',
  compression: 'zstd, lz4, gzip',
  auth: 'SASL plain, scram, oauthbearer, mutual TLS',
  proven: 'kfake, a broker of the whole protocol, read back by a consumer',
};

const clientPackage = '@platformatic/kafka';

/** Ships to Apache Kafka. Needs the package `@platformatic/kafka`.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`, `SPILLWAY_CLIENT_MISSING`
 * @example kafka({ brokers: ['kafka-1:9092', 'kafka-2:9092'], topic: 'logs-shop' })
 */
export function kafka(options: KafkaOptions): Transport<KafkaWire, KafkaReply> {
  const parsed = parseOptions(kafkaOptions, options, 'kafka');
  checkOptions(parsed);
  requireClient(clientPackage, 'kafka');
  const { brokers, createTopics, maxMessageBytes, tls } = parsed;
  const form: KafkaForm = parsed;
  const overheadBytes = kafkaOverhead(form);
  return {
    name: 'kafka',
    destination: `kafka://${brokers.slice(0, 3).join(',')}/${form.topic}`,
    limits: {
      maxBytes: maxMessageBytes,
      maxRecords: 50_000,
      maxRecordBytes: maxMessageBytes - overheadBytes,
      overheadBytes,
    },
    idempotency: parsed.idempotent ? 'record' : 'none',
    recommended: {
      maxBytes: Math.min(524_288, maxMessageBytes),
      maxRecords: 10_000,
      lingerMs: 50,
      maxInFlight: 1,
      timeoutMs: 30_000,
    },
    encode: (batch) => kafkaMessages(batch, form),
    sizeOf: ({ size }) => size,
    classify: (reply, batch) => classifyKafka(reply, batch, createTopics),
    open(runtime, { compression }) {
      const producer = producerOptions(parsed, codecOf(compression));
      return new KafkaSender({ topic: form.topic, producer, loadTls: tls && tlsLoader(tls), runtime });
    },
  };
}

/** Retries of the client itself, with the same sequence numbers; the rest is the pipeline's. */
const clientRetries = 2;
const clientRetryMs = 200;

function producerOptions(parsed: Parsed<typeof kafkaOptions>, compression: Codec): KafkaSettings['producer'] {
  const { brokers, clientId, createTopics, idempotent, connectTimeoutMs, requestTimeoutMs } = parsed;
  return {
    clientId,
    bootstrapBrokers: brokers.map(brokerOf),
    autocreateTopics: createTopics,
    idempotent,
    compression,
    retries: clientRetries,
    retryDelay: clientRetryMs,
    connectTimeout: connectTimeoutMs,
    requestTimeout: requestTimeoutMs,
    timeout: requestTimeoutMs,
    ...(parsed.sasl && { sasl: saslOf(parsed.sasl) }),
  };
}

function brokerOf(text: string): { host: string; port: number } {
  const [, address, name, port] = brokerPattern.exec(text)!;
  return { host: (address ?? name)!, port: Number(port) };
}

type Sasl = Parsed<typeof sasl>;

function saslOf({ mechanism, username, password, passwordFile, token, tokenFile }: Sasl) {
  const secret = (value: string | undefined, file: string | undefined, option: string) =>
    file === undefined ? value : () => readSecret(file, option);
  const secrets = {
    username,
    password: secret(password, passwordFile, 'passwordFile'),
    token: secret(token, tokenFile, 'tokenFile'),
  };
  const given = Object.fromEntries(Object.entries(secrets).filter(([, value]) => value !== undefined));
  return { mechanism: mechanisms[mechanism], ...given };
}

const mechanisms = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
  oauthbearer: 'OAUTHBEARER',
} as const;

async function readSecret(path: string, option: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    throw new SpillwayError('SPILLWAY_CREDENTIALS', `Cannot read the file of \`sasl.${option}\` (${code})`, { cause });
  }
}

type Codec = 'none' | 'gzip' | 'lz4' | 'zstd';

/** zstd is part of Node.js from 22.15 and 23.8. */
const hasZstd = 'zstdCompressSync' in zlib;

/** The client compresses on this thread, so by default with what costs least. */
function codecOf(option: SendSettings['compression']): Codec {
  if (option === 'auto') return hasZstd ? 'zstd' : 'lz4';
  if (option === 'none' || option === 'gzip' || (option === 'zstd' && hasZstd)) return option;
  const why = option === 'zstd' ? `; this Node.js (${process.version}) has no zstd` : '';
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`send.compression\` for kafka to be 'auto' | 'none' | 'gzip'${hasZstd ? " | 'zstd'" : ''}, got '${option}'${why}`,
  );
}

function checkOptions({ brokers, key, keyFrom, sasl: login }: Parsed<typeof kafkaOptions>): void {
  if (brokers.length === 0) throw invalid('`kafka.brokers` to name a broker');
  if (key !== undefined && keyFrom !== undefined) throw invalid('either `kafka.key` or `kafka.keyFrom`');
  if (!login) return;
  const { mechanism, username, password, passwordFile, token, tokenFile } = login;
  const idle = mechanism === 'oauthbearer' ? ['username', 'password', 'passwordFile'] : ['token', 'tokenFile'];
  refuseWith('kafka.sasl', login, mechanism, idle);
  if (mechanism === 'oauthbearer') {
    if ((token ?? tokenFile) === undefined)
      throw invalid('`kafka.sasl.token` or `kafka.sasl.tokenFile` with oauthbearer');
  } else if (username === undefined || (password ?? passwordFile) === undefined) {
    throw invalid(`\`kafka.sasl.username\` and a password with ${mechanism}`);
  }
}

function invalid(expected: string): SpillwayError {
  return new SpillwayError('SPILLWAY_OPTIONS_INVALID', `Expected ${expected}`);
}
