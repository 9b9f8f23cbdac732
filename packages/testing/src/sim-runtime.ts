// A simulated clock, timers and randomness, all from one seed.
// In: a seed. Out: a Runtime whose time moves only when told to. The same seed gives the same run.

import type { Runtime, Timer } from '@spillway/core';

interface Pending {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A runtime under the test's control. */
export interface SimRuntime extends Runtime {
  /** Moves time by `ms`, firing what falls due on the way, each time letting promises settle. */
  advance(ms: number): Promise<void>;
  /** Moves time in steps until the condition holds.
   * @throws Error when it does not within `maxMs` of simulated time
   */
  until(condition: () => boolean, maxMs?: number): Promise<void>;
}

/** Small, fast and good enough for tests: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Makes a simulated runtime that starts at 2023-11-14T22:13:20Z. */
export function simRuntime(seed = 1): SimRuntime {
  const epoch = 1_700_000_000_000;
  const random = seededRandom(seed);
  let elapsed = 0;
  let order = 0;
  let pending: Pending[] = [];

  /** Promises and async-retry's own zero timers settle between simulated instants. */
  const settle = async () => {
    for (let i = 0; i < 4; i++) await new Promise((done) => setImmediate(done));
    await new Promise((done) => setTimeout(done, 1));
    for (let i = 0; i < 4; i++) await new Promise((done) => setImmediate(done));
  };
  const next = () => pending.reduce<Pending | undefined>((a, b) => (!a || sooner(b, a) ? b : a), undefined);

  const runtime: SimRuntime = {
    now: () => epoch + Math.floor(elapsed),
    monotonic: () => elapsed,
    random,
    after(ms, callback): Timer {
      const timer = { at: elapsed + Math.max(0, ms), order: order++, callback };
      pending.push(timer);
      return {
        cancel: () => {
          pending = pending.filter((other) => other !== timer);
        },
      };
    },
    async advance(ms) {
      const target = elapsed + ms;
      await settle();
      for (let due = next(); due && due.at <= target; due = next()) {
        pending = pending.filter((other) => other !== due);
        elapsed = Math.max(elapsed, due.at);
        due.callback();
        await settle();
      }
      elapsed = target;
      await settle();
    },
    async until(condition, maxMs = 3_600_000) {
      const limit = elapsed + maxMs;
      await settle();
      while (!condition()) {
        if (elapsed >= limit) throw new Error(`the condition did not hold within ${maxMs} ms of simulated time`);
        const due = next();
        await runtime.advance(due ? Math.min(Math.max(due.at - elapsed, 0), limit - elapsed) : limit - elapsed);
      }
    },
  };
  return runtime;
}

function sooner(a: Pending, b: Pending): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
