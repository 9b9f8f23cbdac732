// The way back: hands out what waits on the disk, one batch at a time, and settles it.
// Higher lanes first by weight, oldest first inside a lane. A batch that is handed out is in memory and in nobody else's
// hands until it is acked, rejected, replaced or released. Damage is skipped and counted.

import type { Batch } from '../batch.js';
import type { Appender } from './appender.js';
import { codecs } from './compression.js';
import type { Core } from './core.js';
import type { SegmentCipher } from './encryption.js';
import { attempt, codeOf, type Steps } from './file-system.js';
import { attemptsOffset, encodeAttempts, frameTypes, type Settled } from './frame.js';
import { prepare } from './prepare.js';
import { readUnit } from './reader.js';
import { type Receipt, type Segment, standing, Unit } from './segment.js';
import { badBlocks, type Shelf } from './shelf.js';
import { add, type Tally, tally } from './tally.js';

/** A batch from the disk and the hold on it. */
export interface Drained {
  readonly batch: Batch;
  readonly receipt: Receipt;
}

export interface DrainParts {
  readonly core: Core;
  readonly shelf: Shelf;
  readonly appender: Appender;
  /** Keeps a batch that has been the death of too many processes; false if it could not be kept. */
  readonly bury: (batch: Batch, reason: string) => Steps<boolean>;
}

/** A segment that could not be read is left alone for this long. */
const pauseMs = 5000;

/** Keys of batches from recovered segments, remembered to notice second copies. */
const remembered = 8192;

export class Drain {
  readonly #core: Core;
  readonly #shelf: Shelf;
  readonly #appender: Appender;
  /** Where each batch from a recovered segment was seen first. */
  readonly #seen = new Map<string, string>();
  readonly #held = new Set<Unit>();
  /** Those who wait for a batch. */
  readonly #asking = new Set<(drained: Drained | undefined) => void>();
  /** Segments with originals of what was rescued. */
  readonly #rescued = new Set<Segment>();
  readonly #bury: DrainParts['bury'];

  constructor({ core, shelf, appender, bury }: DrainParts) {
    this.#core = core;
    this.#shelf = shelf;
    this.#appender = appender;
    this.#bury = bury;
  }

