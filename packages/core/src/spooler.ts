// Between the queue and the spool: decides what moves to disk and when, and what comes back.
//
//   queue ── memory over the high-water mark · breaker open · waited too long · the end ──► spool
//   deliver ◄── a slot is free, the destination takes records, the rate allows ─────────── spool
//
// In: entries of the queue. Out: the same entries on disk, counted as spooled, and entries to deliver from there.
// Invariants: an entry is in memory or spooled, never neither; its hold on the disk is settled only when all its
// records are; nothing here waits for the disk while a writer waits for us, except for the last resort, `moveNow`.

import type { Batch } from './batch.js';
import { awaitedSeal, type Entry, FROM_DISK, type Hold } from './entry.js';
import type { Lane } from './lane.js';
import type { Tally } from './ledger.js';
import type { Queue } from './queue.js';
import type { Runtime, Timer } from './runtime.js';
import type { Spool } from './spool/spool.js';

/** When to spill and how to drain. */
export interface SpoolerOptions {
  /** Bytes in memory from which batches move to disk, and below which they stay. */
  readonly highWaterBytes: number;
  readonly lowWaterBytes: number;
  /** Longest that a batch waits in memory. */
  readonly spillAfterMs: number;
  /** Most bytes a second that come back from the disk. */
  readonly drainBytesPerSecond: number;
  /** Lanes whose records are written to disk before anything else. */
  readonly journaled: ReadonlySet<Lane>;
}

/** What the spooler asks of the pipeline. */
export interface SpoolerPort {
  readonly queue: Queue;
  /** Bytes of records in memory: open, waiting and in flight. */
  memoryBytes(): number;
  /** Whether the destination takes records. */
  healthy(): boolean;
  /** A batch is on disk now and no longer in memory. */
  spilled(batch: Batch): void;
  /** Nothing of a batch in memory is in use any more. */
  spent(batch: Batch): void;
  /** Records of an earlier process came back. */
  recovered(records: number, bytes: number): void;
  /** Something moved: look again at what to do, and who waits. */
  moved(): void;
}

/** How long to wait before asking the spool again after it had nothing to give. */
const EMPTY_RETRY_MS = 1000;

/** Moves batches between memory and disk. */
export class Spooler {
  /** This pipeline's records that are on disk and not in memory. */
  readonly spooled: Tally = { records: 0, bytes: 0 };
  /** The entry that is being written: still in memory, no longer in the queue. */
  private writing: Entry | undefined;
  private spilling: Promise<void> | undefined;
  /** Nothing moves by itself any more. */
  private resting = false;
  private refusedUntil = 0;
  /** When it is worth asking the spool for a batch: not before the first look at the disk. */
  private emptyUntil = Number.POSITIVE_INFINITY;
  private drainFrom = 0;
  private fetching: Promise<Entry | undefined> | undefined;
  private ageTimer: Timer | undefined;
  /** Batches of earlier processes that came back, were counted, and went to disk again. */
  private readonly takenOver = new Set<string>();
  readonly spool: Spool;
  private readonly writer: string;
  private readonly options: SpoolerOptions;
  private readonly port: SpoolerPort;
  private readonly runtime: Runtime;

  constructor(spool: Spool, writer: string, options: SpoolerOptions, port: SpoolerPort, runtime: Runtime) {
    this.spool = spool;
    this.writer = writer;
    this.options = options;
    this.port = port;
    this.runtime = runtime;
  }

  /** What is being written at present, which counts as queued. */
  get held(): Tally {
    const batch = this.writing?.batch;
    return { records: batch?.count ?? 0, bytes: batch?.bytes.length ?? 0 };
  }

  /** The seal that is being written and that a flush may wait for, or Infinity. */
  get oldestSeal(): number {
    return this.writing ? awaitedSeal(this.writing) : Number.POSITIVE_INFINITY;
  }

  // ── to disk ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Binds the journal's records into the batch they became. */
  hold(batch: Batch, lane: Lane): Hold | undefined {
    if (!this.options.journaled.has(lane)) return undefined;
    const receipt = this.spool.seal(batch, lane);
    return receipt && { receipt, root: batch, open: 1, drained: false };
  }

