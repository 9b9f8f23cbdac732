// A backend that can be overrun, as a model: requests queue for a limited number of processors.
// In: requests of a whole fleet. Out: replies when they were worked off; or at once a refusal, if it sheds load; or no
// connection while it is down. Always true: work that nobody waits for any more is done all the same, which is what keeps an
// overrun backend down.

import type { Batch, Runtime, Transport, Verdict } from '@spillway/core';

/** What a backend can do. */
export interface BackendOptions {
  /** Milliseconds of work that it does in a millisecond. */
  readonly capacity: number;
  /** Whether it answers 429 once more than two seconds of work wait; if not, everything waits. */
  readonly sheds: boolean;
}

/** What happened at the backend. */
export interface BackendCounts {
  requests: number;
  acked: number;
  refused: number;
  /** Worked off for a client that had given up. */
  wasted: number;
}

/** Source of the costs: practice notes of log backends; a request, and a megabyte of lines to parse and index. */
const requestMs = 2;
const megabyteMs = 100;
const refusalMs = 0.2;
const shedsFromMs = 2000;
const connectMs = 1;

/** The backend and how to reach it. */
export class Backend {
  down = false;
  counts: BackendCounts = { requests: 0, acked: 0, refused: 0, wasted: 0 };
  /** Requests in each second since the start. */
  readonly perSecond: number[] = [];
  private freeAt = 0;
  private readonly options: BackendOptions;
  private readonly runtime: Runtime;

  constructor(options: BackendOptions, runtime: Runtime) {
    this.options = options;
    this.runtime = runtime;
  }

  /** A transport to it; `acked` is told each time when something of this client was taken. */
  transport(acked: () => void): Transport<Batch, Verdict> {
    return {
      name: 'fleet',
      destination: 'model',
      limits: { maxBytes: 8 << 20, maxRecords: 100_000, maxRecordBytes: 1 << 20, overheadBytes: 0 },
      idempotency: 'none',
      encode: (batch) => batch,
      sizeOf: (batch) => batch.bytes.length,
      classify: (verdict) => verdict,
      open: () => ({
        send: (batch, signal) => this.request(batch.bytes.length, signal, acked),
        close: () => Promise.resolve(),
      }),
    };
  }

  private request(bytes: number, signal: AbortSignal, acked: () => void): Promise<Verdict> {
    const { runtime, options } = this;
    return new Promise((resolve, reject) => {
      if (this.down) {
        runtime.after(connectMs, () => reject(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })));
        return;
      }
      this.arrived();
      if (options.sheds && this.freeAt - runtime.monotonic() > shedsFromMs) {
        this.counts.refused++;
        this.work(refusalMs);
        runtime.after(connectMs, () => resolve({ outcome: 'retry', reason: 'too many requests' }));
        return;
      }
      let waits = true;
      const leave = () => {
        waits = false;
        reject(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      runtime.after(this.work(requestMs + (megabyteMs * bytes) / 1e6), () => {
        signal.removeEventListener('abort', leave);
        if (!waits) {
          this.counts.wasted++;
          return;
        }
        this.counts.acked++;
        acked();
        resolve({ outcome: 'ack' });
      });
    });
  }

  private arrived(): void {
    const second = Math.floor(this.runtime.monotonic() / 1000);
    this.perSecond[second] = (this.perSecond[second] ?? 0) + 1;
    this.counts.requests++;
  }

  /** Queues some work and tells in how many milliseconds it is done. */
  private work(ms: number): number {
    const now = this.runtime.monotonic();
    this.freeAt = Math.max(this.freeAt, now) + ms / this.options.capacity;
    return this.freeAt - now;
  }
}
