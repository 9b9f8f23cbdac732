// The port through which time and chance enter, so that the whole pipeline can run under a simulated clock.
// Everything in core takes a Runtime; nothing else calls Date.now, Math.random or setTimeout.

/** A pending timer. */
export interface Timer {
  cancel(): void;
}

/** Clock, timers and randomness. */
export interface Runtime {
  /** Wall clock, ms since the epoch. May jump. */
  now(): number;
  /** Steady clock, ms since some start. Never goes back. */
  monotonic(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** Calls back once after `ms`. Only a timer that somebody awaits, with `keepsAlive`, keeps the process alive. */
  after(ms: number, callback: () => void, options?: { readonly keepsAlive: boolean }): Timer;
}

/** Longest time that a timer of Node can be set to; it takes anything longer for 1 ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The real clock, timers and randomness of this process. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  random: () => Math.random(),
  after(ms, callback, options) {
    const timer = setTimeout(callback, Math.min(ms, MAX_TIMER_MS));
    if (!options?.keepsAlive) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
export function sleep(runtime: Runtime, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = runtime.after(ms, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
