// An alarm: something that has to happen after a while, however many ask for it meanwhile.
// In: how long to wait, from any number of callers. Out: one call, after the time that the first of them asked for.
// Invariant: at most one timer runs; it may be set again from inside the call.

import type { Runtime, Timer } from './runtime.js';

/** Rings once for all who set it. */
export class Alarm {
  private timer: Timer | undefined;
  private readonly runtime: Pick<Runtime, 'after'>;
  private readonly ring: () => void;

  constructor(runtime: Pick<Runtime, 'after'>, ring: () => void) {
    this.runtime = runtime;
    this.ring = ring;
  }

  /** Rings after `ms`, unless it is going to ring anyway. */
  set(ms: number): void {
    this.timer ??= this.runtime.after(ms, () => {
      this.timer = undefined;
      this.ring();
    });
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
  }
}
