// The spool: the queue on the disk, where batches wait that cannot be sent now, through outages, restarts and crashes.
//
//   append ─► Appender ─┐                                      ┌─► next (Drain) ─► ack · reject · replace · release
//   journal ─► Journal ─┼─► SegmentWriter ─► segment files ────┤
//   appendSync (exit) ──┘                     ▲                └─► evicted by Quota, adopted by the next process
//
// FORMAT (docs/spool-format.md has the bytes). A process life writes one directory, `q-<id>`; in it segment files; in
// those frames, each with its own checksums: a batch, a piece of the journal, a seal that binds pieces into a batch, a
// footer. A frame's ack slot is rewritten in place when its batch is settled. There is no other state: no index, no
// position file, no ledger. Listing the directory is the index; losing any other file loses no record.
//
// WHAT HOLDS
//  1. A writer never appends to a file it did not create, and never after an error on it: new file, new salt.
//  2. A segment is deleted only when each of its records is acked, rejected, expired or evicted, and counted as that.
//  3. Every write's length is checked; a short one is a full disk. The file is cut back to its last good frame.
//  4. A failed sync is never retried on the same file and never hidden: what may be missing is read back from the page
//     cache and written to a new segment; what cannot be is reported (`recordsAtRisk`). The old frames are settled only
//     when the new ones are safe, because a part of them may have been.
//  5. Sizes are those of the files themselves; sums are recomputed, so that nothing can drift.
//  6. Nothing here throws into the pipeline or waits for a disk that hangs: trouble becomes a state, an event, and a
//     refusal, and the records stay in memory with their owner. One disk call is outstanding at a time.
//  7. appended + recovered = acked + rejected + evicted + lost + duplicatesSuppressed + withdrawn + waiting,
//     in records and in bytes.
//  8. No file is touched before the first write, except by the one scan for queues of the dead.
//  9. Replays are the same: a batch that was ever handed out or sealed comes back with the same records, bytes and id.
//
// WHAT SURVIVES. Once `append` has resolved or `journal` has returned a receipt: the death of the process, however it
// dies. A power loss: with `sync: 'always'` everything with a receipt; with 'interval' all but the last interval
// (`syncIntervalMs`, or 4 MiB); with 'none' what the kernel happened to write back. Acks and deletions are never
// synced: a power loss may bring batches back (duplicates), never lose them.
//
// DIFFERENT FROM THE USUAL, BECAUSE SIMPLER: frames are found by walking the file, a header at a time, once, when its
// turn to be drained comes; unsynced frames are not kept in memory for a failed sync, the page cache keeps them; the
// journal's batches never reach over two segments (see journal.ts); a damaged segment is set aside whole once the rest of
// it is delivered, its damaged regions are not copied.

import type { Batch } from '../batch.js';
import type { BufferPool } from '../buffer-pool.js';
import type { Lane } from '../lane.js';
import { parseOptions } from '../options/parse.js';
import type { Runtime } from '../runtime.js';
import { endsWithin } from '../waiting.js';
import { Adoption } from './adoption.js';
import { Appender } from './appender.js';
import { Core, type Tuning } from './core.js';
import { Damaged } from './damaged.js';
import { type DeadLetterCounters, DeadLetters } from './dead-letters.js';
import { folderName, type Identity } from './directory.js';
import { Drain, type Drained } from './drain.js';
import { defaultSegmentBytes, ephemeralStorageLimit, processIdentity } from './environment.js';
import { type Counters, copyCounters, type SpoolEvent, type SpoolState } from './events.js';
import { ExitWriter } from './exit-writer.js';
import { attempt, type FileSystem, type Steps } from './file-system.js';
import { Journal } from './journal.js';
import { silence } from './life.js';
import { nodeFileSystem } from './node-file-system.js';
import { type SpoolOptions, spoolOptions } from './options.js';
import { fits } from './prepare.js';
import { Quota } from './quota.js';
import type { Receipt } from './segment.js';
import { Shelf } from './shelf.js';
import type { Tally } from './tally.js';
import { Upkeep } from './upkeep.js';

