import { simRuntime } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { systemRuntime } from './runtime.js';
import { Waiters } from './waiters.js';

function setUp() {
  const runtime = simRuntime();
  const oldest = { seal: 1 };
  const waiters = new Waiters(runtime, () => oldest.seal);
  const results: Record<number, boolean> = {};
  const wait = (seal: number, timeoutMs = 1000) =>
    void waiters.settledThrough(seal, timeoutMs).then((settled) => {
      results[seal] = settled;
    });
  return { runtime, oldest, waiters, results, wait };
}

describe('waiters', () => {
  it('go at once when there is nothing to wait for', async () => {
    const { runtime, wait, results } = setUp();
    wait(0);
    await runtime.advance(0);
    expect(results).toEqual({ 0: true });
  });

  it('go when their seal is settled, and no sooner', async () => {
    const { runtime, oldest, waiters, wait, results } = setUp();
    for (const seal of [1, 2, 3]) wait(seal);
    waiters.wake();
    await runtime.advance(0);
    expect(results).toEqual({});
    oldest.seal = 3;
    waiters.wake();
    await runtime.advance(0);
    expect(results).toEqual({ 1: true, 2: true });
    oldest.seal = Number.POSITIVE_INFINITY;
    waiters.wake();
    await runtime.advance(0);
    expect(results).toEqual({ 1: true, 2: true, 3: true });
  });

  it('go at their deadline, each at its own', async () => {
    const { runtime, oldest, waiters, wait, results } = setUp();
    wait(1, 100);
    wait(2, 200);
    await runtime.advance(150);
    expect(results).toEqual({ 1: false });
    oldest.seal = 3;
    waiters.wake();
    await runtime.advance(100);
    expect(results).toEqual({ 1: false, 2: true });
  });

  it.each([2 ** 31, Number.POSITIVE_INFINITY])(
    'wait for longer than a timer can be set to: %d ms',
    async (timeoutMs) => {
      let oldest = 1;
      const waiters = new Waiters(systemRuntime, () => oldest);
      const settled = waiters.settledThrough(1, timeoutMs);
      await new Promise((done) => setTimeout(done, 20));
      oldest = 2;
      waiters.wake();
      expect(await settled).toBe(true);
    },
  );
});
