// The journal: records are written, on the spot, as they arrive (pieces); when a batch is formed from them a small seal
// says so, before the batch is sent for the first time, so that a replay forms the same batch with the same id.
// A batch is bound wholly inside one segment: where its pieces are not all in the open one, it is written again as a
// whole. Nothing throws: what the disk will not take stays with its owner.

import type { Batch } from '../batch.js';
import type { Lane } from '../lane.js';
import type { Core } from './core.js';
import { call, codeOf, type Steps } from './file-system.js';
import { frameTypes } from './frame.js';
import { fits, prepareNow } from './prepare.js';
import type { Quota } from './quota.js';
import { type Receipt, standing, Unit } from './segment.js';
import type { Shelf } from './shelf.js';
import { add, copyOf } from './tally.js';
import { cutBack, type SegmentWriter, type Written } from './writer.js';

interface Piece {
  readonly unit: Unit;
  readonly writer: string;
}

export class Journal {
  readonly #core: Core;
  readonly #quota: Quota;
  readonly #shelf: Shelf;
  /** Pieces that belong to no batch yet, oldest first. */
  readonly #pieces: Record<Lane, Piece[]> = { high: [], normal: [], low: [] };
  readonly #writerIds: Record<Lane, string | undefined> = { high: undefined, normal: undefined, low: undefined };

  constructor(core: Core, quota: Quota, shelf: Shelf) {
    this.#core = core;
    this.#quota = quota;
    this.#shelf = shelf;
  }

  /** Writes records that were just received. The receipt is held by the caller. */
  write(batch: Batch, lane: Lane): Receipt | undefined {
    if (!this.#core.writable || !fits(batch) || !this.#quota.hasRoom(batch.bytes.length)) return undefined;
    const started = this.#core.runtime.monotonic();
    const unit = this.#twice(() => this.#piece(batch, lane));
    if (unit) this.#core.writes.add(this.#core.runtime.monotonic() - started);
    return unit;
  }

  /** Writes something, once more in a new segment if it fails. */
  #twice<T>(write: () => T): T | undefined {
    return this.#once(write) ?? this.#once(write, (error) => this.#core.failed(error));
  }

