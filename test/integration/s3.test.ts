// The s3 transport on moto's S3.

import zlib from 'node:zlib';
import { pipeline } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type S3Options, s3 } from '@spillway/transports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { numbered, verdictOf } from './delivery.js';

const credentials = { accessKeyId: 'AKID', secretAccessKey: 'hunter2' };
let server: Awaited<ReturnType<typeof servers.moto.start>>;
beforeAll(async () => {
  server = await servers.moto.start();
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

function store(options: Partial<S3Options> & { bucket: string }) {
  return s3({ region: 'us-east-1', endpoint: server.url, credentials, ...options });
}

async function numbersIn(bucket: string): Promise<number[]> {
  const numbers: number[] = [];
  for (const key of await server.objectKeys(bucket)) {
    expect(key).toMatch(/^logs\/dt=\d{4}-\d\d-\d\d\/hour=\d\d\/[\w-]+\.ndjson\.gz$/);
    const text = zlib.gunzipSync(await server.objectBytes(bucket, key)).toString();
    for (const line of text.split('\n').slice(0, -1)) numbers.push((JSON.parse(line) as { n: number }).n);
  }
  return numbers;
}

it('puts every record once through an outage and lost answers', async () => {
  await server.createBucket('trouble');
  const logs = pipeline(store({ bucket: 'trouble' }), {
    batch: { lingerMs: 20, maxRecords: 250 },
    retry: { attempts: 3, minMs: 50, maxMs: 500 },
    breaker: { failures: 3, cooldownMs: 300, probeMs: 300 },
    send: { timeoutMs: 3000 },
    warnings: 'off',
  });
  let written = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i++) logs.write(numbered(written++));
  };
  write(2000);
  await logs.flush({ timeoutMs: 60_000 });
  // Paused, it takes requests and answers none: some are stored later without our hearing of it.
  await server.pause();
  write(2000);
  logs.write(`{"msg":"${'x'.repeat(16_777_216)}"}\n`);
  await servers.until(() => logs.stats().breaker !== 'closed', { what: 'the outage to be noticed' });
  server.resume();
  write(1000);
  expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);
  const { stats } = await logs.close();
  expect(stats).toMatchObject({ acked: { records: written }, rejected: { records: 1 }, dropped: { records: 0 } });
  const numbers = await numbersIn('trouble');
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: written }, (_, n) => n));
});

it('goes on after a restart of the store, and holds what has no bucket', async () => {
  await server.restart();
  const batch = batchOf([numbered(1).trim()]);
  expect(await sendOnce({ bucket: 'missing' }, batch)).toEqual({ outcome: 'hold', reason: '404: NoSuchBucket' });
  await server.createBucket('missing');
  for (let i = 0; i < 3; i++) expect(await sendOnce({ bucket: 'missing' }, batch)).toEqual({ outcome: 'ack' });
  expect(await numbersIn('missing')).toEqual([1]);
});

async function sendOnce(options: Partial<S3Options> & { bucket: string }, batch: ReturnType<typeof batchOf>) {
  return verdictOf(store(options), batch);
}
