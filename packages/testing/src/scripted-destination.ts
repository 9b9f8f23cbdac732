// A destination in memory that answers as a test tells it to, through the same contract as a real one.
// In: batches. Out: what it stored, line by line with ids, and how often it was asked.

import type { Batch, Limits, Transport, Verdict } from '@spillway/core';

/** What a scripted destination does with a request: answer after a while, never answer, or break the connection. */
export type Behaviour =
  | { readonly kind: 'reply'; readonly verdict: Verdict; readonly afterMs?: number; readonly stores?: boolean }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset'; readonly stores?: boolean };

/** One stored record. */
export interface Stored {
  readonly id: string;
  readonly line: string;
  readonly time: number;
  readonly level: number;
}

/** A transport and what its destination got. */
export interface ScriptedDestination {
  readonly transport: Transport<Batch, Verdict>;
  readonly stored: Stored[];
  /** Every batch that was sent, in order. */
  readonly requests: Batch[];
  readonly opened: number;
  readonly closed: number;
  /** How the next requests are answered; called once a request. */
  behave(script: (batch: Batch, request: number) => Behaviour): void;
}

const roomy: Limits = { maxBytes: 8 << 20, maxRecords: 100_000, maxRecordBytes: 1 << 20, overheadBytes: 0 };

/** Everything is stored and acked. */
export const ack: Behaviour = { kind: 'reply', verdict: { outcome: 'ack' } };

/** Makes a destination; it acks everything until told otherwise. */
export function scriptedDestination(limits: Partial<Limits> = {}): ScriptedDestination {
  const stored: Stored[] = [];
  const requests: Batch[] = [];
  let opened = 0;
  let closed = 0;
  let script: (batch: Batch, request: number) => Behaviour = () => ack;

  const store = (batch: Batch, skip: ReadonlySet<number> = new Set()) => {
    for (let i = 0; i < batch.count; i++) {
      if (skip.has(i)) continue;
      stored.push({
        id: batch.recordId(i),
        line: batch.line(i).toString(),
        time: batch.times[i]!,
        level: batch.levels[i]!,
      });
    }
  };

  return {
    stored,
    requests,
    get opened() {
      return opened;
    },
    get closed() {
      return closed;
    },
    behave: (next) => {
      script = next;
    },
    transport: {
      name: 'scripted',
      destination: 'memory',
      limits: { ...roomy, ...limits },
      idempotency: 'none',
      encode: (batch) => batch,
      sizeOf: (batch) => batch.bytes.length,
      classify: (verdict) => verdict,
      open: (runtime) => {
        opened++;
        return {
          send: (batch, signal) =>
            new Promise((resolve, reject) => {
              requests.push(batch);
              const behaviour = script(batch, requests.length);
              signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), { once: true });
              if (behaviour.kind === 'hang') return;
              if (behaviour.kind === 'reset') {
                if (behaviour.stores) store(batch);
                reject(Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }));
                return;
              }
              const { verdict, stores, afterMs } = behaviour;
              runtime.after(afterMs ?? 0, () => {
                if (signal.aborted) return;
                if (verdict.outcome === 'ack' || stores) store(batch);
                if (verdict.outcome === 'partial' && typeof verdict.reject !== 'number') {
                  store(batch, new Set([...verdict.retry, ...verdict.reject]));
                }
                resolve(verdict);
              });
            }),
          close: async () => {
            closed++;
          },
        };
      },
    },
  };
}
