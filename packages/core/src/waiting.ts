// Waiting for what may never come, or cannot be called back.

import type { Runtime } from './runtime.js';

/** Longest wait for the answer to a question beside the batches, which have their own time: attempts take longer. */
const ANSWER_MS = 10_000;

/** Resolves after the event loop has gone round: what had already happened has been told by then. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The promise, or the signal's reason as soon as it is aborted; what was under way goes on. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Whether something ends, well or not, within a time. Somebody waits for that, so the process lives on for as long. */
export function endsWithin(runtime: Pick<Runtime, 'after'>, ms: number, ending: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = runtime.after(ms, () => resolve(false), { keepsAlive: true });
    const ended = () => {
      timer.cancel();
      resolve(true);
    };
    ending.then(ended, ended);
  });
}

/** Asks under a signal that is aborted like the one given, or when the patience is over. */
export async function withPatience<T>(
  runtime: Pick<Runtime, 'after'>,
  signal: AbortSignal,
  ask: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const patience = new AbortController();
  const timer = runtime.after(ANSWER_MS, () => {
    patience.abort(Object.assign(new Error('no answer'), { code: 'SPILLWAY_TIMEOUT' }));
  });
  const abort = () => patience.abort(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await ask(patience.signal);
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', abort);
  }
}