/** What the spool is plugged into. */
export interface SpoolPorts {
  readonly runtime: Runtime;
  /**
   * Where the records go, as in {@link Transport.destination} with the transport's name in front. Queues of other
   * destinations in the same directory are left alone. Must not hold a secret.
   */
  readonly destination: string;
  readonly onEvent?: (event: SpoolEvent) => void;
  /**
   * Where the memory of batches comes from that are handed out. To reclaim the bytes of one there is to say that nothing
   * reads them any more; it need not be done. @default memory of their own
   */
  readonly buffers?: BufferPool;
  /** The destination's folder itself, for tools that were told where it is. @default the destination's name and hash */
  readonly folder?: string;
  /** @default the file system of this machine */
  readonly fs?: FileSystem;
  /** @default this process */
  readonly identity?: Identity;
  /** @default process.env */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Times and sizes for tests and tools. */
  readonly tuning?: Partial<Tuning>;
}

/** The state of the spool in numbers. */
export interface SpoolStats extends Counters {
  readonly state: SpoolState;
  /** What waits on the disk; what was found counts by estimate until its segment's turn comes. */
  readonly waiting: Tally;
  /** What became of the records that were rejected, beside the count. */
  readonly deadLetters: DeadLetterCounters;
  /** Bytes of everything on the disk. */
  readonly diskBytes: number;
  readonly segments: number;
  /** Bytes that were wrong. */
  readonly corruptBytes: number;
  /** Age of the oldest waiting record in ms, 0 where none waits. */
  readonly oldestMs: number;
  /** Duration of writes and syncs, in ms. */
  readonly writes: { readonly count: number; readonly totalMs: number; readonly maxMs: number };
  readonly syncs: { readonly count: number; readonly totalMs: number; readonly maxMs: number };
}

/** A batch whose time has run out, with its lane. */
export interface LastBatch {
  readonly batch: Batch;
  readonly lane: Lane;
}

const defaults = {
  stallMs: 5000,
  heartbeatMs: 5000,
  ...silence,
  scanMs: 60_000,
  maxAttempts: 5,
  harmlessMs: 10_000,
  pauses: { diskFull: 5000, disabled: 60_000, failed: 5000 },
  offload: true,
} as const;

/** The queue on the disk. Made by {@link createSpool}. */
export class Spool {
  readonly #core: Core;
  readonly #shelf: Shelf;
  readonly #quota: Quota;
  readonly #appender: Appender;
  readonly #journal: Journal;
  readonly #drain: Drain;
  readonly #upkeep: Upkeep;
  readonly #adoption: Adoption;
  readonly #exit: ExitWriter;
  /** Records that the destination refused for good. */
  readonly deadLetters: DeadLetters;
  #closing: Promise<void> | undefined;

  constructor(options: SpoolOptions, ports: SpoolPorts) {
    const core = newCore(options, ports);
    this.#core = core;
    this.deadLetters = new DeadLetters(core);
    this.#shelf = new Shelf(core);
    const damaged = new Damaged(core);
    this.#shelf.setAside = (segment) => damaged.keep(segment);
    this.#quota = new Quota(core, this.#shelf, [this.deadLetters, damaged]);
    this.#appender = new Appender(core, this.#quota);
    this.#journal = new Journal(core, this.#quota, this.#shelf);
    const bury = (batch: Batch, reason: string) => this.deadLetters.write(batch, reason);
    this.#drain = new Drain({ core, shelf: this.#shelf, appender: this.#appender, bury });
    this.#adoption = new Adoption(core);
    this.#exit = new ExitWriter(core, this.#shelf);
    const adopt = () => this.#adoption.scan();
    this.#upkeep = new Upkeep({ core, shelf: this.#shelf, quota: this.#quota, drain: this.#drain, adopt });
    this.#shelf.discarded = (segment) => this.#adoption.left(segment);
    core.stalled = () => {
      this.#appender.giveBack();
      this.#drain.giveUp();
    };
  }

