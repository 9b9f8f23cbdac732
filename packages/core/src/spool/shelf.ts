// What the spool does with segments that are not being written: open and walk them, write their ack slots, delete them.

import type { Core } from './core.js';
import { attempt, type BadBlocks, call, codeOf, type Steps, writeFully } from './file-system.js';
import { ackSlotOffset, markOf } from './frame.js';
import { rewrittenPieces } from './rewritten.js';
import type { Segment } from './segment.js';
import { add, copyOf, isNothing, type Tally, tally } from './tally.js';
import { unitsOf } from './units.js';
import { type FoundFrame, walk } from './walk.js';
import { cutBack } from './writer.js';

/** Bytes that could not be read this often, over some time, are given up. */
const maxFailures = 4;

/** How to go about bytes of a segment that cannot be read. */
export function badBlocks(segment: Segment): BadBlocks {
  return segment.failures >= maxFailures ? 'zero' : 'fail';
}

export class Shelf {
  readonly #core: Core;
  /** Segments with slots to write, or done with. */
  readonly #touched = new Set<Segment>();
  #flushing = false;
  /** Keeps the file of a damaged segment; false where it is to be deleted like any other. */
  setAside: ((segment: Segment) => Steps<boolean>) | undefined;
  /** Told when a segment has left the books. */
  discarded: (segment: Segment) => Steps<void> = function* () {};

  constructor(core: Core) {
    this.#core = core;
  }

  /** Opens a segment for reading and, where the disk allows it, for its slots. */
  *open(segment: Segment): Steps<number> {
    if (segment.fd !== undefined) return segment.fd;
    const fd = yield* this.#openFile(segment.path);
    // A call on the spot may have opened it meanwhile.
    if (segment.fd !== undefined) yield* attempt('close', fd);
    else segment.fd = fd;
    return segment.fd;
  }