  /** Moves batches to disk as long as there is a reason to. */
  relieve(): void {
    this.watchAge();
    if (this.spilling || !this.reason()) return;
    this.spilling = this.spillWhileNeeded().finally(() => {
      this.spilling = undefined;
      this.port.moved();
    });
  }

  private async spillWhileNeeded(): Promise<void> {
    while (this.reason()) {
      const entry = this.port.queue.evict();
      if (!entry || !(this.leave(entry) || (await this.write(entry)))) return;
      this.left(entry);
      this.port.moved();
    }
  }

  /** Leaves an entry to the disk that has it whole. False where it has not. */
  private leave({ batch, hold }: Entry): boolean {
    if (hold?.root !== batch) return false;
    this.letGo(hold);
    return true;
  }

  /** Writes an entry in the background. False if there is no more to be written now. */
  private async write(entry: Entry): Promise<boolean> {
    this.writing = entry;
    const moved = await this.move(entry);
    // Not ours any more: it went to disk with the last words.
    if (this.writing !== entry) return false;
    this.writing = undefined;
    if (!moved) {
      this.port.queue.putBack([entry]);
      this.refusedUntil = this.runtime.monotonic() + EMPTY_RETRY_MS;
    }
    return moved;
  }

  /** An entry is in no count of the memory any more. */
  private left({ batch, sent }: Entry): void {
    this.port.spilled(batch);
    if (!sent) this.port.spent(batch);
  }

  private reason(): boolean {
    const { queue } = this.port;
    if (this.resting || queue.length === 0 || this.runtime.monotonic() < this.refusedUntil) return false;
    const limit = this.spilling ? this.options.lowWaterBytes : this.options.highWaterBytes;
    return (
      !this.port.healthy() ||
      this.port.memoryBytes() > limit ||
      this.runtime.monotonic() - queue.oldestAt >= this.options.spillAfterMs
    );
  }

  /** A batch can grow old without anything else happening. */
  private watchAge(): void {
    if (this.resting || this.ageTimer || this.port.queue.length === 0) return;
    this.ageTimer = this.runtime.after(this.options.spillAfterMs, () => {
      this.ageTimer = undefined;
      this.relieve();
    });
  }

  private async move(entry: Entry): Promise<boolean> {
    const { batch, hold, lane } = entry;
    const receipt = await this.spool.append(batch, lane);
    if (!receipt) return false;
    if (this.writing !== entry) {
      // The last words have it: once on the disk is enough.
      this.spool.ack(receipt);
      return true;
    }
    this.count(batch, 1);
    this.settle(hold);
    return true;
  }

  /** Moves the least important batch to disk before this returns: for a writer that cannot wait. False if it cannot. */
  moveNow(): boolean {
    const entry = this.port.queue.evict();
    if (!entry) return false;
    if (this.leave(entry) || this.moveSync(entry)) {
      this.left(entry);
      return true;
    }
    this.port.queue.putBack([entry]);
    return false;
  }

  private moveSync({ batch, hold, lane }: Entry): boolean {
    const receipt = this.spool.seal(batch, lane);
    if (!receipt) return false;
    this.spool.release(receipt);
    this.count(batch, 1);
    this.settle(hold);
    return true;
  }

  /** What is being written in the background, which at the end of the process may never finish. Not ours any more. */
  abandon(): Entry[] {
    const { writing } = this;
    this.writing = undefined;
    return writing ? [writing] : [];
  }

  /** Last words: everything in the queue, on the spot. What does not make it goes back there. */
  lastWords(budgetMs: number): void {
    const unsaved: Entry[] = [];
    const exposed: Entry[] = [];
    const saved: Batch[] = [];
    for (const entry of this.port.queue.takeAll()) {
      const { batch } = entry;
      if (this.leave(entry)) saved.push(batch);
      else if (this.spool.takes(batch)) exposed.push(entry);
      else unsaved.push(entry);
    }
    // Every one of them can be written, so what was written are the first of them.
    const written = this.spool.appendSync(exposed, budgetMs).length;
    for (const { batch, hold } of exposed.slice(0, written)) {
      this.count(batch, 1);
      this.settle(hold);
      saved.push(batch);
    }
    this.port.queue.putBack([...unsaved, ...exposed.slice(written)]);
    // Not before: whoever hears of it may ask for the counts.
    for (const batch of saved) this.port.spilled(batch);
  }

