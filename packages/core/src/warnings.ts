// The one line on stderr that tells an operator about trouble when nothing else can.
// In: what happened. Out: at most one line every 30 seconds, and one at the end, however much happens; what it could not say
// is summed up.
// Invariant: never throws and never waits.

import { writeSync } from 'node:fs';
import type { Runtime } from './runtime.js';

const EVERY_MS = 30_000;

/** Says things on stderr, rarely. */
export class Warnings {
  private last = Number.NEGATIVE_INFINITY;
  private suppressed = 0;
  /** The latest of what was not said. */
  private unsaid: string | undefined;
  private readonly enabled: boolean;
  private readonly runtime: Pick<Runtime, 'monotonic'>;

  constructor(enabled: boolean, runtime: Pick<Runtime, 'monotonic'>) {
    this.enabled = enabled;
    this.runtime = runtime;
  }

  say(message: string): void {
    if (!this.enabled) return;
    const now = this.runtime.monotonic();
    if (now - this.last < EVERY_MS) {
      this.suppressed++;
      this.unsaid = message;
      return;
    }
    this.last = now;
    this.print(message);
  }

  /** Says the latest of what was not said: there will be no later, and it may be the loss of all that was left. */
  end(): void {
    if (this.unsaid === undefined) return;
    this.suppressed--;
    this.print(this.unsaid);
  }

  private print(message: string): void {
    const more = this.suppressed > 0 ? ` (and ${this.suppressed} warnings since the last one)` : '';
    this.suppressed = 0;
    this.unsaid = undefined;
    try {
      writeSync(2, `spillway: ${message}${more}\n`);
    } catch {
      // stderr is closed or full: there is nobody to tell.
    }
  }
}
