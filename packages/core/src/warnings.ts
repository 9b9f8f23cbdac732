// The one line on stderr that tells an operator about trouble when nothing else can.
// In: what happened. Out: at most one line every 30 seconds, and one at the end, however much happens; what it could not say
// is summed up.
// Invariants: never throws and never waits; the end does not tell of a trouble that has passed since.

import { writeSync } from 'node:fs';
import type { Runtime } from './runtime.js';

const EVERY_MS = 30_000;

/** Writes a line to stderr before it returns. May throw. */
type WarningWrite = (line: string) => void;

/** Says things on stderr, rarely. */
export class Warnings {
  private last = Number.NEGATIVE_INFINITY;
  private suppressed = 0;
  /** The latest of what was not said: of what has happened for good, and of what may pass. */
  private unsaid: string | undefined;
  private unsaidTrouble: { readonly message: string; readonly stands: () => boolean } | undefined;
  private readonly enabled: boolean;
  private readonly runtime: Pick<Runtime, 'monotonic'>;
  private readonly write: WarningWrite;

  constructor(
    enabled: boolean,
    runtime: Pick<Runtime, 'monotonic'>,
    write: WarningWrite = (line) => void writeSync(2, line),
  ) {
    this.enabled = enabled;
    this.runtime = runtime;
    this.write = write;
  }

  /** `stands` tells of a trouble that may pass whether it still is one. */
  say(message: string, stands?: () => boolean): void {
    if (!this.enabled) return;
    const now = this.runtime.monotonic();
    if (now - this.last < EVERY_MS) {
      this.suppressed++;
      if (stands) this.unsaidTrouble = { message, stands };
      else this.unsaid = message;
      return;
    }
    this.last = now;
    this.print(message);
  }

  /** Says the latest of what was not said: there will be no later, and it may be the loss of all that was left. */
  end(): void {
    const message = this.unsaid ?? (this.unsaidTrouble?.stands() ? this.unsaidTrouble.message : undefined);
    if (message === undefined) return;
    this.suppressed--;
    this.print(message);
  }

  private print(message: string): void {
    const more = this.suppressed > 0 ? ` (and ${this.suppressed} warnings since the last one)` : '';
    this.suppressed = 0;
    this.unsaid = undefined;
    this.unsaidTrouble = undefined;
    try {
      this.write(`spillway: ${message}${more}\n`);
    } catch {
      // stderr is closed or full: there is nobody to tell.
    }
  }
}
