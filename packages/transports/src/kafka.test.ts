import type { Batch } from '@spillway/core';
import { classifyFailure, systemRuntime } from '@spillway/core';
import { batchOf, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type KafkaOptions, kafka } from './kafka.js';
import { kafkaFailure } from './kafka-failure.js';
import type { KafkaWire } from './kafka-messages.js';
import { isUncertain, type KafkaReply } from './kafka-replies.js';

const brokers = ['127.0.0.1:9'];
const failed = (...errors: string[]): KafkaReply => ({ errors, stored: [] });
const text = (bytes: Buffer | undefined) => bytes?.toString();

transportContract<KafkaOptions, KafkaWire, KafkaReply>({
  name: 'kafka',
  make: kafka,
  options: { brokers },
  variants: {
    keyed: { brokers, topic: 'logs.shop', key: 'web-1', headers: { app: 'shop' } },
    full: { brokers, keyFrom: 'trace_id', headers: { app: 'shop' }, idHeader: 'id' },
  },
  secret: {
    options: { brokers, sasl: { mechanism: 'plain', username: 'joe', password: 'hunter2' } },
    secrets: ['hunter2'],
  },
  decode: ({ messages }) =>
    messages.map(({ topic, key, value, headers, timestamp }) => ({
      topic,
      key: text(key),
      value: text(value),
      headers: [...(headers ?? [])].map(([name, content]) => [text(name), text(content)]),
      timestamp: Number(timestamp),
    })),
  expected(batch: Batch, i, { topic = 'logs', key, keyFrom, headers = {}, idHeader }) {
    const own = keyFrom === undefined ? key : batch.fields(i)[keyFrom];
    return {
      topic,
      key: own === undefined || own === null ? undefined : String(own),
      value: batch.line(i).toString(),
      headers: [...Object.entries(headers), ...(idHeader ? [[idHeader, batch.recordId(i)]] : [])],
      timestamp: batch.times[i],
    };
  },
  replies: [
    { name: 'all stored', reply: failed(), verdict: 'ack' },
    ...[
      'CORRUPT_MESSAGE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'LEADER_NOT_AVAILABLE',
      'NOT_LEADER_OR_FOLLOWER',
      'REQUEST_TIMED_OUT',
      'NETWORK_EXCEPTION',
      'COORDINATOR_LOAD_IN_PROGRESS',
      'COORDINATOR_NOT_AVAILABLE',
      'NOT_COORDINATOR',
      'NOT_ENOUGH_REPLICAS',
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      'KAFKA_STORAGE_ERROR',
      'FENCED_LEADER_EPOCH',
      'UNKNOWN_LEADER_EPOCH',
      'THROTTLING_QUOTA_EXCEEDED',
      'UNKNOWN_TOPIC_ID',
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'UNKNOWN_PRODUCER_ID',
      'INVALID_PRODUCER_EPOCH',
    ].map((name) => ({ name, reply: failed(name), verdict: { outcome: 'retry', reason: name } as const })),
    ...[
      'TOPIC_AUTHORIZATION_FAILED',
      'CLUSTER_AUTHORIZATION_FAILED',
      'SASL_AUTHENTICATION_FAILED',
      'UNSUPPORTED_SASL_MECHANISM',
      'INVALID_TOPIC_EXCEPTION',
      'INVALID_REQUIRED_ACKS',
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
      'POLICY_VIOLATION',
    ].map((name) => ({ name, reply: failed(name), verdict: 'hold' as const })),
    ...['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_TIMESTAMP', 'INVALID_RECORD'].map((name) => ({
      name,
      reply: failed(name),
      verdict: 'split' as const,
    })),
    { name: 'DUPLICATE_SEQUENCE_NUMBER', reply: failed('DUPLICATE_SEQUENCE_NUMBER'), verdict: 'ack' },
    {
      name: 'the same at each attempt of the client',
      reply: failed('REQUEST_TIMED_OUT', 'REQUEST_TIMED_OUT', 'NOT_LEADER_OR_FOLLOWER'),
      verdict: { outcome: 'retry', reason: 'REQUEST_TIMED_OUT, NOT_LEADER_OR_FOLLOWER' },
    },
    {
      name: 'one partition of several was stored',
      reply: { errors: ['NOT_ENOUGH_REPLICAS'], stored: [0, 2] },
      verdict: { outcome: 'partial', retry: [1], reject: [] },
    },
  ],
});

