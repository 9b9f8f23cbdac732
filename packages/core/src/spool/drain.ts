// The way back: hands out what waits on the disk, one batch at a time, and settles it.
// Higher lanes first by weight, oldest first inside a lane. A batch that is handed out is in memory and in nobody else's
// hands until it is acked, rejected, replaced or released. Damage is skipped and counted.

import type { Batch } from '../batch.js';
import type { Appender } from './appender.js';
import { codecs } from './compression.js';
import type { Core } from './core.js';
import { attempt, codeOf, type Steps } from './file-system.js';
import { attemptsOffset, encodeAttempts, frameTypes, type Settled } from './frame.js';
import { prepare } from './prepare.js';
import { readUnit } from './reader.js';
import { type Receipt, type Segment, Unit } from './segment.js';
import type { Shelf } from './shelf.js';
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

/** Keys of batches from recovered segments, remembered to notice second copies. */
const remembered = 8192;

export class Drain {
  readonly #core: Core;
  readonly #shelf: Shelf;
  readonly #appender: Appender;
  readonly #seen = new Set<string>();
  readonly #held = new Set<Unit>();
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
    try {
      return await disk.run(() => this.#next());
    } catch (error) {
      this.#core.failed(error);
      return undefined;
    }
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
    if (segment.locked || segment.waiting.records === 0) return undefined;
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
    const read = yield* readUnit(fd, unit, cipher === 'missing' ? undefined : cipher);
    if (read.unsupported) {
      segment.free(unit);
      this.#shelf.lock(segment, 'codec');
      return undefined;
    }
    this.#shelf.lose(segment, read.lost, read.corruptBytes);
    add(segment.waiting, read.lost, -1);
    add(unit, read.lost, -1);
    const { batch } = read;
    if (!batch) {
      this.#settle(unit, 'rejected');
      return undefined;
    }
    if (segment.recovered && this.#isDuplicate(batch)) {
      const suppressed = this.#settle(unit, 'acked');
      add(this.#core.counters.duplicatesSuppressed, suppressed);
      this.#core.emit({ type: 'duplicatesSuppressed', ...suppressed });
      return undefined;
    }
    if (unit.attempts >= this.#core.tuning.maxAttempts) {
      // Kept or not, it must not be the death of the next process.
      yield* this.#bury(batch, 'its delivery was not survived');
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

  #isDuplicate(batch: Batch): boolean {
    const key = batch.id;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    if (this.#seen.size > remembered) for (const oldest of this.#seen) return this.#seen.delete(oldest) && false;
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
    const unit = standing(receipt);
    if (!unit) return;
    add(this.#core.counters[as], this.#settle(unit, as));
  }

  /** Gives records back to the spool: they are handed out again, and the attempt does not count. */
  release(receipt: Receipt): void {
    const unit = standing(receipt);
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
    const unit = standing(receipt);
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
    // Counted as what the destination took; the rest goes on under its new frame.
    add(this.#core.counters.appended, replacement, -1);
    add(this.#core.counters.acked, this.#settle(unit, 'acked'));
    add(this.#core.counters.acked, replacement, -1);
    return replacement;
  }

  /** After a failed sync: writes what may not be on the disk once more, from the page cache, which still has it. */
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
      const read = yield* readUnit(yield* this.#shelf.open(segment), unit, cipher === 'missing' ? undefined : cipher);
      if (!read.batch || read.lost.records > 0) return false;
      const frame = yield* prepare(read.batch, frameTypes.batch, codecs.none);
      const copy = (yield* this.#appender.write([frame], unit.lane, 'spill'))?.[0];
      if (!copy) return false;
      add(this.#core.counters.appended, copy, -1);
      if (unit.state === 'held') copy.segment.hold(copy);
      if (this.#held.delete(unit)) this.#held.add(copy);
      copy.attempts = unit.attempts;
      copy.handedOutAt = unit.handedOutAt;
      unit.movedTo = copy;
      segment.settle(unit, 'acked');
      this.#shelf.touch(segment);
      return true;
    } catch (error) {
      this.#core.failed(codeOf(error));
      return false;
    }
  }
}

/** The unit that stands for a receipt by now; undefined where it is settled. */
function standing(receipt: Receipt): Unit | undefined {
  if (!(receipt instanceof Unit)) return undefined;
  let unit = receipt;
  while (unit.movedTo) unit = unit.movedTo;
  return unit.state === 'settled' ? undefined : unit;
}
