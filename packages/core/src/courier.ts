// Delivers batches outside of a pipeline, for tools: the same attempts, verdicts, splits and breaker, but with an end.
// In: a batch. Out: what of it was not delivered. Gives up for good when the destination has settled nothing for some
// time, when it refuses us, or when records that it refuses could not be kept.
// Invariant: a record is either acked, or refused and kept (or refused unnamed), or handed back.

import type { Batch } from './batch.js';
import { Breaker } from './breaker.js';
import type { BufferPool } from './buffer-pool.js';
import { type DeliverCounts, Deliverer } from './deliver.js';
import { Emitter } from './events.js';
import { Ledger, type Tally } from './ledger.js';
import type { PipelineSettings } from './options/pipeline-options.js';
import { type Runtime, sleep, type Timer } from './runtime.js';
import type { AnyTransport } from './transport.js';

/** What a courier works with. */
export interface CourierPort {
  readonly transport: AnyTransport;
  readonly settings: PipelineSettings;
  readonly runtime: Runtime;
  /** How long nothing may be settled before it gives up, in ms. */
  readonly patienceMs: number;
  /** Where batches have their memory from, which goes back there when nothing reads it any more. */
  readonly buffers: BufferPool;
  /** Keeps what the destination refuses for good; false where that was not possible. */
  keep(batch: Batch, reason: string): Promise<boolean>;
}

/** Longest sleep while somebody else's batch probes the destination. */
const PROBE_MS = 250;

/** Sends batches for somebody who waits. */
export class Courier {
  private readonly ledger = new Ledger();
  private readonly breaker: Breaker;
  private readonly deliverer: Deliverer;
  private readonly stopping = new AbortController();
  private readonly port: CourierPort;
  /** What was refused and could not be kept, as it was refused. */
  private readonly unkept: Batch[] = [];
  private readonly keeping = new Set<Promise<void>>();
  private settledAt: number;
  private watch: Timer | undefined;
  /** Why it gave up. */
  trouble: string | undefined;

  constructor(port: CourierPort) {
    const { transport, settings, runtime } = port;
    this.port = port;
    this.settledAt = runtime.monotonic();
    this.breaker = new Breaker(settings.breaker, runtime);
    this.deliverer = new Deliverer(
      { ...settings.retry, timeoutMs: settings.send.timeoutMs },
      {
        transport,
        sender: transport.open(runtime, settings.send),
        breaker: this.breaker,
        ledger: this.ledger,
        runtime,
        emitter: new Emitter('courier'),
        rejected: (part, reason) => this.refused(part, reason),
        spent: ({ bytes }) => port.buffers.reclaim(bytes),
        settled: () => {
          this.settledAt = runtime.monotonic();
        },
        held: (reason) => this.giveUp(reason),
      },
    );
  }

  /** Aborted once it gave up or was stopped. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Records that the destination has. */
  get acked(): Readonly<Tally> {
    return this.ledger.acked;
  }

  /** Records that the destination refused for good, but for those that had to be handed back. */
  get rejected(): Tally {
    const { records, bytes } = this.ledger.rejected;
    const back = this.unkept.reduce((sum, batch) => sum + batch.count, 0);
    return { records: records - back, bytes: bytes - this.unkept.reduce((sum, batch) => sum + batch.bytes.length, 0) };
  }

  get counts(): Readonly<DeliverCounts> {
    return this.deliverer.counts;
  }

  /** Ends all sending soon; what is on its way is handed back. */
  stop(): void {
    this.stopping.abort();
  }

  /** Delivers a batch. Resolves with what was not delivered as one batch of the same ids, or with nothing. Never rejects. */
  async deliver(batch: Batch): Promise<Batch | undefined> {
    const before = this.unkept.length;
    const parts: Batch[] = [batch];
    this.watchOver();
    while (parts.length > 0 && (await this.permitted())) {
      const probe = this.breaker.state !== 'closed';
      await this.deliverer.deliver(parts, this.signal);
      // A probe that was settled, too, may never have been sent.
      if (probe) this.breaker.released();
    }
    await Promise.all(this.keeping);
    const mine = this.unkept.slice(before).filter(({ writer }) => writer === batch.writer);
    return remainder(batch, [...parts, ...mine]);
  }

  /** Lets go of connections. Idempotent, never rejects. */
  async close(): Promise<void> {
    this.stop();
    this.watch?.cancel();
    await this.deliverer.close();
  }

  private async permitted(): Promise<boolean> {
    while (!this.signal.aborted) {
      if (this.breaker.permits()) return true;
      await sleep(this.port.runtime, Math.min(this.breaker.waitMs(), PROBE_MS), this.signal);
    }
    return false;
  }

  private refused(part: Batch, reason: string): void {
    const kept = this.port.keep(part, reason).then((ok) => {
      this.keeping.delete(kept);
      if (ok) return;
      this.unkept.push(part);
      this.giveUp('records that the destination refuses could not be kept as dead letters');
    });
    this.keeping.add(kept);
  }

  private giveUp(reason: string): void {
    this.trouble ??= reason;
    this.stop();
  }

  /** Patience is counted from the last thing that the destination settled. */
  private watchOver(): void {
    if (this.watch) return;
    const { runtime, patienceMs } = this.port;
    const left = this.settledAt + patienceMs - runtime.monotonic();
    if (left <= 0) {
      this.giveUp(this.deliverer.lastError ?? 'no reply');
      return;
    }
    this.watch = runtime.after(left, () => {
      this.watch = undefined;
      if (!this.signal.aborted) this.watchOver();
    });
  }
}

/** The records of a batch that are in any of its parts. */
function remainder(whole: Batch, parts: readonly Batch[]): Batch | undefined {
  const left = new Set<number>();
  for (const part of parts) for (let i = 0; i < part.count; i++) left.add(part.sequence(i));
  const indices = Array.from({ length: whole.count }, (_, i) => i).filter((i) => left.has(whole.sequence(i)));
  if (indices.length === 0) return undefined;
  if (indices.length === whole.count) return whole;
  const first = indices[0]!;
  // Without gaps it is a part as a split makes it, with the id that such a part has.
  const gapless = indices.at(-1) === first + indices.length - 1;
  return gapless ? whole.range(first, first + indices.length) : whole.pick(indices);
}
