// How long to wait before an attempt. Everything is jittered, so that many clients never move together.
// In: how often it failed and what the destination asked for. Out: milliseconds.

/** Bounds of the waits between attempts. */
export interface BackoffOptions {
  readonly minMs: number;
  readonly maxMs: number;
}

/** Longest wait that a destination can ask for. Source: protocol reference, section 1.2. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Full jitter: uniform in [0, min(maxMs, minMs * 2^failures)], with `failures` counted from 0. */
export function backoff(failures: number, { minMs, maxMs }: BackoffOptions, random: () => number): number {
  return random() * Math.min(maxMs, minMs * 2 ** Math.min(failures, 30));
}

/** What the destination asked for, clamped, and up to a fifth later: obeyed to the letter it would bring everyone back at once. */
export function pushback(afterMs: number, random: () => number): number {
  return Math.min(Math.max(afterMs, 0), MAX_RETRY_AFTER_MS) * (1 + random() / 5);
}
