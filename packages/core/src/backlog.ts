// Empties a spool folder whose processes are dead, for tools: adopts, delivers, settles, and ends.
//
//   dead queues ─► Spool (adopts) ─► Courier ─► acked: settled on the disk · refused: dead letter · else: given back
//
// In: a folder and a transport. Out: a report that adds up. Living owners are left alone, by the spool's own rules.
// Nothing is removed that was not acked or kept; whoever stops it, however, can start it again: what was adopted and not
// delivered is adopted once more.

import { dirname } from 'node:path';
import type { Batch } from './batch.js';
import { BufferPool } from './buffer-pool.js';
import { Courier } from './courier.js';
import type { Tally } from './ledger.js';
import { parseOptions } from './options/parse.js';
import { type PipelineInput, settle } from './options/pipeline-options.js';
import { type Runtime, sleep, type Timer } from './runtime.js';
import type { RetryReport } from './spool/dead-letters.js';
import type { Drained } from './spool/drain.js';
import type { SpoolEvent } from './spool/events.js';
import { spoolOptions } from './spool/options.js';
import { Spool } from './spool/spool.js';
import type { AnyTransport } from './transport.js';

/** What to empty, and where to. */
export interface BacklogOptions {
  /** One destination's folder of a spool directory. */
  readonly folder: string;
  readonly transport: AnyTransport;
  /** How to send: `send`, `retry` and `breaker` of a pipeline; `spool.encryption` for the keys. */
  readonly pipeline?: PipelineInput;
  /** What users write under `spool.encryption`. */
  readonly encryption?: object;
  /** How long the destination may settle nothing before it is given up, in ms. @default 60000 */
  readonly patienceMs?: number;
  readonly runtime: Runtime;
  /** Where `encryption.keyEnv` looks. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What became of the records that were found. */
export interface BacklogReport {
  /**
   * Records that waited in the queues that were taken over.
   * found + repeated = delivered + rejected + lost + duplicates + remaining
   */
  readonly found: Tally;
  readonly delivered: Tally;
  /** Refused by the destination for good: dead letters now, unless it did not say which. */
  readonly rejected: Tally;
  /** Damaged on the disk. */
  readonly lost: Tally;
  /** Second copies of a batch: not sent. */
  readonly duplicates: Tally;
  /** Still on the disk. */
  readonly remaining: Tally;
  /** Delivered, and on the disk all the same, because that could not be written: they will be sent again. */
  readonly repeated: number;
  /** Queues that were taken over, by id. */
  readonly adopted: readonly string[];
  /** Segments that cannot be read here, by reason. */
  readonly locked: Readonly<Record<string, number>>;
  readonly requests: number;
  /** Why it ended before everything was delivered. */
  readonly trouble?: string;
}

/** What is on its way when it is told to end gets so long for its reply, or it would be sent twice. */
const GRACE_MS = 2000;
/** A segment that could not be read is tried again after this time, and this often. */
const UNREADABLE_MS = 5000;
const UNREADABLE_ROUNDS = 8;
const unbounded = Number.POSITIVE_INFINITY;

/** A folder that is being emptied. */
export class Backlog {
  private readonly spool: Spool;
  private readonly courier: Courier;
  private readonly options: BacklogOptions;
  private readonly maxInFlight: number;
  private readonly adopted: string[] = [];
  private readonly locked = new Map<string, string>();
  private unreadable = false;
  /** Told to end: nothing new is taken. */
  private ending = false;

  /** @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` */
  constructor(options: BacklogOptions) {
    const { folder, transport, runtime, pipeline = {}, encryption = {}, patienceMs = 60_000, env = {} } = options;
    const { spool: _, ...rest } = pipeline;
    const settings = settle(rest, transport);
    this.options = options;
    this.maxInFlight = settings.send.maxInFlight;
    const parsed = parseOptions(spoolOptions, { directory: dirname(folder), encryption, minFreeBytes: 0 }, 'spool');
    // Whoever empties a spool must not drop from it: no quota, no age, no cap.
    const unlimited = { maxBytes: unbounded, maxSegments: unbounded, maxAgeMs: unbounded };
    const { SPILLWAY_EPHEMERAL_STORAGE_LIMIT: __, ...environment } = env;
    const buffers = new BufferPool(settings.batch.maxBytes, settings.send.maxInFlight, runtime);
    const onEvent = (event: SpoolEvent) => this.heard(event);
    this.spool = new Spool(
      { ...parsed, ...unlimited, deadLetters: { maxBytes: unbounded } },
      { runtime, folder, destination: transport.destination, env: environment, onEvent, buffers },
    );
    const keep = (batch: Batch, reason: string) => this.spool.deadLetters.append(batch, reason);
    this.courier = new Courier({ transport, settings, runtime, patienceMs, keep, buffers });
  }

