// A writer for bodies that hold the lines of a batch, each in some framing.
// In: a batch. Out: a buffer that belongs to whoever takes it, not copied again.
// The lines are put at the end of that very buffer first, in one move, and from there each to its place: a view of the
// source for each line would cost several times what moving its bytes costs.
// Invariant: what is written never reaches what is still to be moved, as long as framing keeps to what was announced.

import type { Batch } from '@spillway/core';
import { ByteWriter } from './byte-writer.js';

/** A {@link ByteWriter} with the lines of a batch at hand. */
export class LineWriter extends ByteWriter {
  #lines = 0;

  /** Starts a body. `framingBytes`: most bytes that are written for a record besides its line. */
  start({ bytes, count }: Batch, framingBytes: number, envelopeBytes = 0): this {
    const framing = count * framingBytes + envelopeBytes;
    this.buffer = this.obtain(framing + bytes.length);
    this.buffer.set(bytes, framing);
    this.#lines = framing;
    this.length = 0;
    return this;
  }

  /** The bytes [from, to) of the batch. Each call starts where the last one ended, or later. */
  lines(from: number, to: number): void {
    const at = this.#lines + from;
    if (this.length > at) throw new RangeError('framing takes more than was announced');
    this.buffer.copyWithin(this.length, at, at + to - from);
    this.length += to - from;
  }

  /** Some writers ask for more room than they use: the lines move along. */
  override reserve(size: number): void {
    if (this.length + size <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(this.buffer.length + size);
    // What was written last, since it may reach over lines that have left their place already.
    grown.set(this.buffer.subarray(this.#lines), this.#lines + size);
    grown.set(this.view());
    this.#lines += size;
    this.buffer = grown;
  }
}
