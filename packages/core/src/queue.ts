// The queue: sealed batches in memory, first in, first out, counted in records and bytes.
// In: sealed batches, and such that come back because their destination is not ready. Out: the next one to send.
// Invariants: `records` and `bytes` are exactly what is in it; the oldest seal comes first, however late a batch came
// back. Its bound is kept by whoever lets records in.

import { awaitedSeal, type Entry } from './entry.js';
import { LANES } from './lane.js';

/** Memory FIFO of batches. */
export class Queue {
  records = 0;
  bytes = 0;
  private items: Entry[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  /** The oldest seal that a flush may wait for, or Infinity. */
  get oldestSeal(): number {
    let at = this.head;
    // What came from the disk stands in front, and is little: such as was taken only in part.
    while (at < this.items.length && awaitedSeal(this.items[at]!) === Number.POSITIVE_INFINITY) at++;
    return this.items[at]?.seal ?? Number.POSITIVE_INFINITY;
  }

  /** Since when something waits, by the steady clock, or Infinity. What came from the disk came later than what it stands before. */
  get oldestAt(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (let at = this.head; at < this.items.length; at++) {
      const entry = this.items[at]!;
      oldest = Math.min(oldest, entry.at);
      if (awaitedSeal(entry) !== Number.POSITIVE_INFINITY) break;
    }
    return oldest;
  }

  /** Takes in what was sealed last. */
  push(entry: Entry): void {
    this.items.push(entry);
    this.count(entry, 1);
  }

  /** Puts entries back in their places: behind what is older, before all others. */
  putBack(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    // The sort is stable, and takes one pass over what is in order.
    this.items = [...entries, ...this.items.slice(this.head)].sort((a, b) => a.seal - b.seal);
    this.head = 0;
    for (const entry of entries) this.count(entry, 1);
  }

  shift(): Entry | undefined {
    const entry = this.items[this.head];
    if (!entry) return undefined;
    this.items[this.head++] = undefined as never;
    if (this.head > 64 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    this.count(entry, -1);
    return entry;
  }

  /** Takes out the oldest entry of the lowest priority. */
  evict(): Entry | undefined {
    for (const lane of LANES.toReversed()) {
      for (let at = this.head; at < this.items.length; at++) {
        if (this.items[at]!.lane !== lane) continue;
        const [entry] = this.items.splice(at, 1);
        this.count(entry!, -1);
        return entry;
      }
    }
    return undefined;
  }

  /** Takes out everything, in order. */
  takeAll(): Entry[] {
    const entries = this.items.slice(this.head);
    this.items = [];
    this.head = 0;
    for (const entry of entries) this.count(entry, -1);
    return entries;
  }

  private count({ batch }: Entry, sign: 1 | -1): void {
    this.records += sign * batch.count;
    this.bytes += sign * batch.bytes.length;
  }
}