  // ── from disk ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Milliseconds until it is worth asking for a batch from the disk. */
  waitMs(): number {
    return Math.max(0, Math.max(this.emptyUntil, this.drainFrom) - this.runtime.monotonic());
  }

  /** Whether to ask for a batch from the disk: there may be one, only the rate holds it back, or there is none to have. */
  get readiness(): 'ready' | 'paced' | 'empty' {
    const now = this.runtime.monotonic();
    if (this.emptyUntil > now) return 'empty';
    return this.drainFrom > now ? 'paced' : 'ready';
  }

  /** There may be something on the disk that was not there before. */
  found(): void {
    this.emptyUntil = 0;
    this.port.moved();
  }

  /** The next batch from the disk. One is fetched at a time. */
  async drain(): Promise<Entry | undefined> {
    if (this.fetching) return undefined;
    this.fetching = this.fetch();
    try {
      return await this.fetching;
    } finally {
      this.fetching = undefined;
    }
  }

  private async fetch(): Promise<Entry | undefined> {
    const drained = await this.spool.next();
    if (!drained) {
      // Nothing, although there should be, whoever wrote it: the disk is in trouble. Nothing there: whatever comes is announced.
      const trouble = this.spool.stats().waiting.records > 0;
      this.emptyUntil = trouble ? this.runtime.monotonic() + EMPTY_RETRY_MS : Number.POSITIVE_INFINITY;
      return undefined;
    }
    const { batch, receipt } = drained;
    if (this.resting) {
      this.spool.release(receipt);
      return undefined;
    }
    if (batch.writer.startsWith(this.writer) || this.takenOver.delete(batch.id)) this.count(batch, -1);
    else this.port.recovered(batch.count, batch.bytes.length);
    const costMs = (batch.bytes.length / this.options.drainBytesPerSecond) * 1000;
    this.drainFrom = Math.max(this.drainFrom, this.runtime.monotonic()) + costMs;
    const hold: Hold = { receipt, root: batch, open: 1, drained: true };
    return { batch, hold, lane: receipt.lane, seal: FROM_DISK, at: this.runtime.monotonic() };
  }

  /** An entry was delivered but for `rest`. Returns what goes back to the queue. */
  delivered(entry: Entry, rest: readonly Batch[]): Entry[] {
    const { hold } = entry;
    if (hold && rest.length === 1 && rest[0] === hold.root && hold.drained) {
      this.letGo(hold);
      return [];
    }
    if (hold) hold.open += rest.length - 1;
    if (hold?.open === 0) this.spool.ack(hold.receipt);
    return rest.map((batch) => ({ ...entry, batch }));
  }

  /** Moves nothing by itself any more, and waits for what is under way. False if the disk hangs, or takes longer. */
  async rest(withinMs: number): Promise<boolean> {
    this.resting = true;
    this.ageTimer?.cancel();
    const answers = await this.spool.answers(withinMs);
    if (answers) await Promise.all([this.spilling, this.fetching]);
    return answers;
  }

  /** Records were lost on disk: evicted, expired or damaged. Answers how many of them were counted as spooled. */
  lost({ records, bytes }: Tally, recovered: boolean): Tally {
    // Of an earlier process's records only those were counted that came back once.
    if (recovered && this.takenOver.size === 0) return { records: 0, bytes: 0 };
    const own = { records: Math.min(records, this.spooled.records), bytes: Math.min(bytes, this.spooled.bytes) };
    this.spooled.records -= own.records;
    this.spooled.bytes -= own.bytes;
    return own;
  }

  /** Leaves a whole batch to the spool alone. */
  private letGo(hold: Hold): void {
    this.spool.release(hold.receipt);
    this.count(hold.root, 1);
    if (!hold.root.writer.startsWith(this.writer)) this.takenOver.add(hold.root.id);
  }

  /** One part of a held batch is elsewhere; with the last one the hold is over. */
  private settle(hold: Hold | undefined): void {
    if (hold && --hold.open === 0) this.spool.ack(hold.receipt);
  }

  private count(batch: Batch, sign: 1 | -1): void {
    this.spooled.records += sign * batch.count;
    this.spooled.bytes += sign * batch.bytes.length;
    if (sign > 0) this.emptyUntil = 0;
  }
}
