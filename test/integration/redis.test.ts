// The redis transport on a real Redis: over TCP, TLS and its unix socket, with users, full memory and a failover.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { classifyFailure, pipeline, type Verdict } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type RedisOptions, redis } from '@spillway/transports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf } from './delivery.js';

let server: Awaited<ReturnType<typeof servers.redis.start>>;
beforeAll(async () => {
  server = await servers.redis.start();
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

type Entry = [id: string, fields: string[]];
const entries = async (key: string) => (await server.command('XRANGE', key, '-', '+')) as Entry[];
const elements = async (key: string) => (await server.command('LRANGE', key, '0', '-1')) as string[];
const numberOf = (line: string | undefined) => (JSON.parse(line ?? '') as { n: number }).n;

/** What it acknowledged may be in memory only for a second (appendfsync everysec), so it has to end in good order. */
const secondEnd = 'stop';

it('gets every record through outages, in a stream', async () => {
  const delivered = await deliverThroughTrouble({
    transport: redis({ url: server.url, key: 'logs:trouble' }),
    server,
    secondEnd,
    readBack: async () => (await entries('logs:trouble')).map(([, [, line]]) => numberOf(line)),
  });
  expectComplete(delivered);
  // Redis 7 has no key for it: what was in flight when it ended, of which no answer came, may be there twice, no more.
  expect(delivered.earlyDuplicates).toBe(0);
  expect(delivered.duplicates).toBeLessThanOrEqual(500);
});

it('gets every record through outages, in a list', async () => {
  const delivered = await deliverThroughTrouble({
    transport: redis({ url: server.url, key: 'logs:list', type: 'list' }),
    server,
    secondEnd,
    readBack: async () => (await elements('logs:list')).map(numberOf),
  });
  expectComplete(delivered);
  expect(delivered.earlyDuplicates).toBe(0);
  expect(delivered.duplicates).toBeLessThanOrEqual(500);
});

it('keeps order, bytes and fields, over TCP, TLS and the unix socket', async () => {
  const lines = [
    '{"msg":"first","empty":""}',
    '{"msg":"grüße \\"🌍\\"\\r\\n"}',
    '{}',
    ...[4, 5].map((n) => numbered(n).trim()),
  ];
  const { ca, clientCert, clientKey } = server.tls;
  const ways: RedisOptions[] = [
    { url: server.url },
    { url: `rediss://localhost:${server.ports.tls}`, tls: { ca, cert: clientCert, key: clientKey } },
    { url: `unix://${server.socketPath}` },
    { url: `${server.url}/3` },
  ];
  for (const [i, way] of ways.entries()) {
    const key = `logs:exact:${i}`;
    const batch = batchOf(lines, { writer: 'w' });
    expect(await sendOnce({ ...way, key, idField: 'id', fields: { app: 'shop' } }, batch)).toEqual({ outcome: 'ack' });
    if (i === 3) {
      await server.command('MOVE', key, '3').catch(() => {});
      expect(await server.command('EXISTS', key)).toBe(0);
      continue;
    }
    expect((await entries(key)).map(([, fields]) => fields)).toEqual(
      lines.map((line, n) => ['app', 'shop', 'id', `w-${n + 1}`, 'line', line]),
    );
  }
  const stranger = { url: `rediss://localhost:${server.ports.tls}` };
  expect(await sendOnce(stranger, batchOf(lines))).toMatchObject({ outcome: 'hold' });
});

it('trims only when asked to, and then the oldest', async () => {
  const batch = batchOf(Array.from({ length: 1000 }, (_, n) => numbered(n).trim()));
  expect(await sendOnce({ url: server.url, key: 'logs:cut', maxLength: 200 }, batch)).toEqual({ outcome: 'ack' });
  const kept = (await entries('logs:cut')).map(([, [, line]]) => numberOf(line));
  expect(kept.length).toBeGreaterThanOrEqual(200);
  expect(kept.length).toBeLessThan(1000);
  expect(kept.at(-1)).toBe(999);
  const list = { url: server.url, key: 'logs:cutlist', type: 'list', maxLength: 200 } as const;
  expect(await sendOnce(list, batch)).toEqual({ outcome: 'ack' });
  expect((await elements('logs:cutlist')).map(numberOf)).toEqual(Array.from({ length: 200 }, (_, n) => 800 + n));
});

it('logs in as a user, and is told what that user may not', async () => {
  const batch = batchOf(['{"msg":"a"}']);
  const passwordFile = join(server.dir, 'writer-password');
  writeFileSync(passwordFile, 'wrong');
  const options = { url: server.url, key: 'logs:user', username: 'writer', passwordFile };
  expect(await sendOnce(options, batch)).toMatchObject({
    outcome: 'hold',
    reason: expect.stringContaining('WRONGPASS'),
  });
  writeFileSync(passwordFile, 'writer-password\n');
  expect(await sendOnce(options, batch)).toEqual({ outcome: 'ack' });
  expect(await sendOnce({ ...options, key: 'other' }, batch)).toMatchObject({
    outcome: 'hold',
    reason: expect.stringContaining('NOPERM'),
  });
  const trimmed = { ...options, key: 'logs:userlist', type: 'list', maxLength: 5 } as const;
  expect(await sendOnce(trimmed, batch)).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('NOPERM') });
  expect(await server.command('EXISTS', 'logs:userlist')).toBe(0);
  expect(await sendOnce({ url: `${server.url}/99`, key: 'logs:x' }, batch)).toMatchObject({ outcome: 'hold' });
});

