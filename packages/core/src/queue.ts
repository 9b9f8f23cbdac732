// The queue: sealed batches in memory, first in, first out, counted in records and bytes.
// In: sealed batches, and such that come back because their destination is not ready. Out: the next one to send.
// Invariant: `records` and `bytes` are exactly what is in it. Its bound is kept by whoever lets records in.

import type { Entry } from './entry.js';
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

  push(entry: Entry): void {
    this.items.push(entry);
    this.count(entry, 1);
  }

  /** Puts entries back in front, in their order: they were first in. */
  unshift(entries: readonly Entry[]): void {
    this.items.splice(0, this.head, ...entries);
    this.head = 0;
    for (const entry of entries) this.count(entry, 1);
  }

  peek(): Entry | undefined {
    return this.items[this.head];
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