  /** The next batch, undefined where nothing waits or the disk cannot be read now. */
  async next(): Promise<Drained | undefined> {
    const { closed, disk, catalog } = this.#core;
    if (closed || disk.stalled || catalog.size === 0) return undefined;
    const found = disk.run(() => this.#next()).catch((error) => this.#core.failed(error));
    return new Promise((resolve) => {
      this.#asking.add(resolve);
      void found.then((drained) => {
        // Nobody waits for it any more.
        if (!this.#asking.delete(resolve) && drained) this.#takeBack(drained);
        resolve(drained ?? undefined);
      });
    });
  }

  /** The disk hangs: tells all who wait for a batch that there is none. What comes for them after all is taken back. */
  giveUp(): void {
    for (const resolve of this.#asking) resolve(undefined);
    this.#asking.clear();
  }

  #takeBack({ batch, receipt }: Drained): void {
    this.#core.buffers.reclaim(batch.bytes);
    this.release(receipt);
  }

  *#next(): Steps<Drained | undefined> {
    for (const lane of this.#core.catalog.turn()) {
      for (const segment of [...this.#core.catalog.of(lane)]) {
        const drained = yield* this.#from(segment);
        if (!drained) continue;
        this.#core.catalog.took(lane);
        return drained;
      }
    }
    return undefined;
  }

  /** The next batch of one segment. */
  *#from(segment: Segment): Steps<Drained | undefined> {
    const now = this.#core.runtime.monotonic();
    if (segment.locked || segment.waiting.records === 0 || now < segment.pausedUntil) return undefined;
    try {
      return yield* this.#open(segment);
    } catch (error) {
      // The others must not wait for this one. It is tried again, and in the end read around its bad blocks.
      const code = codeOf(error);
      if (code === 'EIO') segment.failures++;
      segment.pausedUntil = now + pauseMs;
      this.#core.emit({ type: 'segmentUnreadable', segment: segment.path, code });
      return undefined;
    }
  }

  *#open(segment: Segment): Steps<Drained | undefined> {
    if (!(yield* this.#shelf.load(segment))) return undefined;
    for (let unit = segment.firstFree(); unit; unit = segment.firstFree()) {
      segment.hold(unit);
      let batch: Batch | undefined;
      try {
        batch = yield* this.#read(unit);
      } catch (error) {
        segment.free(unit);
        throw error;
      }
      segment.failures = 0;
      if (batch) {
        this.#held.add(unit);
        return { batch, receipt: unit };
      }
      // The segment is in a format of the future as far as this Node is concerned.
      if (segment.locked) return undefined;
    }
    if (segment.waiting.records === 0) this.#shelf.touch(segment);
    return undefined;
  }

  /** Reads a held unit; undefined where it has been settled instead. */
  *#read(unit: Unit): Steps<Batch | undefined> {
    const { segment } = unit;
    const cipher = yield* this.#core.keys.cipher(segment.header);
    const fd = yield* this.#shelf.open(segment);
    const { bench, buffers } = this.#core;
    const read = yield* readUnit(fd, unit, { cipher: given(cipher), bad: badBlocks(segment), bench, buffers });
    if (read.unsupported) {
      segment.free(unit);
      this.#shelf.lock(segment, 'codec');
      return undefined;
    }
    if (read.corruptBytes > 0) segment.damaged = true;
    this.#shelf.lose(segment, read.lost, read.corruptBytes);
    add(segment.waiting, read.lost, -1);
    add(unit, read.lost, -1);
    const { batch } = read;
    if (!batch) {
      this.#settle(unit, 'rejected');
      return undefined;
    }
    if (segment.recovered && this.#isDuplicate(batch, unit)) {
      buffers.reclaim(batch.bytes);
      const suppressed = this.#settle(unit, 'acked');
      add(this.#core.counters.duplicatesSuppressed, suppressed);
      this.#core.emit({ type: 'duplicatesSuppressed', ...suppressed });
      return undefined;
    }
    if (unit.attempts >= this.#core.tuning.maxAttempts) {
      // Kept or not, it must not be the death of the next process.
      yield* this.#bury(batch, 'its delivery was not survived');
      buffers.reclaim(batch.bytes);
      add(this.#core.counters.rejected, this.#settle(unit, 'rejected'));
      return undefined;
    }
    unit.attempts++;
    unit.handedOutAt = this.#core.runtime.monotonic();
    yield* this.#noteAttempts(unit);
    return batch;
  }

  *#noteAttempts(unit: Unit): Steps<void> {
    const { fd } = unit.segment;
    if (fd !== undefined) yield* attempt('write', fd, [encodeAttempts(unit.attempts)], unit.slots[0]! + attemptsOffset);
  }

  /** A write that was tried again after a failure may have left two copies. The first one seen is the batch. */
  #isDuplicate(batch: Batch, { segment, slots }: Unit): boolean {
    const place = `${segment.queueId} ${segment.number} ${slots[0]}`;
    const first = this.#seen.get(batch.id);
    if (first !== undefined) return first !== place;
    this.#seen.set(batch.id, place);
    if (this.#seen.size > remembered) for (const oldest of this.#seen.keys()) return !this.#seen.delete(oldest);
    return false;
  }

  #settle(unit: Unit, as: Settled): Tally {
    this.#held.delete(unit);
    const settled = unit.segment.settle(unit, as);
    this.#shelf.touch(unit.segment);
    return settled;
  }

  /** Settles a receipt. Those that were settled before, or sealed into a batch, are passed over. */
  settle(receipt: Receipt, as: Settled): void {
    const unit = unitOf(receipt);
    if (!unit) return;
    add(this.#core.counters[as], this.#settle(unit, as));
  }

  /** Gives records back to the spool: they are handed out again, and the attempt does not count. */
  release(receipt: Receipt): void {
    const unit = unitOf(receipt);
    if (!unit) return;
    this.#held.delete(unit);
    unit.segment.free(unit);
    if (unit.attempts > 0) this.#core.disk.run(() => this.#forgive(unit)).catch(() => {});
  }

  *#forgive(unit: Unit): Steps<void> {
    if (unit.state === 'settled') return;
    unit.attempts = 0;
    unit.handedOutAt = undefined;
    yield* this.#noteAttempts(unit);
  }

  /** Takes back the attempts of batches that the process has survived for a while. */
  *forgiveHarmless(): Steps<void> {
    const limit = this.#core.runtime.monotonic() - this.#core.tuning.harmlessMs;
    for (const unit of [...this.#held]) {
      if (unit.handedOutAt !== undefined && unit.handedOutAt <= limit) yield* this.#forgive(unit);
    }
  }

  /** Takes back the attempts of all batches that are out, on the way out. */
  *forgiveAll(): Steps<void> {
    for (const unit of [...this.#held]) yield* this.#forgive(unit);
  }

  /**
   * Writes what remains of a batch and settles the rest as acked: first the new frame, then the old one's slot.
   * Undefined where the disk refuses: the receipt then still stands for all of it.
   */
  async replace(receipt: Receipt, remaining: Batch): Promise<Receipt | undefined> {
    const unit = unitOf(receipt);
    if (!unit || !this.#core.writable) return undefined;
    try {
      return await this.#core.disk.run(() => this.#replace(unit, remaining));
    } catch (error) {
      this.#core.failed(error);
      return undefined;
    }
  }

  *#replace(unit: Unit, remaining: Batch): Steps<Receipt | undefined> {
    const frame = yield* prepare(remaining, frameTypes.batch, codecs.none);
    const written = yield* this.#appender.write([frame], unit.lane, 'spill');
    const replacement = written?.[0];
    if (!replacement) return undefined;
    replacement.segment.hold(replacement);
    this.#held.add(replacement);
    // What was durable must not come to hang on what is not yet.
    if (this.#core.syncing) yield* this.#core.sync(replacement.segment);
    if (this.#core.syncing && !replacement.durable) {
      add(this.#core.counters.withdrawn, this.#settle(standing(replacement), 'rejected'));
      return undefined;
    }
    // Counted as what the destination took; the rest goes on under its new frame.
    add(this.#core.counters.appended, replacement, -1);
    add(this.#core.counters.acked, this.#settle(unit, 'acked'));
    add(this.#core.counters.acked, replacement, -1);
    // Before anything is sent from the new frame: a crash must not bring back both.
    yield* this.#shelf.writeSlots(unit.segment);
    return replacement;
  }

  /**
   * After a failed sync: writes what may not be on the disk once more, from the page cache, which still has it. Of the
   * originals a part may have been safe before, so they stay until {@link letGoOfOriginals} finds the copies safe.
   */
  *rescue(segment: Segment): Steps<Tally> {
    const atRisk = tally();
    for (const unit of [...(segment.units ?? [])]) {
      if (unit.state === 'settled' || unit.records === 0 || unit.durable) continue;
      if (!(yield* this.#copy(unit))) add(atRisk, unit);
    }
    return atRisk;
  }

  *#copy(unit: Unit): Steps<boolean> {
    const { segment } = unit;
    try {
      const cipher = yield* this.#core.keys.cipher(segment.header);
      const fd = yield* this.#shelf.open(segment);
      const { bench, buffers } = this.#core;
      const read = yield* readUnit(fd, unit, { cipher: given(cipher), bad: 'fail', bench, buffers });
      if (!read.batch || read.lost.records > 0) return false;
      const frame = yield* prepare(read.batch, frameTypes.batch, codecs.none);
      const copy = (yield* this.#appender.write([frame], unit.lane, 'spill'))?.[0];
      buffers.reclaim(read.batch.bytes);
      if (!copy) return false;
      add(this.#core.counters.appended, copy, -1);
      if (unit.state === 'held') copy.segment.hold(copy);
      if (this.#held.delete(unit)) this.#held.add(copy);
      copy.attempts = unit.attempts;
      copy.handedOutAt = unit.handedOutAt;
      this.#move(unit, copy);
      return true;
    } catch (error) {
      this.#core.failed(codeOf(error));
      return false;
    }
  }

  #move(unit: Unit, copy: Unit): void {
    const { segment } = unit;
    unit.movedTo = copy;
    if (unit.original) {
      // A copy that was never safe; where its bytes were first they still are.
      copy.original = unit.original;
      segment.settle(unit, 'acked');
      this.#shelf.touch(segment);
    } else {
      copy.original = unit;
      segment.keepOriginal(unit);
      this.#rescued.add(segment);
    }
  }

  /** Settles the originals of what was rescued and is safe by now. */
  *letGoOfOriginals(): Steps<void> {
    for (const segment of this.#rescued) {
      segment.letGoOfOriginals();
      if (segment.originals.size === 0) this.#rescued.delete(segment);
      if (segment.finished) yield* this.#shelf.discard(segment);
      else yield* this.#shelf.writeSlots(segment);
    }
  }
}

function given(cipher: SegmentCipher | undefined | 'missing'): SegmentCipher | undefined {
  return cipher === 'missing' ? undefined : cipher;
}

/** What a receipt stands for by now; undefined where that is settled. */
function unitOf(receipt: Receipt): Unit | undefined {
  const unit = receipt instanceof Unit ? standing(receipt) : undefined;
  return unit?.state === 'settled' ? undefined : unit;
}
