// An alarm: something that has to happen after a while, however many ask for it meanwhile.
// In: how long to wait, from any number of callers. Out: one call, at the earliest of the times that they asked for.
// Invariant: at most one timer runs; it may be set again from inside the call.

import type { Runtime, Timer } from './runtime.js';

/** Rings once for all who set it. */
export class Alarm {
  private timer: Timer | undefined;
  private at = 0;
  private readonly runtime: Pick<Runtime, 'after' | 'monotonic'>;
  private readonly ring: () => void;

  constructor(runtime: Pick<Runtime, 'after' | 'monotonic'>, ring: () => void) {
    this.runtime = runtime;
    this.ring = ring;
  }

  /** Rings after `ms`, unless it is going to ring before. */
  set(ms: number): void {
    const at = this.runtime.monotonic() + ms;
    if (this.timer && this.at <= at) return;
    this.timer?.cancel();
    this.at = at;
    this.timer = this.runtime.after(ms, () => {
      this.timer = undefined;
      this.ring();
    });
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
