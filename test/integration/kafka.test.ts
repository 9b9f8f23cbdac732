// The kafka transport on a cluster of three real brokers, read back by a consumer of another make.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { classifyFailure, imbalance, type PipelineInput, pipeline, systemRuntime, type Verdict } from '@spillway/core';
import { batchOf, sendSettings } from '@spillway/testing';
import { type KafkaOptions, kafka } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf } from './delivery.js';

type Running = Awaited<ReturnType<typeof servers.kafka.start>>;
const numberOf = (value: string | null) => (JSON.parse(value ?? '') as { n: number }).n;
const numbersIn = async (server: Running, topic: string) =>
  (await server.records(topic)).map(({ value }) => numberOf(value));
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a cluster', () => {
  let server: Running;
  beforeAll(async () => {
    server = await servers.kafka.start({ topics: ['trouble', 'exact', 'doubt'], partitions: 3 });
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('gets every record through outages', async () => {
    const delivered = await deliverThroughTrouble({
      transport: kafka({ brokers: server.brokers, topic: 'trouble' }),
      server,
      readBack: () => numbersIn(server, 'trouble'),
    });
    expectComplete(delivered);
    expect(delivered.earlyDuplicates).toBe(0);
    // Brokers recognize what is sent again as long as they remember the producer: a killed one may have forgotten.
    expect(delivered.duplicates).toBeLessThanOrEqual(500);
  });

  it('keeps bytes, keys, headers, times, and order within a partition, whatever the compression', async () => {
    const lines = [
      '{"user":"a","msg":"grüße \\"🌍\\""}',
      '{"user":"b"}',
      '{}',
      ...upTo(60).map((n) => `{"user":"a","n":${n}}`),
    ];
    const times = lines.map((_, i) => 1_700_000_000_000 + i);
    for (const compression of ['auto', 'none', 'gzip'] as const) {
      const options = { keyFrom: 'user', headers: { app: 'shop' }, idHeader: 'id', topic: `exact-${compression}` };
      const batch = batchOf(lines, { writer: 'w', times });
      expect(await sendOnce(server, options, batch, compression)).toEqual({ outcome: 'ack' });
      const records = await server.records(options.topic);
      expect(records.map(({ value }) => value).sort()).toEqual([...lines].sort());
      expect(records.find(({ value }) => value === '{}')).toMatchObject({
        key: null,
        timestamp: times[2],
        headers: { app: 'shop', id: batch.recordId(2) },
      });
      const ofA = records.filter(({ key }) => key === 'a');
      expect(new Set(ofA.map(({ partition }) => partition)).size).toBe(1);
      expect(ofA.map(({ value }) => value)).toEqual(lines.filter((line) => line.includes('"a"')));
    }
  });

  it('stores each record once though answers are late and requests repeated', async () => {
    const options = { brokers: server.brokers, topic: 'doubt', requestTimeoutMs: 300 };
    const logs = pipeline(kafka(options), { ...quick, send: { timeoutMs: 60_000 } });
    const write = (from: number, to: number) => {
      for (let n = from; n < to; n++) logs.write(numbered(n));
    };
    write(0, 500);
    expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);
    for (let round = 1; round <= 3; round++) {
      const { attempts } = logs.stats().sends;
      server.pause();
      write(round * 500, round * 500 + 500);
      // Each attempt is three requests, which all lie in the paused broker's sockets.
      await servers.until(() => logs.stats().sends.attempts >= attempts + 2, { what: 'repetitions' });
      server.resume();
      expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);
    }
    const { stats } = await logs.close();
    expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
    expect(stats.acked.records).toBe(2000);
    expect((await numbersIn(server, 'doubt')).sort((a, b) => a - b)).toEqual(upTo(2000));
  });

  it('gives another batch another producer while the fate of one is unknown', async () => {
    let producers = 0;
    const count = (message: unknown) => {
      if ((message as { type: string }).type === 'producer') producers++;
    };
    subscribe('plt:kafka:instances', count);
    const transport = kafka({ brokers: server.brokers, topic: 'fate' });
    const sender = transport.open(systemRuntime, sendSettings);
    const [first, second] = [batchOf(['{"n":1}'], { firstSequence: 1 }), batchOf(['{"n":2}'], { firstSequence: 2 })];
    const send = async (batch: typeof first) =>
      transport.classify(await sender.send(transport.encode(batch), AbortSignal.timeout(30_000)), batch);

    expect(await send(first)).toEqual({ outcome: 'ack' });
    const timedOut = 7;
    await server.failProduce(timedOut, 100);
    expect(await send(second)).toMatchObject({ outcome: 'retry', reason: 'REQUEST_TIMED_OUT' });
    await server.clearFaults();
    expect(await send(second)).toEqual({ outcome: 'ack' });
    expect(producers).toBe(1);
    await server.failProduce(timedOut, 100);
    expect(await send(first)).toMatchObject({ outcome: 'retry' });
    await server.clearFaults();
    expect(await send(second)).toEqual({ outcome: 'ack' });
    expect(producers).toBe(2);
    await sender.close();
    unsubscribe('plt:kafka:instances', count);
  });

  it('says what brokers say', async () => {
    const batch = batchOf(['{"n":1}', '{"n":2}']);
    const told = async (code: number): Promise<Verdict> => {
      await server.failProduce(code, 100);
      const verdict = await sendOnce(server, { topic: 'told' }, batch);
      await server.clearFaults();
      return verdict;
    };
    expect(await sendOnce(server, { topic: 'told' }, batch)).toEqual({ outcome: 'ack' });
    expect(await told(29)).toMatchObject({ outcome: 'hold', reason: 'TOPIC_AUTHORIZATION_FAILED' });
    expect(await told(19)).toMatchObject({ outcome: 'retry', reason: 'NOT_ENOUGH_REPLICAS' });
    expect(await told(10)).toMatchObject({ outcome: 'split', reason: 'MESSAGE_TOO_LARGE' });
    expect(await told(87)).toMatchObject({ outcome: 'split', reason: 'INVALID_RECORD' });
    expect(await sendOnce(server, { topic: 'told' }, batch)).toEqual({ outcome: 'ack' });
    expect((await numbersIn(server, 'told')).length).toBe(4);
  });

  it('holds where the topic is missing and not to be created', async () => {
    expect(await sendOnce(server, { topic: 'absent', createTopics: false }, batchOf(['{}']))).toMatchObject({
      outcome: 'hold',
      reason: 'UNKNOWN_TOPIC_OR_PARTITION',
    });
  });

  it('survives connections that break in the middle of a request', async () => {
    const logs = pipeline(kafka({ brokers: server.brokers, topic: 'dropped' }), quick);
    for (let n = 0; n < 1000; n++) logs.write(numbered(n));
    await server.dropProduce(5);
    for (let n = 1000; n < 2000; n++) logs.write(numbered(n));
    const { stats } = await logs.close({ deadlineMs: 60_000 });
    expect(stats.acked.records).toBe(2000);
    expect((await numbersIn(server, 'dropped')).sort((a, b) => a - b)).toEqual(upTo(2000));
  });
});

