// Waits out the time in which bad news would come: a reset, a close, a port that nobody listens on.
// In: batches that the operating system has taken, and the end of the connection. Out: quiet, or what broke it.

import type { Runtime } from '../runtime.js';

/** Waits until a connection has been without an error or a close for a while. */
export class QuietWatch {
  /** What broke the quiet for good. */
  broken: { readonly error: unknown } | undefined;
  readonly #runtime: Runtime;
  readonly #confirmMs: number;
  readonly #waiting = new Set<(error: unknown) => void>();

  constructor(runtime: Runtime, confirmMs: number) {
    this.#runtime = runtime;
    this.#confirmMs = confirmMs;
  }

  quiet(): Promise<void> {
    if (this.broken) return Promise.reject(this.broken.error);
    if (this.#confirmMs === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = this.#runtime.after(this.#confirmMs, () => {
        this.#waiting.delete(fail);
        resolve();
      });
      const fail = (error: unknown) => {
        timer.cancel();
        reject(error);
      };
      this.#waiting.add(fail);
    });
  }

  ended(error: unknown): void {
    this.broken = { error };
    for (const fail of this.#waiting) fail(error);
    this.#waiting.clear();
  }
}
