import { ack, batchOf, scriptedDestination, simRuntime } from '@spillway/testing';
import { expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.js';
import { Courier } from './courier.js';
import { settle } from './options/pipeline-options.js';

it('lets others go on after a probe that could not even be encoded', async () => {
  const runtime = simRuntime();
  const { transport, stored, behave } = scriptedDestination({ maxBytes: 2000 });
  const settings = settle({ retry: { attempts: 1 }, breaker: { failures: 1 } }, transport);
  const buffers = new BufferPool(1, 0, runtime);
  const courier = new Courier({ transport, settings, runtime, patienceMs: 60_000, keep: async () => true, buffers });
  behave((_, n) => (n > 1 ? ack : { kind: 'reset' }));
  const first = courier.deliver(batchOf(['{"a":1}']));
  // The one that comes later looks again just before the other one does, and so becomes the probe.
  await runtime.advance(249);
  const tooLarge = courier.deliver(batchOf([`{"pad":"${'x'.repeat(3000)}"}`]));
  await runtime.advance(30_000);
  expect(stored.map(({ line }) => line)).toEqual(['{"a":1}']);
  expect(await Promise.all([first, tooLarge])).toEqual([undefined, undefined]);
  expect(courier).toMatchObject({ acked: { records: 1 }, rejected: { records: 1 }, trouble: undefined });
  await courier.close();
});
