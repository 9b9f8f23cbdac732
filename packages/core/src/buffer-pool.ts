// The memory of large batches, used again and again: a burst costs neither page faults nor garbage collections.
// In: buffers of batches that were acked. Out: buffers for new batches, and for such that come back from the disk.
// Invariants: a buffer comes back only through the very view that was lent, so neither a part of a batch nor a batch
// whose bytes came from elsewhere can free what others still read; keeps `spare` buffers at most, and none when idle.

import type { Runtime, Timer } from './runtime.js';

/** A pool that went unused for so long gives its memory back. */
const IDLE_MS = 10_000;

/** Buffers of one size. */
export class BufferPool {
  private free: Buffer[] = [];
  private readonly lent = new WeakMap<Buffer, Buffer>();
  private idle: Timer | undefined;
  private used = false;
  private readonly size: number;
  private readonly spare: number;
  private readonly runtime: Runtime;

  /** Keeps at most `spare` buffers of `size` bytes; zero makes a pool that only allocates. */
  constructor(size: number, spare: number, runtime: Runtime) {
    this.size = size;
    this.spare = spare;
    this.runtime = runtime;
  }

  /** A buffer of this many bytes with any content. */
  take(bytes: number): Buffer {
    if (bytes === this.size) this.used = true;
    return (bytes === this.size && this.free.pop()) || Buffer.allocUnsafeSlow(bytes);
  }

  /** Takes back a buffer that nothing refers to. */
  give(buffer: Buffer): void {
    if (buffer.length !== this.size || this.free.length >= this.spare) return;
    this.free.push(buffer);
    this.idle ??= this.runtime.after(IDLE_MS, () => this.rest());
  }

  /** The first bytes of a buffer, for others to read until they are {@link reclaim}ed, or forgotten. */
  lend(buffer: Buffer, bytes: number): Buffer {
    const view = buffer.subarray(0, bytes);
    if (buffer.length === this.size && this.spare > 0) this.lent.set(view, buffer);
    return view;
  }

  /** Room for so many bytes, {@link lend lent} where they fill most of a buffer, of its own where they do not. */
  borrow(bytes: number): Buffer {
    const fits = bytes <= this.size && bytes >= this.size / 2;
    return fits && this.spare > 0 ? this.lend(this.take(this.size), bytes) : Buffer.allocUnsafeSlow(bytes);
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

  private rest(): void {
    this.idle = undefined;
    if (!this.used) this.free = [];
    this.used = false;
    if (this.free.length > 0) this.idle = this.runtime.after(IDLE_MS, () => this.rest());
  }
}
