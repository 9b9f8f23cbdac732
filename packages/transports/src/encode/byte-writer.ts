// Where encoders write: one buffer that is used again for every batch.
// In: bytes, numbers, text. Out: a view of what was written that lives until the next `reset`, a copy of it, or the very
// buffer, which belongs to the caller and may come back when nobody reads it any more.
// Invariant: encoding is synchronous, so a writer is never in use twice; it gives memory back after a huge batch.

/** Buffers beyond this are not kept for the next batch. */
const keptBytes = 8 * 1024 * 1024;
const initialBytes = 64 * 1024;
/** Bodies below this are not worth coming back. */
const sparedFrom = 64 * 1024;
/** Buffers kept for bodies to come: as many as may be on their way at once, in most settings. */
const mostSpares = 4;
/** Copying so few bytes one by one is quicker than a call. */
const shortBytes = 24;
const nothing = Buffer.alloc(0);
/** Size of the slot of {@link ByteWriter.openLength}. */
const slotBytes = 5;

/** Bodies that were handed over, by their memory, with where it goes when it comes back. */
const lent = new WeakMap<ArrayBufferLike, { readonly buffer: Buffer; readonly spares: Buffer[] }>();

/** Takes back the memory of a body that nobody reads any more, for the writer that made it. Leaves other bytes alone. */
export function reclaim(body: Uint8Array): void {
  const loan = lent.get(body.buffer);
  lent.delete(body.buffer);
  if (loan && loan.spares.length < mostSpares) loan.spares.push(loan.buffer);
}

/** A growing buffer with a position. */
export class ByteWriter {
  buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes);
  length = 0;
  readonly #spares: Buffer[] = [];

  /** Starts over, with room for about `size` bytes. */
  reset(size = 0): this {
    this.length = 0;
    const small = Math.max(initialBytes, size);
    if (this.buffer === nothing) this.buffer = this.obtain(small);
    else if (this.buffer.length > keptBytes && small <= keptBytes) this.buffer = Buffer.allocUnsafeSlow(small);
    else this.reserve(size);
    return this;
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.length + size;
    if (needed <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(this.buffer.length * 2, needed + keptBytes)));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  byte(value: number): void {
    if (this.length === this.buffer.length) this.reserve(1);
    this.buffer[this.length++] = value;
  }

  /** The bytes [from, to) of `source`. */
  bytes(source: Uint8Array, from = 0, to = source.length): void {
    const size = to - from;
    this.reserve(size);
    if (size <= shortBytes) {
      const { buffer, length: at } = this;
      for (let n = 0; n < size; n++) buffer[at + n] = source[from + n]!;
      this.length = at + size;
      return;
    }
    this.buffer.set(from === 0 && to === source.length ? source : source.subarray(from, to), this.length);
    this.length += size;
  }

  /** UTF-8. */
  text(value: string): void {
    this.reserve(value.length * 3);
    this.length += this.buffer.write(value, this.length);
  }

  /** An unsigned LEB128 number up to 2^53 - 1. */
  varint(value: number): void {
    this.reserve(10);
    const { buffer } = this;
    let at = this.length;
    let rest = value;
    while (rest > 0x7fffffff) {
      buffer[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      buffer[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    this.length = at;
  }

  /** Leaves room for so many bytes, to be filled in later. Returns where it ends. */
  skip(size: number): number {
    this.reserve(size);
    this.length += size;
    return this.length;
  }

  /** Leaves room for a length that is not known yet; pass the result to {@link closeLength}. */
  openLength(): number {
    return this.skip(slotBytes);
  }

  /** Fills in the number of bytes written since, as a varint padded to its slot, which decoders of protobuf accept. */
  closeLength(start: number): void {
    let rest = this.length - start;
    for (let i = slotBytes; i > 1; i--) {
      this.buffer[start - i] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.buffer[start - 1] = rest;
  }

  /** What was written, as a view. */
  view(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** What was written, as a copy. */
  copy(): Buffer {
    return Buffer.from(this.view());
  }

  /** Hands over what was written. The writer goes on with other memory. */
  finish(): Buffer {
    const body = this.view();
    if (this.buffer.length >= sparedFrom && this.buffer.length <= keptBytes)
      lent.set(body.buffer, { buffer: this.buffer, spares: this.#spares });
    this.buffer = nothing;
    this.length = 0;
    return body;
  }

  /** A buffer of at least so many bytes: one that came back, where that is not far too large, or a new one. */
  protected obtain(size: number): Buffer {
    if (size < sparedFrom) return Buffer.allocUnsafeSlow(size);
    const spare = this.#spares.pop();
    // One that is too small is let go: batches have grown, and so would the next ones be.
    if (spare && spare.length >= size) return spare;
    // With an eighth to spare, for batches are never quite of one size.
    const step = Math.max(sparedFrom, 2 ** Math.floor(Math.log2(size / 8)));
    return Buffer.allocUnsafeSlow(Math.ceil(size / step) * step);
  }
}

/** Bytes that {@link ByteWriter.varint} takes for a value. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++;
  return size;
}
