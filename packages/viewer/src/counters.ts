// What the viewer counts beside what the store holds: arrivals since start, and the rate over the last ten seconds.
import type { PushResult } from './store/model.js';

const SECONDS = 10;

/** Counts of requests and records since start. */
export class Counters {
  accepted = 0;
  duplicateBatches = 0;
  refusedRequests = 0;
  readonly #perSecond = new Float64Array(SECONDS);
  readonly #startedAt = performance.now();
  #second = 0;

  /** Counts what became of a push. */
  pushed({ status, records, duplicate }: PushResult): void {
    this.#advance();
    this.accepted += records;
    this.#perSecond[this.#second % SECONDS]! += records;
    if (duplicate) this.duplicateBatches++;
    if (status >= 300) this.refusedRequests++;
  }

  /** Counts a request that never reached the store. */
  refused(): void {
    this.refusedRequests++;
  }

  /** Records per second over the last ten seconds, or since start when that is shorter. */
  ratePerSecond(): number {
    this.#advance();
    const sum = this.#perSecond.reduce((total, records) => total + records, 0);
    const elapsed = (performance.now() - this.#startedAt) / 1000;
    return Math.round((sum / Math.min(SECONDS, Math.max(1, elapsed))) * 10) / 10;
  }

  #advance(): void {
    const now = Math.floor((performance.now() - this.#startedAt) / 1000);
    for (let empty = Math.min(now - this.#second, SECONDS); empty > 0; empty--) {
      this.#perSecond[(now - empty + 1) % SECONDS] = 0;
    }
    this.#second = now;
  }
}
