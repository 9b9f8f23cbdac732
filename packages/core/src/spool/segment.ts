// A segment file as the spool knows it in memory: its size, what in it still waits, and, while it is being written or
// drained, where each batch lies. Numbers of records only go down through `settle`, so that they can be trusted.

import type { Lane } from '../lane.js';
import type { FrameHeader, Settled } from './frame.js';
import type { SegmentHeader, SegmentKind } from './segment-header.js';
import { add, copyOf, type Tally, tally } from './tally.js';

/** A frame of records. */
export interface Part {
  readonly offset: number;
  readonly header: FrameHeader;
}

/** A hold on records in the spool; settle it with `ack`, `reject` or `replace`, or give it back with `release`. */
export interface Receipt {
  readonly lane: Lane;
  /** Records it stands for. */
  readonly records: number;
  /** Bytes of their lines, newlines included. */
  readonly bytes: number;
  /** Bytes that they take on the disk. */
  readonly storedBytes: number;
  /** Whether they survive a power loss by now. */
  readonly durable: boolean;
}

export type UnitState = 'free' | 'held' | 'settled';

/** What is delivered as one batch: a frame, or the pieces that make up a batch of the journal. */
export class Unit implements Receipt {
  readonly segment: Segment;
  readonly parts: readonly Part[];
  /** Offsets of the frames whose ack slots settle it; the attempts are in the first. */
  readonly slots: readonly number[];
  /** Records that it stands for, and bytes of their lines; what turns out to be unreadable is taken off. */
  records: number;
  bytes: number;
  /** Set where its bytes were written again elsewhere, after a failed sync: that unit stands for it now. */
  movedTo: Unit | undefined;
  /** Where its bytes were first: part of them may be safe there, and they stay until all of them are here. */
  original: Unit | undefined;
  state: UnitState = 'free';
  attempts = 0;
  /** When it was handed out, by the steady clock; unset once the attempt has been proven harmless. */
  handedOutAt: number | undefined;

  constructor(segment: Segment, parts: readonly Part[], slots: readonly number[]) {
    this.segment = segment;
    this.parts = parts;
    this.slots = slots;
    this.records = parts.reduce((sum, { header }) => sum + header.recordCount, 0);
    this.bytes = parts.reduce((sum, { header }) => sum + header.lineBytes, 0);
  }

  get lane(): Lane {
    return this.segment.lane;
  }

  get storedBytes(): number {
    return this.parts.reduce((sum, { header }) => sum + header.storedLength, 0);
  }

  get durable(): boolean {
    if (this.movedTo) return this.movedTo.durable;
    return this.segment.durableUpTo > Math.max(...this.slots, ...this.parts.map(({ offset }) => offset));
  }
}

/** The unit that stands for a receipt by now. */
export function standing(unit: Unit): Unit {
  let last = unit;
  while (last.movedTo) last = last.movedTo;
  return last;
}

export interface SegmentInfo {
  readonly path: string;
  readonly lane: Lane;
  readonly kind: SegmentKind;
  readonly queueId: string;
  readonly number: number;
  readonly createdAt: number;
  /** Unset where the file's first bytes are lost. */
  readonly header: SegmentHeader | undefined;
  /** Found on the disk, written by an earlier process. */
  readonly recovered: boolean;
}

