// A Kafka cluster of three brokers: kfake, a broker in Go that speaks the whole protocol (idempotent and transactional
// producers, consumer groups, SASL), with its data on disk. It can be told to answer with an error or to drop connections.
// Out: `brokers` for a client. Read back by a consumer of the cluster itself, from the first record to the last.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { answers, fetchText, jsonLines } from './http.js';
import type { StartOptions } from './server.js';

export interface KafkaOptions extends StartOptions {
  /** Topics that exist from the start; others are made when a client asks for them. @default ['logs'] */
  readonly topics?: readonly string[];
  /** Partitions of each topic. @default 1 */
  readonly partitions?: number;
  /** A record batch above it is answered with MESSAGE_TOO_LARGE. @default 1_048_588 */
  readonly maxMessageBytes?: number;
  /** With it every client must log in (PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512). @default no login */
  readonly login?: { readonly user: string; readonly password: string };
}

export interface KafkaRecord {
  readonly partition: number;
  readonly offset: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface KafkaReadBack {
  /** `host:port` of each broker. */
  readonly brokers: readonly string[];
  /** Every committed record of a topic, in the order of each partition. */
  records(topic: string): Promise<KafkaRecord[]>;
  /** The next `count` produce requests are answered with that error code of Kafka, such as 7, REQUEST_TIMED_OUT. */
  failProduce(code: number, count: number): Promise<void>;
  /** The next `count` produce requests are read, not done, and lose their connection. */
  dropProduce(count: number): Promise<void>;
  /** Forgets what `failProduce` has left to do. */
  clearFaults(): Promise<void>;
}

export const kafka = serverOf<'broker1' | 'broker2' | 'broker3' | 'control', KafkaReadBack, KafkaOptions>({
  name: 'kafka',
  ports: ['broker1', 'broker2', 'broker3', 'control'],
  url: ({ ports }) => `127.0.0.1:${ports.broker1}`,
  command({ directory, dir, ports, options }) {
    const { topics = ['logs'], partitions = 1, maxMessageBytes = 1_048_588, login } = options;
    const args = [
      `-ports=${ports.broker1},${ports.broker2},${ports.broker3}`,
      `-control=127.0.0.1:${ports.control}`,
      `-data=${dir}`,
      `-topics=${topics.join(',')}`,
      `-partitions=${partitions}`,
      `-max-message-bytes=${maxMessageBytes}`,
      ...(login ? [`-sasl=${login.user}:${login.password}`] : []),
    ];
    return { file: join(directory, 'kfaked'), args };
  },
  ready: ({ ports }) => answers(`http://127.0.0.1:${ports.control}/ready`),
  extend({ ports }) {
    const control = `http://127.0.0.1:${ports.control}`;
    return {
      brokers: [ports.broker1, ports.broker2, ports.broker3].map((port) => `127.0.0.1:${port}`),
      async records(topic) {
        const body = await fetchText(`${control}/records?topic=${encodeURIComponent(topic)}`);
        return jsonLines<KafkaRecord>(body).map((line) => ({
          ...line,
          key: decoded(line.key),
          value: decoded(line.value),
        }));
      },
      async failProduce(code, count) {
        await fetchText(`${control}/fault?code=${code}&count=${count}`, { method: 'POST' });
      },
      async dropProduce(count) {
        await fetchText(`${control}/drop?count=${count}`, { method: 'POST' });
      },
      async clearFaults() {
        await fetchText(`${control}/faults`, { method: 'DELETE' });
      },
    };
  },
});

function decoded(base64: string | null): string | null {
  return base64 === null ? null : Buffer.from(base64, 'base64').toString('utf8');
}
