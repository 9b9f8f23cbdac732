// What is in flight: the entries that are being sent, with the parts of each that are not settled yet.
// In: an entry that is sent, and what of it was settled meanwhile. Out: what is left of it when its delivery ends.
// Invariants: `records` and `bytes` are exactly what is not settled of the entries in here; an entry leaves once, with
// all its parts, so whoever takes it out early has it alone: the deliverer finds its list of parts empty.

import type { Batch } from './batch.js';
import { awaitedSeal, type Entry } from './entry.js';

/** The entries on their way to the destination. */
export class InFlight {
  records = 0;
  bytes = 0;
  private readonly parts = new Map<Entry, Batch[]>();

  /** How many entries there are. */
  get size(): number {
    return this.parts.size;
  }

  /** The entries, in the order in which they were sent. */
  get entries(): readonly Entry[] {
    return [...this.parts.keys()];
  }

  /** The oldest seal among them that a flush may wait for, or Infinity. */
  get oldestSeal(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const entry of this.parts.keys()) oldest = Math.min(oldest, awaitedSeal(entry));
    return oldest;
  }

  /** Whether one of them came from the disk. */
  get drained(): boolean {
    for (const { hold } of this.parts.keys()) if (hold?.drained) return true;
    return false;
  }

  /** Takes an entry in. The list of its parts is for the deliverer to work on. */
  add(entry: Entry): Batch[] {
    const parts = [entry.batch];
    this.parts.set(entry, parts);
    this.records += entry.batch.count;
    this.bytes += entry.batch.bytes.length;
    return parts;
  }

  has(entry: Entry): boolean {
    return this.parts.has(entry);
  }

  /** Some records were settled for good, while others of their entry go on. */
  settled(records: number, bytes: number): void {
    this.records -= records;
    this.bytes -= bytes;
  }

  /** Takes an entry out, with what is not settled of it. */
  takeOut(entry: Entry): Batch[] {
    const parts = this.parts.get(entry)!.splice(0);
    this.parts.delete(entry);
    for (const { count, bytes } of parts) this.settled(count, bytes.length);
    return parts;
  }
}