export class Segment implements SegmentInfo {
  path: string;
  readonly lane: Lane;
  readonly kind: SegmentKind;
  readonly queueId: string;
  readonly number: number;
  readonly createdAt: number;
  readonly header: SegmentHeader | undefined;
  readonly recovered: boolean;
  /** Physical bytes. */
  size = 0;
  /** Everything before this offset is known to be on the disk itself. */
  durableUpTo = 0;
  /** What waits in it; of a recovered segment that was not walked yet, at most this much. */
  readonly waiting = tally();
  /** Oldest time of a record, ms since the epoch. */
  oldest = Number.POSITIVE_INFINITY;
  /** Deliverables in order; unset where the file has to be walked first. */
  units: Unit[] | undefined;
  /** Being written. Never evicted, never walked. */
  active = false;
  /** A sync of it failed: another would succeed without writing what is missing, so it is rescued instead. */
  syncFailed: string | undefined;
  /** Cannot be read here: another format, or a key that is missing. Kept until age or quota takes it. */
  locked = false;
  /** Its losses were counted. */
  walked = false;
  /** Bytes in it were wrong: its file is kept for people in the end. */
  damaged = false;
  /** Failures to read it since the last success, and when to try again, by the steady clock. */
  failures = 0;
  pausedUntil = 0;
  /** Units that are out of the spool's hands. */
  held = 0;
  /** Settled in memory, not yet so on the disk. */
  readonly unsettled = new Map<number, Settled>();
  /** The disk would not cut off what lies behind `size`: frames there were refused to their owners and are not to be read. */
  uncut = false;
  /** Units off the books for whose records others stand, which are not safe yet: until they are, the file is needed. */
  readonly originals = new Set<Unit>();
  /** Off the books, its file deleted. */
  gone = false;
  fd: number | undefined;

  constructor(info: SegmentInfo) {
    this.path = info.path;
    this.lane = info.lane;
    this.kind = info.kind;
    this.queueId = info.queueId;
    this.number = info.number;
    this.createdAt = info.createdAt;
    this.header = info.header;
    this.recovered = info.recovered;
  }

  /** Nothing in it waits any more. */
  get finished(): boolean {
    return this.waiting.records === 0 && this.held === 0 && !this.active && !this.locked && this.originals.size === 0;
  }

  /** Something about it is not yet so on the disk. */
  get unwritten(): boolean {
    return this.unsettled.size > 0 || this.uncut;
  }

  /** Bytes that a power loss would take from us, at most: not synced yet, and of records that still wait. */
  get exposed(): number {
    return Math.min(this.size - this.durableUpTo, this.waiting.bytes);
  }

  hold(unit: Unit): void {
    if (unit.state !== 'free') return;
    unit.state = 'held';
    this.held++;
  }

  free(unit: Unit): void {
    if (unit.state !== 'held') return;
    unit.state = 'free';
    unit.handedOutAt = undefined;
    this.held--;
  }

  /** Takes a unit off the books; the slots are still to be written. Returns how much that was. */
  settle(unit: Unit, as: Settled): Tally {
    if (unit.state === 'settled') return tally();
    this.retire(unit);
    add(this.waiting, unit, -1);
    for (const slot of unit.slots) this.unsettled.set(slot, as);
    return copyOf(unit);
  }

  /** Takes a unit off the books for which a copy stands from now on. On the disk it stays what it is. */
  keepOriginal(unit: Unit): void {
    this.retire(unit);
    add(this.waiting, unit, -1);
    this.originals.add(unit);
  }

  /** Settles the originals whose copies are safe, or needed no more; the slots are still to be written. */
  letGoOfOriginals(): void {
    for (const unit of this.originals) {
      const copy = standing(unit);
      if (copy.state !== 'settled' && !copy.durable && !copy.segment.gone) continue;
      copy.original = undefined;
      this.originals.delete(unit);
      for (const slot of unit.slots) this.unsettled.set(slot, 'acked');
    }
  }

  /** Ends a unit whose records another one stands for. */
  retire(unit: Unit): void {
    if (unit.state === 'held') this.held--;
    unit.state = 'settled';
    unit.handedOutAt = undefined;
  }

  /** Adds a unit that was just written. */
  include(unit: Unit): void {
    add(this.waiting, unit);
    this.units?.push(unit);
  }

  /** The first unit that nobody holds; settled ones are let go. */
  firstFree(): Unit | undefined {
    this.forgetSettled();
    return this.units?.find(({ state }) => state === 'free');
  }

  /** Lets go of settled units, so that a segment that is written to for long does not pile them up. */
  forgetSettled(): void {
    if (this.units) this.units = this.units.filter(({ state }) => state !== 'settled');
  }
}