  *#openFile(path: string): Steps<number> {
    try {
      return yield* call('open', path, 'update');
    } catch (error) {
      if (codeOf(error) !== 'EROFS' && codeOf(error) !== 'EACCES') throw error;
      return yield* call('open', path, 'read');
    }
  }

  /** Makes a segment's units known. False where that is not possible now; what is lost is taken off the books. */
  *load(segment: Segment): Steps<boolean> {
    if (segment.units) return true;
    if (segment.locked) return false;
    try {
      const fd = yield* this.open(segment);
      const found = yield* walk(fd, {
        segmentNumber: segment.number,
        bad: badBlocks(segment),
        ...(!segment.recovered && { end: segment.size }),
      });
      if (found.foreign) return this.lock(segment, 'format');
      const cipher = yield* this.#core.keys.cipher(segment.header);
      if (cipher === 'missing') return this.lock(segment, 'key');
      segment.units = unitsOf(segment, yield* this.#withoutRewritten(segment, found.frames));
      if (found.corruptBytes > 0) segment.damaged = true;
      this.#settleBooks(segment, found.lost, found.corruptBytes + found.tornBytes);
      return true;
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      // Somebody deleted the file: nothing in it comes back.
      const gone = copyOf(segment.waiting);
      add(segment.waiting, gone, -1);
      this.lose(segment, gone, 0);
      segment.units = [];
      return true;
    }
  }

  /** Settles the pieces for which a whole batch stands, see rewritten.ts. Once: the slots say so from then on. */
  *#withoutRewritten(segment: Segment, frames: readonly FoundFrame[]): Steps<readonly FoundFrame[]> {
    if (!segment.recovered || segment.walked) return frames;
    const rewritten = yield* rewrittenPieces(this.#core, (each) => this.open(each), segment, frames);
    if (rewritten.size === 0) return frames;
    const suppressed = tally();
    for (const { offset, header } of rewritten) {
      segment.unsettled.set(offset, 'acked');
      add(suppressed, { records: header.recordCount, bytes: header.lineBytes });
    }
    add(this.#core.counters.recovered, suppressed);
    add(this.#core.counters.duplicatesSuppressed, suppressed);
    this.#core.emit({ type: 'duplicatesSuppressed', ...suppressed });
    this.touch(segment);
    return frames.map((frame) => (rewritten.has(frame) ? { ...frame, mark: 'acked' as const } : frame));
  }

  /** Leaves a segment alone that cannot be read here. */
  lock(segment: Segment, reason: 'format' | 'key' | 'codec'): false {
    segment.locked = true;
    this.#core.emit({ type: 'segmentLocked', segment: segment.path, reason });
    return false;
  }

  /** Replaces the estimate of a recovered segment by what was found, and counts what is missing, once. */
  #settleBooks(segment: Segment, lost: Tally, corruptBytes: number): void {
    if (segment.walked) return;
    segment.walked = true;
    const found = tally();
    for (const unit of segment.units!) if (unit.state !== 'settled') add(found, unit);
    const booked = copyOf(segment.waiting);
    add(segment.waiting, booked, -1);
    add(segment.waiting, found);
    if (segment.recovered) {
      add(this.#core.counters.recovered, booked, -1);
      add(this.#core.counters.recovered, found);
      add(this.#core.counters.recovered, lost);
      this.lose(segment, lost, corruptBytes);
      return;
    }
    // Of a segment of our own, the books say what should be there.
    add(booked, found, -1);
    this.lose(segment, booked, corruptBytes);
  }

  /** Counts what is gone for good. */
  lose(segment: Segment, gone: Tally, corruptBytes: number): void {
    if (isNothing(gone) && corruptBytes === 0) return;
    add(this.#core.counters.lost, gone);
    this.#core.corruptBytes += corruptBytes;
    const { path, recovered } = segment;
    this.#core.emit({ type: 'recordsLost', segment: path, recovered, ...gone, corruptBytes });
  }

  /** Notes that a segment has slots to write or can be deleted. */
  touch(segment: Segment): void {
    this.#touched.add(segment);
    if (this.#flushing || this.#core.disk.stalled) return;
    this.#flushing = true;
    this.#core.disk.run(() => this.flush()).catch(() => {});
  }

  /** Writes what was settled to the disk. What fails stays settled in memory and is tried again later. */
  *flush(): Steps<void> {
    try {
      // A set's iteration reaches what is added meanwhile.
      for (const segment of this.#touched) {
        this.#touched.delete(segment);
        if (segment.finished) yield* this.discard(segment);
        else yield* this.writeSlots(segment);
      }
    } finally {
      this.#flushing = false;
    }
  }

  /** Writes the slots of one segment, and cuts off what should not be there. */
  *writeSlots(segment: Segment): Steps<void> {
    if (!segment.unwritten) return;
    try {
      const fd = yield* this.open(segment);
      if (segment.uncut) yield* cutBack(segment);
      for (const [offset, settled] of [...segment.unsettled]) {
        yield* writeFully(fd, [markOf(settled)], offset + ackSlotOffset);
        segment.unsettled.delete(offset);
      }
    } catch {
      // Losing an ack makes a duplicate, never a loss.
    }
  }

  /** Takes a segment off the books and deletes its file; false where that is not to be. */
  *discard(segment: Segment): Steps<boolean> {
    const path = segment.path;
    if (segment.recovered && (yield* this.#grown(segment))) return false;
    if (segment.fd !== undefined) {
      const { fd } = segment;
      segment.fd = undefined;
      yield* attempt('close', fd);
    }
    try {
      const kept = segment.damaged && this.setAside !== undefined && (yield* this.setAside(segment));
      if (!kept) yield* call('remove', path);
    } catch (error) {
      // It stays on the books, with nothing left in it, and is tried again.
      if (codeOf(error) !== 'ENOENT') return false;
    }
    segment.gone = true;
    this.#core.catalog.remove(segment);
    this.#core.dirty.delete(segment);
    this.#core.emit({ type: 'segmentDeleted', segment: path, diskBytes: segment.size });
    yield* this.discarded(segment);
    return true;
  }

  /**
   * Looks once more before a segment of somebody else is deleted: where only silence has proven a death, the owner may
   * have come back and written on. What is new is put on the books.
   */
  *#grown(segment: Segment): Steps<boolean> {
    const known = segment.size;
    try {
      const { size } = yield* call('stat', segment.path);
      if (size <= known) return false;
      const found = yield* walk(yield* this.open(segment), { segmentNumber: segment.number });
      segment.size = size;
      segment.units = unitsOf(
        segment,
        found.frames.filter(({ offset }) => offset >= known),
      ).filter(({ state }) => state === 'free');
    } catch {
      return false;
    }
    const fresh = tally();
    for (const unit of segment.units) add(fresh, unit);
    if (isNothing(fresh)) return false;
    add(segment.waiting, fresh);
    add(this.#core.counters.recovered, fresh);
    this.#core.emit({ type: 'recordsRecovered', segment: segment.path, ...fresh });
    return true;
  }

  /** Lets go of what is not needed at the moment: descriptors and lists of units. */
  *tidy(): Steps<void> {
    for (const segment of [...this.#core.catalog.all()]) {
      if (segment.finished) yield* this.discard(segment);
      else yield* this.writeSlots(segment);
      const idle = !segment.active && segment.held === 0 && !this.#core.dirty.has(segment);
      if (!idle || segment.unwritten || segment.originals.size > 0) continue;
      segment.units = undefined;
      if (segment.fd !== undefined) {
        const { fd } = segment;
        segment.fd = undefined;
        yield* attempt('close', fd);
      }
    }
  }
}