  private heard(event: SpoolEvent): void {
    if (event.type === 'queueAdopted') this.adopted.push(event.queueId);
    if (event.type === 'segmentLocked') this.locked.set(event.segment, event.reason);
    if (event.type === 'segmentUnreadable') this.unreadable = true;
  }

  /** Takes over what the dead left and delivers it, until nothing is left, it gives up, or `signal` is aborted. */
  async drain(signal: AbortSignal): Promise<BacklogReport> {
    const heed = this.endWith(signal);
    if (!this.over) await this.spool.scan();
    await Promise.all(Array.from({ length: this.maxInFlight }, () => this.work()));
    heed.cancel();
    await this.close();
    return this.report();
  }

  /** Hands out dead letters again; those that are refused once more are written anew, with the new reason. */
  async retryDeadLetters(signal: AbortSignal, only?: string): Promise<RetryReport & { readonly trouble?: string }> {
    const heed = this.endWith(signal);
    try {
      const report = await this.spool.deadLetters.retry(async (batch) => {
        const rest = this.over ? batch : await this.courier.deliver(batch);
        return rest ? [rest] : [];
      }, only);
      const { trouble } = this.courier;
      return { ...report, ...(trouble !== undefined && { trouble }) };
    } finally {
      heed.cancel();
      await this.close();
    }
  }

  private get over(): boolean {
    return this.ending || this.courier.signal.aborted;
  }

  /** Takes nothing new once `signal` is aborted, and soon after that waits for no reply any more. */
  private endWith(signal: AbortSignal): Timer {
    let timer: Timer | undefined;
    const end = () => {
      this.ending = true;
      timer = this.options.runtime.after(GRACE_MS, () => this.courier.stop());
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    return {
      cancel: () => {
        signal.removeEventListener('abort', end);
        timer?.cancel();
      },
    };
  }

  /** How far it is. */
  report(): BacklogReport {
    const { recovered, lost, duplicatesSuppressed, rejected, waiting } = this.spool.stats();
    const { acked, trouble, counts } = this.courier;
    const refused = sum(this.courier.rejected, rejected);
    const settled = acked.records + refused.records + lost.records + duplicatesSuppressed.records;
    const locked: Record<string, number> = {};
    for (const reason of this.locked.values()) locked[reason] = (locked[reason] ?? 0) + 1;
    return {
      found: recovered,
      delivered: { ...acked },
      rejected: refused,
      lost,
      duplicates: duplicatesSuppressed,
      remaining: waiting,
      repeated: settled + waiting.records - recovered.records,
      adopted: [...this.adopted],
      locked,
      requests: counts.attempts,
      ...(trouble !== undefined && { trouble }),
    };
  }

  private async work(): Promise<void> {
    while (!this.over) {
      const drained = await this.take();
      if (!drained) return;
      if (this.over) this.spool.release(drained.receipt);
      else await this.settle(drained, await this.courier.deliver(drained.batch));
    }
  }

  private async take(): Promise<Drained | undefined> {
    for (let round = 0; round < UNREADABLE_ROUNDS && !this.over; round++) {
      this.unreadable = false;
      const drained = await this.spool.next();
      if (drained || !this.unreadable) return drained;
      await sleep(this.options.runtime, UNREADABLE_MS, this.courier.signal);
    }
    return undefined;
  }

  private async settle({ batch, receipt }: Drained, rest: Batch | undefined): Promise<void> {
    if (!rest) this.spool.ack(receipt);
    else if (rest === batch) this.spool.release(receipt);
    else this.spool.release((await this.spool.replace(receipt, rest)) ?? receipt);
  }

  private async close(): Promise<void> {
    await this.courier.close();
    await this.spool.close();
  }
}

function sum(a: Readonly<Tally>, b: Readonly<Tally>): Tally {
  return { records: a.records + b.records, bytes: a.bytes + b.bytes };
}
