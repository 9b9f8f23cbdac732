// The clock of a whole fleet: one simulated time for thousands of pipelines.
// In: timers. Out: their callbacks, in order of time, in small steps between which promises settle. The same seed gives the
// same run. Unlike `simRuntime`, which settles after every single timer, it does not slow down with the number of timers.

import type { Runtime, Timer } from '@spillway/core';
import { seededRandom } from '../sim-runtime.js';

interface Pending {
  readonly at: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** A runtime that many pipelines share. */
export class FleetClock implements Runtime {
  readonly random: () => number;
  private readonly epochMs = 1_700_000_000_000;
  private elapsedMs = 0;
  private order = 0;
  /** A binary heap, the soonest in front. */
  private readonly pending: Pending[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  now(): number {
    return this.epochMs + Math.floor(this.elapsedMs);
  }

  monotonic(): number {
    return this.elapsedMs;
  }

  after(ms: number, callback: () => void): Timer {
    const timer: Pending = { at: this.elapsedMs + Math.max(0, ms), order: this.order++, callback };
    this.add(timer);
    return {
      cancel: () => {
        timer.callback = undefined;
      },
    };
  }

  /** Moves time to `ms` since the start; what falls due on the way is called at its time. */
  async advanceTo(ms: number): Promise<void> {
    do {
      for (let due = this.due(ms); due; due = this.due(ms)) {
        this.elapsedMs = Math.max(this.elapsedMs, due.at);
        due.callback?.();
      }
      this.elapsedMs = ms;
      await settled();
    } while (this.pending[0] && this.pending[0].at <= ms);
  }

  private due(ms: number): Pending | undefined {
    const first = this.pending[0];
    if (!first || first.at > ms) return undefined;
    const last = this.pending.pop()!;
    if (last !== first) this.sink(last);
    return first;
  }

  private add(timer: Pending): void {
    const { pending } = this;
    let at = pending.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!sooner(timer, pending[parent]!)) break;
      pending[at] = pending[parent]!;
      at = parent;
    }
    pending[at] = timer;
  }

  private sink(timer: Pending): void {
    const { pending } = this;
    let at = 0;
    for (let child = 1; child < pending.length; child = 2 * at + 1) {
      if (child + 1 < pending.length && sooner(pending[child + 1]!, pending[child]!)) child++;
      if (!sooner(pending[child]!, timer)) break;
      pending[at] = pending[child]!;
      at = child;
    }
    pending[at] = timer;
  }
}

function sooner(a: Pending, b: Pending): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Promises, and the timers of no length by which async-retry begins an attempt. */
async function settled(): Promise<void> {
  await new Promise((done) => setImmediate(done));
  await new Promise((done) => setTimeout(done, 0));
}