  #once<T>(write: () => T, failed: (error: unknown) => void = () => {}): T | undefined {
    try {
      const result = write();
      this.#core.succeeded();
      return result;
    } catch (error) {
      this.#now(this.#core.startOver(codeOf(error)));
      failed(error);
      return undefined;
    }
  }

  #now<T>(steps: Steps<T>): T {
    return this.#core.disk.runNow(steps);
  }

  #piece(batch: Batch, lane: Lane): Unit {
    const writer = this.#core.writer(lane, 'journal');
    // All pieces of a segment are one writer's, so that neighbours can always be joined.
    if (writer.segment && this.#writerIds[lane] !== batch.writer) this.#now(writer.close());
    this.#writerIds[lane] = batch.writer;
    writer.patient = this.#pieces[lane].length > 0;
    const unit = this.#frame(writer, batch, frameTypes.piece);
    this.#pieces[lane].push({ unit, writer: batch.writer });
    return unit;
  }

  #frame(writer: SegmentWriter, batch: Batch, type: 0 | 1): Unit {
    const { disk, deceivable, options } = this.#core;
    if (deceivable) this.#now(this.#core.fence());
    const written = writer.writeNow(prepareNow(batch, type), disk);
    if (options.sync === 'always') this.#now(this.#sync(writer, written));
    const unit = this.#core.include(written);
    unit.segment.hold(unit);
    return unit;
  }

  *#sync(writer: SegmentWriter, { segment, offset }: Written): Steps<void> {
    try {
      yield* call('sync', segment.fd!);
      segment.durableUpTo = segment.size;
    } catch (error) {
      writer.abandon(codeOf(error));
      segment.size = offset;
      yield* cutBack(segment);
      throw error;
    }
  }

  /** Binds the pieces of a batch. The receipt stands for the batch and is held by the caller. */
  seal(batch: Batch, lane: Lane): Receipt | undefined {
    if (!this.#core.writable) return undefined;
    this.#complete(batch, lane);
    const pieces = this.#within(batch, lane);
    const writer = this.#core.writer(lane, 'journal');
    const unit =
      (bindable(writer, pieces, batch) ? this.#once(() => this.#bind(writer, pieces)) : undefined) ??
      this.#twice(() => this.#whole(writer, batch));
    if (unit) this.#handOver(pieces, unit, lane);
    return unit;
  }

  /** A copy of a whole batch, in place of pieces that may be durable already. */
  #whole(writer: SegmentWriter, batch: Batch): Unit {
    const unit = this.#frame(writer, batch, frameTypes.batch);
    if (this.#core.options.sync === 'interval') this.#now(this.#syncWhole(writer, unit));
    return unit;
  }

  *#syncWhole(writer: SegmentWriter, unit: Unit): Steps<void> {
    const { segment } = unit;
    try {
      yield* call('sync', segment.fd!);
      segment.durableUpTo = Math.max(segment.durableUpTo, segment.size);
    } catch (error) {
      add(this.#core.counters.withdrawn, segment.settle(unit, 'rejected'));
      segment.syncFailed = codeOf(error);
      writer.abandon(codeOf(error));
      yield* this.#shelf.writeSlots(segment);
      throw error;
    }
  }

  /** Journals the last records of a batch where the batch was closed before they were. */
  #complete(batch: Batch, lane: Lane): void {
    const latest = this.#pieces[lane].findLast(({ writer }) => writer === batch.writer);
    const last = latest?.unit.parts[0]?.header.lastSequence ?? -1;
    if (last < batch.firstSequence || last >= batch.sequence(batch.count - 1)) return;
    let from = batch.count;
    while (from > 0 && batch.sequence(from - 1) > last) from--;
    this.#once(() => this.#piece(batch.range(from, batch.count), lane));
  }

  #bind(writer: SegmentWriter, pieces: readonly Unit[]): Unit {
    const parts = pieces.map((piece) => piece.parts[0]!);
    const written = this.#now(writer.seal(parts.map(({ header }) => header)));
    if (this.#core.options.sync === 'always') this.#now(this.#sync(writer, written));
    const { segment, offset } = written;
    const unit = new Unit(segment, parts, [offset]);
    // The records are on the books already, with their pieces.
    segment.units?.push(unit);
    segment.hold(unit);
    if (this.#core.syncing) this.#core.dirty.add(segment);
    return unit;
  }

  /** Records of pieces now belong to a batch: bound by its seal, or copied. */
  #handOver(pieces: readonly Unit[], unit: Unit, lane: Lane): void {
    const bound = unit.parts[0] === pieces[0]?.parts[0];
    for (const piece of pieces) {
      if (bound) {
        piece.segment.retire(piece);
        continue;
      }
      // Written a second time: counted once.
      add(this.#core.counters.appended, copyOf(piece), -1);
      piece.segment.settle(piece, 'acked');
      // On the spot: a crash must not bring back both.
      this.#now(this.#shelf.writeSlots(piece.segment));
      this.#shelf.touch(piece.segment);
    }
    unit.segment.forgetSettled();
    this.#pieces[lane] = this.#pieces[lane].filter((piece) => standing(piece.unit).state === 'held');
  }

  /** The unsealed pieces of a batch. */
  #within(batch: Batch, lane: Lane): Unit[] {
    const first = batch.firstSequence;
    const last = batch.sequence(batch.count - 1);
    return this.#pieces[lane]
      .filter(({ writer }) => writer === batch.writer)
      .map(({ unit }) => standing(unit))
      .filter(({ state, parts }) => {
        const { firstSequence, lastSequence } = parts[0]!.header;
        return state === 'held' && firstSequence >= first && lastSequence <= last;
      });
  }

  /** Makes a batch of a piece that nobody sealed, before it is handed to the drain. */
  sealAlone(receipt: Receipt): Unit | undefined {
    if (!(receipt instanceof Unit) || receipt.state !== 'held' || receipt.movedTo) return undefined;
    const { lane } = receipt;
    const writer = this.#core.writer(lane, 'journal');
    const known = this.#pieces[lane].some(({ unit }) => unit === receipt);
    if (!known || writer.segment !== receipt.segment) return undefined;
    const sealed = this.#once(() => this.#bind(writer, [receipt]));
    if (sealed) this.#handOver([receipt], sealed, lane);
    return sealed;
  }
}

/** Whether the pieces are all of the batch and all in the segment that is open. */
function bindable({ segment }: SegmentWriter, pieces: readonly Unit[], batch: Batch): boolean {
  if (!segment || pieces.length === 0 || !pieces.every((piece) => piece.segment === segment)) return false;
  return pieces.reduce((sum, { records }) => sum + records, 0) === batch.count;
}
