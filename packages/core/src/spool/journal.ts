// The journal: records are written, on the spot, as they arrive (pieces); when a batch is formed from them a small seal
// says so, before the batch is sent for the first time, so that a replay forms the same batch with the same id.
// A batch is bound wholly inside one segment: where its pieces are not all in the open one, it is written again as a
// whole. Nothing throws: what the disk will not take stays with its owner.

import type { Batch } from '../batch.js';
import type { Lane } from '../lane.js';
import type { Core } from './core.js';
import { attempt, call, codeOf, type Steps } from './file-system.js';
import { frameTypes } from './frame.js';
import type { PieceRange } from './marker.js';
import { fits, prepareNow } from './prepare.js';
import type { Quota } from './quota.js';
import { type Part, type Receipt, Unit } from './segment.js';
import type { Shelf } from './shelf.js';
import { add } from './tally.js';
import type { SegmentWriter, Written } from './writer.js';

/** Records in the journal that belong to no batch yet. */
interface Piece {
  readonly unit: Unit;
  readonly part: Part;
  readonly offsets: Uint32Array;
  readonly sequences: Float64Array | undefined;
  /** Records before this one belong to batches. */
  sealed: number;
}

export class Journal {
  readonly #core: Core;
  readonly #quota: Quota;
  readonly #shelf: Shelf;
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
    const unit = this.#now(() => this.#piece(batch, lane));
    if (unit) this.#core.writes.add(this.#core.runtime.monotonic() - started);
    return unit;
  }

  /** Runs a write, once more in a new segment if it fails. */
  #now<T>(steps: () => Steps<T>): T | undefined {
    return this.#once(steps) ?? this.#once(steps, (error) => this.#core.failed(error));
  }

  #once<T>(steps: () => Steps<T>, failed: (error: unknown) => void = () => {}): T | undefined {
    try {
      const result = this.#core.disk.runNow(steps());
      this.#core.succeeded();
      return result;
    } catch (error) {
      this.#core.disk.runNow(this.#core.startOver(codeOf(error)));
      failed(error);
      return undefined;
    }
  }

  *#piece(batch: Batch, lane: Lane): Steps<Unit> {
    const writer = this.#core.writer(lane, 'journal');
    // All pieces of a segment are one writer's, so that neighbours can always be joined.
    if (writer.segment && this.#writerIds[lane] !== batch.writer) yield* writer.close();
    this.#writerIds[lane] = batch.writer;
    const unit = yield* this.#frame(writer, batch, frameTypes.piece);
    const { offsets, sequences } = batch;
    this.#pieces[lane].push({ unit, part: unit.parts[0]!, offsets, sequences, sealed: 0 });
    return unit;
  }

  *#frame(writer: SegmentWriter, batch: Batch, type: 0 | 1): Steps<Unit> {
    const [written] = yield* writer.write([prepareNow(batch, type)]);
    yield* this.#sync(writer, written!);
    const unit = this.#core.include(written!);
    unit.segment.hold(unit);
    return unit;
  }

  *#sync(writer: SegmentWriter, { segment, offset }: Written): Steps<void> {
    if (this.#core.options.sync !== 'always') return;
    try {
      yield* call('sync', segment.fd!);
      segment.durableUpTo = segment.size;
    } catch (error) {
      writer.abandon(codeOf(error));
      yield* attempt('truncate', segment.fd!, offset);
      segment.size = offset;
      throw error;
    }
  }

  /** Binds the pieces of a batch. The receipt stands for the batch and is held by the caller. */
  seal(batch: Batch, lane: Lane): Receipt | undefined {
    if (!this.#core.writable) return undefined;
    this.#complete(batch, lane);
    const pieces = this.#covering(batch, lane);
    const writer = this.#core.writer(lane, 'journal');
    const unit =
      (this.#bindable(writer, pieces, batch) ? this.#once(() => this.#bind(writer, pieces)) : undefined) ??
      this.#now(() => this.#frame(writer, batch, frameTypes.batch));
    if (!unit) return undefined;
    for (const { piece, from, to } of pieces) this.#handOver(piece, from, to, unit);
    this.#pieces[lane] = this.#pieces[lane].filter(({ unit: { state } }) => state === 'held');
    return unit;
  }

  /** Journals the last records of a batch where the batch was closed before they were. */
  #complete(batch: Batch, lane: Lane): void {
    const last = this.#pieces[lane].at(-1)?.part.header.lastSequence ?? -1;
    if (last < batch.firstSequence || last >= batch.sequence(batch.count - 1)) return;
    let from = batch.count;
    while (from > 0 && batch.sequence(from - 1) > last) from--;
    this.#once(() => this.#piece(batch.range(from, batch.count), lane));
  }

  /** Whether the pieces are all of the batch and all in the segment that is open. */
  #bindable(writer: SegmentWriter, pieces: readonly Covering[], batch: Batch): boolean {
    const { segment } = writer;
    if (!segment || !pieces.every(({ piece }) => piece.unit.segment === segment)) return false;
    return pieces.reduce((sum, { from, to }) => sum + to - from, 0) === batch.count;
  }

  *#bind(writer: SegmentWriter, pieces: readonly Covering[]): Steps<Unit> {
    const parts = pieces.map(
      ({ piece, from, to }): Part => ({ ...piece.part, from, to, bytes: size(piece, from, to) }),
    );
    const ranges = parts.map(({ header: { frameIndex }, from, to, bytes }): PieceRange => {
      return { frameIndex, from, to, bytes };
    });
    const first = pieces[0]!;
    const last = pieces.at(-1)!;
    const written = yield* writer.seal(ranges, {
      ...first.piece.part.header,
      firstSequence: sequenceAt(first.piece, first.from),
      lastSequence: sequenceAt(last.piece, last.to - 1),
    });
    yield* this.#sync(writer, written);
    const { segment, offset } = written;
    const unit = new Unit(segment, parts, [offset]);
    // The records are on the books already, with their pieces.
    segment.units?.push(unit);
    segment.hold(unit);
    return unit;
  }

  /** Records of a piece now belong to a batch: in the same segment by its seal, elsewhere as a copy. */
  #handOver(piece: Piece, from: number, to: number, unit: Unit): void {
    const { segment } = piece.unit;
    const bound = unit.segment === segment && unit.parts.some(({ offset }) => offset === piece.part.offset);
    const moved = { records: to - from, bytes: size(piece, from, to) };
    piece.sealed = to;
    add(piece.unit, moved, -1);
    if (!bound) {
      // Written a second time: counted once.
      add(this.#core.counters.appended, moved, -1);
      add(segment.waiting, moved, -1);
    }
    if (piece.unit.records > 0) return;
    if (bound) {
      segment.retire(piece.unit);
      return;
    }
    segment.settle(piece.unit, 'acked');
    this.#shelf.touch(segment);
  }

  /** The unsealed pieces that hold records of a batch, and which records. */
  #covering(batch: Batch, lane: Lane): Covering[] {
    const first = batch.firstSequence;
    const last = batch.sequence(batch.count - 1);
    const found: Covering[] = [];
    for (const piece of this.#pieces[lane]) {
      const { header } = piece.part;
      if (piece.unit.state !== 'held' || piece.unit.movedTo || header.firstSequence > last) continue;
      if (header.lastSequence < first) continue;
      const from = Math.max(piece.sealed, indexOf(piece, first));
      const to = indexOf(piece, last + 1);
      if (from < to) found.push({ piece, from, to });
    }
    return found;
  }

  /** Makes a batch of a piece that nobody sealed, before it is handed to the drain. */
  sealAlone(unit: Receipt): Unit | undefined {
    if (!(unit instanceof Unit) || unit.state !== 'held') return undefined;
    const pieces = this.#pieces[unit.lane];
    const piece = pieces.find((each) => each.unit === unit);
    if (!piece) return undefined;
    const writer = this.#core.writer(unit.lane, 'journal');
    if (writer.segment !== unit.segment || unit.movedTo) return undefined;
    const covering = { piece, from: piece.sealed, to: piece.part.header.recordCount };
    const sealed = this.#once(() => this.#bind(writer, [covering]));
    if (!sealed) return undefined;
    this.#handOver(piece, covering.from, covering.to, sealed);
    pieces.splice(pieces.indexOf(piece), 1);
    return sealed;
  }
}

/** Bytes of the lines [from, to) of a piece. */
function size({ offsets }: Piece, from: number, to: number): number {
  return offsets[to]! - offsets[from]!;
}

interface Covering {
  readonly piece: Piece;
  readonly from: number;
  readonly to: number;
}

function sequenceAt({ part, sequences }: Piece, index: number): number {
  return sequences ? sequences[index]! : part.header.firstSequence + index;
}

/** Index of the first record of a piece whose sequence number is not below the given one. */
function indexOf({ part, sequences }: Piece, sequence: number): number {
  const { firstSequence, recordCount } = part.header;
  if (!sequences) return Math.min(recordCount, Math.max(0, sequence - firstSequence));
  let low = 0;
  let high = recordCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sequences[middle]! < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}
