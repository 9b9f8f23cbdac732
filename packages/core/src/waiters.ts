// Who waits until all is settled that was sealed so far: callers of `flush` and `close`.
// In: a seal and how long to wait for it; a call whenever something was settled. Out: whether it was settled in time.
// Invariant: every wait ends, at its deadline at the latest, and leaves nothing behind.

import type { Runtime } from './runtime.js';

/** Waits for everything that was accepted before a certain seal. */
interface Waiter {
  readonly seal: number;
  resolve(settled: boolean): void;
}

/** All who wait. */
export class Waiters {
  private readonly waiting = new Set<Waiter>();
  private readonly runtime: Pick<Runtime, 'after'>;
  private readonly oldestSeal: () => number;

  /** `oldestSeal` tells the oldest seal of which something is not settled, or Infinity. */
  constructor(runtime: Pick<Runtime, 'after'>, oldestSeal: () => number) {
    this.runtime = runtime;
    this.oldestSeal = oldestSeal;
  }

  /** Resolves with true as soon as everything up to a seal is settled, with false when the time is up. */
  settledThrough(seal: number, timeoutMs: number): Promise<boolean> {
    if (this.oldestSeal() > seal) return Promise.resolve(true);
    return new Promise((done) => {
      const waiter: Waiter = {
        seal,
        resolve: (settled) => {
          timer.cancel();
          this.waiting.delete(waiter);
          done(settled);
        },
      };
      const timer = this.runtime.after(timeoutMs, () => waiter.resolve(false), { keepsAlive: true });
      this.waiting.add(waiter);
    });
  }

  /** Something was settled: lets those go who wait for no more. */
  wake(): void {
    if (this.waiting.size === 0) return;
    const oldest = this.oldestSeal();
    for (const waiter of this.waiting) if (oldest > waiter.seal) waiter.resolve(true);
  }
}
