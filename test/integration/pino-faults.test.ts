// A destination in trouble must stay the worker's trouble: the application goes on, memory is bounded, all is counted.

import { imbalance, type Stats } from '@spillway/core';
import { type Receiver, type ReceiverMode, receiver } from '@spillway/testing/receiver';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { launch } from './pino/launch.js';

const RECORDS = 20_000;
const QUEUE_BYTES = 1024 * 1024;
let target: Receiver;

beforeAll(async () => {
  target = await receiver();
});
beforeEach(() => target.clear());
afterAll(() => target?.close());

const troubles: [string, ReceiverMode][] = [
  ['is slow', { kind: 'slow', ms: 300 }],
  ['hangs', { kind: 'hang' }],
  ['resets connections', { kind: 'reset' }],
  ['refuses connections', { kind: 'refuse' }],
  ['answers 429', { kind: 'status', status: 429, headers: { 'retry-after': '1' } }],
  ['answers 503', { kind: 'status', status: 503 }],
  ['answers 413', { kind: 'status', status: 413 }],
  ['answers 400', { kind: 'status', status: 400 }],
  ['answers 401', { kind: 'status', status: 401 }],
  ['answers 200 with a page of HTML', { kind: 'html200' }],
];

it.each(troubles)('a destination that %s', async (_, mode) => {
  await target.mode(mode);
  const app = launch(
    'logs for a while and watches itself',
    {
      to: ['http', { url: `${target.url}/logs` }],
      queue: { maxBytes: QUEUE_BYTES },
      batch: { maxBytes: '256kb', lingerMs: 100 },
      send: { timeoutMs: 500 },
      retry: { minMs: 20, maxMs: 200 },
      breaker: { cooldownMs: 200, probeMs: 200 },
      warnings: 'off',
    },
    { records: RECORDS },
  );
  const { during, worstBlockMs, maxRssMb } = await app.told<{
    during: Stats;
    worstBlockMs: number;
    maxRssMb: number;
  }>();
  // Beside ours there are the pipeline's own records of what it had to drop, at most one a second and reason.
  expect(during.accepted.records).toBeGreaterThanOrEqual(RECORDS);
  expect(during.accepted.records).toBeLessThan(RECORDS + 100);
  expect(imbalance(during)).toEqual({ records: 0, bytes: 0 });
  expect(during.queued.bytes + during.inFlight.bytes).toBeLessThanOrEqual(QUEUE_BYTES);
  // Generous: a busy machine may stop any process for a while, but not for the seconds that a wait would show.
  expect(worstBlockMs).toBeLessThan(1500);
  expect(maxRssMb).toBeLessThan(250);

  await target.mode({ kind: 'ok' });
  app.child.send('recovered');
  const { after } = await app.told<{ after: Stats }>();
  expect(imbalance(after)).toEqual({ records: 0, bytes: 0 });
  // The pipeline may just be reporting its own losses.
  expect(after.queued.records + after.inFlight.records).toBeLessThan(10);
  expect((await target.stats()).records).toBeGreaterThanOrEqual(after.acked.records);
  expect((await app.ended).code).toBe(0);
});

it("with `whenFull: 'block'` and a thread of its own, a slow destination slows the log call and loses nothing", async () => {
  await target.mode({ kind: 'slow', ms: 10 });
  const records = 100_000;
  const options = {
    to: ['http', { url: `${target.url}/logs` }],
    worker: true,
    queue: { maxBytes: '256kb', whenFull: 'block' },
    batch: { maxBytes: '128kb' },
    close: { deadlineMs: 60_000 },
  };
  expect(await launch('in process, ends by itself', options, { records }).ended).toMatchObject({ code: 0, stderr: '' });
  expect(await target.received(records, 10_000)).toMatchObject({ unique: records, duplicates: 0 });
});