  /**
   * Spills a batch. Resolves when the operating system has it, or, with `sync: 'always'`, the disk. From then on it is
   * the spool's: `next` hands it out again. Undefined where it was refused (disk trouble, a used-up quota with
   * `dropNewest`): the caller keeps it. Never rejects.
   */
  async append(batch: Batch, lane: Lane): Promise<Receipt | undefined> {
    const receipt = await this.#appender.append(batch, lane);
    if (receipt) this.#upkeep.wrote();
    return receipt;
  }

  /**
   * Writes records that were just received, before this returns, and without compression. The caller holds them: in the
   * end each is bound into a batch with `seal`, or acked or rejected by the receipt. Undefined where it was refused.
   */
  journal(records: Batch, lane: Lane): Receipt | undefined {
    const receipt = this.#journal.write(records, lane);
    if (receipt) this.#upkeep.wrote();
    return receipt;
  }

  /**
   * Says that records of the journal are one delivery batch, to be called before it is sent for the first time: after a
   * crash the same batch is formed again. Records that were journaled together belong to the same batch. The receipt
   * stands for the batch in place of those of its records, which become void. What the journal does not hold of it is
   * written now. Undefined where the disk refused.
   */
  seal(batch: Batch, lane: Lane): Receipt | undefined {
    const receipt = this.#journal.seal(batch, lane);
    if (receipt) this.#upkeep.wrote();
    return receipt;
  }

  /** Whether a batch is small enough for the disk: larger ones are refused, however much room there is. */
  takes(batch: Batch): boolean {
    return fits(batch);
  }

  /**
   * Last words: writes what fits into the time, on the spot, uncompressed, and syncs once. Returns the receipts of what
   * was written, in order; the rest did not make it.
   */
  appendSync(batches: readonly LastBatch[], budgetMs: number): Receipt[] {
    return this.#exit.write(batches, budgetMs);
  }

  /** The next batch to deliver and the hold on it; undefined where nothing waits that can be read now. Never rejects. */
  next(): Promise<Drained | undefined> {
    return this.#drain.next();
  }

  /** The destination has these records: they need not be kept. */
  ack(receipts: Receipt | readonly Receipt[]): void {
    for (const receipt of [receipts].flat()) this.#drain.settle(receipt, 'acked');
  }

  /** These records are given up. Whoever wants to keep them puts them into the dead letters first. */
  reject(receipts: Receipt | readonly Receipt[]): void {
    for (const receipt of [receipts].flat()) this.#drain.settle(receipt, 'rejected');
  }

  /** Gives records back: `next` hands them out again. */
  release(receipts: Receipt | readonly Receipt[]): void {
    for (const receipt of [receipts].flat()) this.#drain.release(this.#journal.sealAlone(receipt) ?? receipt);
  }

  /**
   * Of a batch some records remain to be delivered: writes them anew, then acks the batch. Returns the hold on what
   * remains; undefined where the disk refused, and the receipt then still stands for everything. Never rejects.
   */
  async replace(receipt: Receipt, remaining: Batch): Promise<Receipt | undefined> {
    const replacement = await this.#drain.replace(receipt, remaining);
    if (replacement) this.#upkeep.wrote();
    return replacement;
  }