describe('kafka', () => {
  const batch = batchOf(['{"user":"a"}', '{"user":"b"}', '{}', '{"user":{"id":7}}']);
  const encode = (options: Partial<KafkaOptions>, what = batch) =>
    kafka({ brokers, ...options }).encode(what) as KafkaWire;

  it('sends a batch without keys to one partition, and different batches to different ones', () => {
    const partitions = Array.from({ length: 60 }, (_, n) => {
      const { messages } = encode({}, batchOf(['{}', '{}'], { firstSequence: n * 500 }));
      expect(messages[0]?.partition).toBe(messages[1]?.partition);
      return messages[0]!.partition % 6;
    });
    const counts = [0, 1, 2, 3, 4, 5].map((p) => partitions.filter((partition) => partition === p).length);
    for (const count of counts) expect(count).toBeGreaterThan(2);
  });

  it('takes keys from a field, and spreads what has none', () => {
    const { messages } = encode({ keyFrom: 'user' });
    expect(messages.map(({ key }) => text(key))).toEqual(['a', 'b', undefined, '{"id":7}']);
    expect(new Set(messages.map(({ partition }) => partition)).size).toBe(4);
  });

  it('takes no key from a line that cannot be parsed, and sends it all the same', () => {
    const lines = ['{"user":"ann"}', '{"level":30,"time":1700000000000,"user":NaN}'];
    const { messages } = kafka({ brokers, keyFrom: 'user' }).encode(batchOf(lines));
    expect(messages.map(({ key, value }) => [key?.toString(), value.toString()])).toEqual([
      ['ann', lines[0]],
      [undefined, lines[1]],
    ]);
  });

  it('holds when a topic is missing that it is not to create', () => {
    const judge = (createTopics: boolean) =>
      kafka({ brokers, createTopics }).classify(failed('UNKNOWN_TOPIC_OR_PARTITION'), batch);
    expect(judge(false)).toMatchObject({ outcome: 'hold' });
    expect(judge(true)).toMatchObject({ outcome: 'retry' });
  });

  it.each([
    ['NOT_ENOUGH_REPLICAS', false],
    ['MESSAGE_TOO_LARGE', false],
    ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', true],
    ['REQUEST_TIMED_OUT', true],
    ['NETWORK_EXCEPTION', true],
  ])('%s leaves it open whether the records are there: %s', (name, uncertain) => {
    expect(isUncertain(failed(name))).toBe(uncertain);
    expect(isUncertain(failed(name, 'REQUEST_TIMED_OUT'))).toBe(true);
  });

  it('finds what brokers said, and the network beneath, in what the client throws', () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const network = Object.assign(new Error('x', { cause: refused }), { code: 'PLT_KFK_NETWORK' });
    const timedOut = Object.assign(new Error('x'), { code: 'PLT_KFK_PROTOCOL', apiId: 'REQUEST_TIMED_OUT' });
    const several = Object.assign(new AggregateError([network, timedOut]), {
      code: 'PLT_KFK_MULTIPLE',
      produced: { offsets: [{ topic: 'logs', partition: 3, offset: 7n }] },
    });
    expect(kafkaFailure(several)).toEqual({ errors: ['REQUEST_TIMED_OUT'], cause: refused, partitions: [3] });
    const unknown = Object.assign(new Error('Unknown topic logs.'), { code: 'PLT_KFK_USER' });
    expect(kafkaFailure(unknown).errors).toEqual(['UNKNOWN_TOPIC_OR_PARTITION']);
    const circle: { code: string; cause?: unknown } = { code: 'PLT_KFK_NETWORK' };
    circle.cause = circle;
    expect(kafkaFailure(circle)).toMatchObject({ errors: [], cause: { code: 'ECONNRESET' } });
    expect(kafkaFailure(new Error('Request timed out'))).toMatchObject({ cause: { code: 'ETIMEDOUT' } });
  });

  it('says when nobody listens, and keeps secrets to itself', async () => {
    const transport = kafka({ brokers, sasl: { mechanism: 'plain', username: 'joe', passwordFile: '/nowhere' } });
    const sender = transport.open(systemRuntime, sendSettings);
    const error = await sender
      .send(transport.encode(batch), AbortSignal.timeout(28_000))
      .catch((thrown: unknown) => thrown);
    expect(classifyFailure(error)).toEqual({ outcome: 'retry', reason: 'connection refused (ECONNREFUSED)' });
    await sender.close();
  });

  it('refuses compression that it cannot do', () => {
    expect(() => kafka({ brokers }).open(systemRuntime, { ...sendSettings, compression: 'deflate' })).toThrow(
      "to be 'auto' | 'none' | 'gzip'",
    );
  });

  it.each([
    [{ brokers: [] }, 'name a broker'],
    [{ brokers: ['kafka'] }, 'host:port'],
    [{ brokers: ['kafka://a:9092'] }, 'host:port'],
    [{ brokers, topic: 'a b' }, 'topic name'],
    [{ brokers, topic: '..' }, 'topic name'],
    [{ brokers, key: 'a', keyFrom: 'b' }, 'either'],
    [{ brokers, sasl: { mechanism: 'plain', username: 'joe' } }, 'a password with plain'],
    [{ brokers, sasl: { mechanism: 'oauthbearer' } }, 'token'],
    [{ brokers, sasl: {} }, 'sasl.mechanism'],
    [
      { brokers, sasl: { mechanism: 'plain', username: 'joe', passwordFile: '/x', tokenFile: '/x' } },
      'no `kafka.sasl.tokenFile` with plain',
    ],
    [
      { brokers, sasl: { mechanism: 'oauthbearer', token: 'x', username: 'joe' } },
      'no `kafka.sasl.username` with oauthbearer',
    ],
  ])('refuses %j', (options, message) => {
    expect(() => kafka(options as KafkaOptions)).toThrow(message);
  });
});