describe('a cluster with logins and small messages', () => {
  let server: Running;
  const login = { user: 'writer', password: 'writer-password' };
  beforeAll(async () => {
    server = await servers.kafka.start({ login, maxMessageBytes: 20_000 });
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('lets in who logs in with %s', async (mechanism) => {
    const sasl = { mechanism, username: login.user, password: login.password };
    expect(await sendOnce(server, { sasl }, batchOf(['{}']))).toEqual({ outcome: 'ack' });
    // A real broker says why; this one just closes.
    const failed = await sendOnce(server, { sasl: { ...sasl, password: 'hunter2' } }, batchOf(['{}']));
    expect(failed.outcome).not.toBe('ack');
    expect(JSON.stringify(failed)).not.toContain('hunter2');
  });

  it('says when a batch is too large for the topic, and the pipeline finds the size that fits', async () => {
    const sasl = { mechanism: 'plain', username: login.user, password: login.password } as const;
    const logs = pipeline(kafka({ brokers: server.brokers, topic: 'small', sasl }), {
      ...quick,
      send: { compression: 'none' },
    });
    for (let n = 0; n < 400; n++) logs.write(numbered(n));
    logs.write(`{"level":30,"n":400,"msg":"${'x'.repeat(30_000)}"}\n`);
    const { stats } = await logs.close({ deadlineMs: 60_000 });
    expect(stats.acked.records).toBe(400);
    expect(stats.rejectedBy).toEqual({ MESSAGE_TOO_LARGE: { records: 1, bytes: expect.any(Number) } });
    expect((await numbersIn(server, 'small')).sort((a, b) => a - b)).toEqual(upTo(400));
  });
});

const quick: PipelineInput = {
  batch: { lingerMs: 20, maxRecords: 500 },
  retry: { attempts: 3, minMs: 50, maxMs: 500 },
  breaker: { failures: 3, cooldownMs: 300, probeMs: 300 },
  warnings: 'off',
};

async function sendOnce(
  { brokers }: Running,
  options: Omit<KafkaOptions, 'brokers'>,
  batch: ReturnType<typeof batchOf>,
  compression: 'auto' | 'none' | 'gzip' = 'auto',
): Promise<Verdict> {
  return verdictOf(kafka({ brokers, ...options }), batch, { compression, timeoutMs: 30_000 }).catch(classifyFailure);
}