  /** Looks for queues of dead processes now, and from then on now and then. Never rejects. */
  async scan(): Promise<void> {
    if (this.#core.closed) return;
    this.#upkeep.start();
    if (!this.#core.options.adopt) return;
    try {
      await this.#core.disk.run(() => this.#adoption.scan());
    } catch (error) {
      this.#core.failed(error);
    }
  }

  stats(): SpoolStats {
    const { catalog, counters, runtime, state, writes, syncs } = this.#core;
    let oldest = Number.POSITIVE_INFINITY;
    for (const segment of catalog.all()) {
      if (segment.waiting.records === 0) continue;
      oldest = Math.min(oldest, segment.oldest, segment.createdAt);
    }
    return {
      state,
      waiting: this.#core.waiting,
      deadLetters: this.deadLetters.stats(),
      corruptBytes: this.#core.corruptBytes,
      diskBytes: this.#quota.diskBytes,
      segments: catalog.size,
      oldestMs: Number.isFinite(oldest) ? Math.max(0, runtime.now() - oldest) : 0,
      writes: { ...writes },
      syncs: { ...syncs },
      // Last: V8 takes forty times as long for an object that begins with copied properties.
      ...copyCounters(counters),
    };
  }

  /** Waits for what is under way on the disk. False if that is not over in time, or the disk hangs. Never rejects. */
  answers(withinMs: number): Promise<boolean> {
    const { disk, runtime } = this.#core;
    return disk.stalled ? Promise.resolve(false) : endsWithin(runtime, withinMs, disk.idle());
  }

  /**
   * Finishes what is under way and lets go. What waits stays on the disk, open to adoption at once; an empty directory
   * is removed. Does not wait for a disk that hangs. Idempotent, never rejects.
   */
  close(withinMs = 2 * this.#core.tuning.stallMs): Promise<void> {
    this.#closing ??= this.#close(withinMs);
    return this.#closing;
  }

  async #close(withinMs: number): Promise<void> {
    const { disk, runtime } = this.#core;
    this.#upkeep.stop();
    const done = disk.run(() => this.#finish()).catch(() => {});
    if (!disk.stalled) await endsWithin(runtime, withinMs, done);
    this.#core.closed = true;
    this.#core.tellState();
  }

  *#finish(): Steps<void> {
    const { catalog, directory } = this.#core;
    for (const kind of ['spill', 'journal', 'exit'] as const) {
      for (const writer of this.#core.writers(kind)) yield* writer.close();
    }
    this.#core.closed = true;
    yield* this.#drain.forgiveAll();
    yield* this.#shelf.flush();
    for (const segment of catalog.all()) yield* this.#shelf.writeSlots(segment);
    if (this.#core.syncing) yield* this.#upkeep.sync();
    for (const segment of [...catalog.all()]) {
      if (segment.finished) yield* this.#shelf.discard(segment);
      else if (segment.fd !== undefined) yield* attempt('close', segment.fd);
      segment.fd = undefined;
    }
    if (directory.ready) yield* directory.leave(catalog.size === 0);
  }
}

function newCore(options: SpoolOptions, ports: SpoolPorts): Core {
  const env = ports.env ?? process.env;
  const limit = ephemeralStorageLimit(env);
  // A container is evicted for what it writes in all; half of that is for others.
  const maxBytes = limit === undefined ? options.maxBytes : Math.min(options.maxBytes, Math.floor(limit / 2));
  return new Core({
    options: { ...options, maxBytes },
    tuning: {
      ...defaults,
      ...ports.tuning,
      segmentBytes: ports.tuning?.segmentBytes ?? defaultSegmentBytes(maxBytes),
    },
    runtime: ports.runtime,
    fs: ports.fs ?? nodeFileSystem,
    identity: ports.identity ?? processIdentity(),
    folder: ports.folder ?? `${options.directory.replace(/\/+$/, '')}/${folderName(ports.destination)}`,
    env,
    onEvent: ports.onEvent ?? (() => {}),
    buffers: ports.buffers,
  });
}

/**
 * Makes a spool. Does no I/O: the disk is first touched by the first write or by `scan`.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function createSpool(options: unknown, ports: SpoolPorts): Spool {
  return new Spool(parseOptions(spoolOptions, options, 'spool'), ports);
}
