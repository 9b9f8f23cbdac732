// Waiting for a condition with a deadline, instead of sleeping. In: a probe. Out: its first value that is not
// undefined or false. Always true: ends by the deadline, with an error that says what was awaited and what went wrong last.
import { setTimeout as pause } from 'node:timers/promises';

export interface WaitOptions {
  /** What is awaited, for the error. */
  readonly what: string;
  /** @default 60_000 ms */
  readonly deadlineMs?: number;
  /** Time between two probes. @default 100 ms */
  readonly everyMs?: number;
}

/** Asks `probe` until it gives something other than `undefined` or `false`; a throw counts as "not yet". */
export async function until<T>(
  probe: () => T | Promise<T>,
  options: WaitOptions,
): Promise<Exclude<T, undefined | false>> {
  const { what, deadlineMs = 60_000, everyMs = 100 } = options;
  const end = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value as Exclude<T, undefined | false>;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= end) {
      throw new Error(`waited ${deadlineMs} ms for ${what}`, last === undefined ? {} : { cause: last });
    }
    await pause(everyMs);
  }
}
