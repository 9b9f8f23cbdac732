// The memory of large batches, used again and again: a burst costs neither page faults nor garbage collections.
// In: buffers of batches that were acked. Out: buffers for new batches, and for such that come back from the disk.
// Invariants: a buffer comes back only through the very view that was lent, so neither a part of a batch nor a batch
// whose bytes came from elsewhere can free what others still read; keeps `spare` buffers at most, and none when idle.
// Batches may be far smaller than they could be, where their number of records ends them: so there are buffers of half the
// largest size, of a quarter, and so on, and each holds a batch that is larger than its half.

import type { Runtime, Timer } from './runtime.js';

/** A pool that went unused for so long gives its memory back. */
const IDLE_MS = 10_000;
/** Smaller buffers come and go: they are not worth keeping. */
const SMALL_BYTES = 4096;

/** Buffers to use again. */
export class BufferPool {
  private free: Buffer[] = [];
  private readonly lent = new WeakMap<Buffer, Buffer>();
  private idle: Timer | undefined;
  private used = false;
  private readonly largest: number;
  private readonly spare: number;
  private readonly runtime: Runtime;

  /** Keeps at most `spare` buffers of up to `largest` bytes; zero makes a pool that only allocates. */
  constructor(largest: number, spare: number, runtime: Runtime) {
    this.largest = largest;
    this.spare = spare;
    this.runtime = runtime;
  }

  /** A buffer of at least this many bytes, less than twice as many, with any content. */
  take(bytes: number): Buffer {
    const size = this.sizeFor(bytes);
    if (size === undefined) return Buffer.allocUnsafeSlow(bytes);
    this.used = true;
    const found = this.free.findIndex(({ length }) => length === size);
    return found < 0 ? Buffer.allocUnsafeSlow(size) : this.free.splice(found, 1)[0]!;
  }

  /** Takes back a buffer that nothing refers to. */
  give(buffer: Buffer): void {
    if (!this.isOurs(buffer)) return;
    // What came last is of the size that is in use.
    if (this.free.length >= this.spare) this.free.shift();
    this.free.push(buffer);
    this.idle ??= this.runtime.after(IDLE_MS, () => this.rest());
  }

  /** The first bytes of a buffer, for others to read until they are {@link reclaim}ed, or forgotten. */
  lend(buffer: Buffer, bytes: number): Buffer {
    const view = buffer.subarray(0, bytes);
    if (this.isOurs(buffer)) this.lent.set(view, buffer);
    return view;
  }

  /** Room for exactly so many bytes, {@link lend lent} where there are buffers of their size. */
  borrow(bytes: number): Buffer {
    return this.lend(this.take(bytes), bytes);
  }

  /** Takes back what was lent as this view; any other bytes are not ours and stay as they are. */
  reclaim(view: Buffer): void {
    const buffer = this.lent.get(view);
    if (!buffer) return;
    this.lent.delete(view);
    this.give(buffer);
  }

  /** Drops all spare buffers. */
  clear(): void {
    this.idle?.cancel();
    this.idle = undefined;
    this.free = [];
  }

  /** The size of the buffers that hold so many bytes; undefined where there are none. */
  private sizeFor(bytes: number): number | undefined {
    if (this.spare === 0 || bytes < SMALL_BYTES || bytes > this.largest) return undefined;
    let size = this.largest;
    for (let half = Math.ceil(size / 2); half >= bytes; half = Math.ceil(size / 2)) size = half;
    return size;
  }

  private isOurs({ length }: Buffer): boolean {
    return this.sizeFor(length) === length;
  }

  private rest(): void {
    this.idle = undefined;
    if (!this.used) this.free = [];
    this.used = false;
    if (this.free.length > 0) this.idle = this.runtime.after(IDLE_MS, () => this.rest());
  }
}