it('says when the key holds something else, and when it does not know the command', async () => {
  await server.command('SET', 'logs:text', 'x');
  const batch = batchOf(['{"msg":"a"}', '{"msg":"b"}']);
  const wrong = { outcome: 'hold', reason: expect.stringContaining('WRONGTYPE') };
  expect(await sendOnce({ url: server.url, key: 'logs:text' }, batch)).toMatchObject(wrong);
  expect(await sendOnce({ url: server.url, key: 'logs:text', type: 'list' }, batch)).toMatchObject(wrong);
  // A Redis before 8.6.
  const newer = { url: server.url, key: 'logs:newer', idempotent: true };
  expect(await sendOnce(newer, batch)).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('ERR') });
});

it('waits while memory is full, and while it is not the primary, and loses nothing', async () => {
  const logs = pipeline(redis({ url: server.url, key: 'logs:full' }), {
    batch: { lingerMs: 10, maxRecords: 100 },
    retry: { attempts: 2, minMs: 20, maxMs: 100 },
    breaker: { failures: 2, cooldownMs: 100 },
    warnings: 'off',
  });
  const write = (from: number, to: number) => {
    for (let n = from; n < to; n++) logs.write(numbered(n));
  };
  const trouble = (word: string) =>
    servers.until(() => logs.stats().lastError?.includes(word), { what: `${word} to be answered` });

  await server.command('CONFIG', 'SET', 'maxmemory', '100kb');
  write(0, 300);
  await trouble('OOM');
  await server.command('CONFIG', 'SET', 'maxmemory', '512mb');
  expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);

  await server.command('REPLICAOF', '127.0.0.1', '1');
  write(300, 600);
  await trouble('READONLY');
  await server.command('REPLICAOF', 'NO', 'ONE');
  expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);

  // Connections that are closed from outside cost nothing and double nothing.
  await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
  write(600, 900);
  const { stats } = await logs.close();
  expect(stats.acked.records).toBe(900);
  const stored = (await entries('logs:full')).map(([, [, line]]) => numberOf(line));
  expect([...stored].sort((a, b) => a - b)).toEqual(Array.from({ length: 900 }, (_, n) => n));
});

async function sendOnce(options: RedisOptions, batch: ReturnType<typeof batchOf>): Promise<Verdict> {
  return verdictOf(redis(options), batch).catch(classifyFailure);
}
