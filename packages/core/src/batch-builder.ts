// The open batch: lines are copied in, in runs, until it is sealed.
// In: runs of lines and each line's size, time and level. Out: an immutable Batch.
// Invariants: never exceeds the limits it was made with, but for a single record that alone is larger than `maxBytes`
// (the encoder has the last word on that one); offsets always describe the bytes copied so far plus the current run.

import { Batch } from './batch.js';
import type { BufferPool } from './buffer-pool.js';

/** When a batch is full. */
export interface BatchLimits {
  readonly maxBytes: number;
  readonly maxRecords: number;
  readonly overheadBytes: number;
  /** Infinity where the destination does not care. */
  readonly maxSpanMs: number;
}

/** Room to begin with. It grows as needed; a good guess saves the copies. */
export interface Capacity {
  readonly bytes: number;
  readonly records: number;
}

/** Builds one batch. */
export class BatchBuilder {
  count = 0;
  /** Bytes of all lines so far, newlines included. */
  size = 0;
  private bytes: Buffer;
  private copied = 0;
  private offsets: Uint32Array;
  private times: Float64Array;
  private levels: Uint16Array;
  private nanos: Uint32Array | undefined;
  private earliest = Number.POSITIVE_INFINITY;
  private latest = Number.NEGATIVE_INFINITY;
  private readonly limits: BatchLimits;
  private readonly writer: string;
  private readonly firstSequence: number;
  private readonly buffers: BufferPool;

  constructor(limits: BatchLimits, writer: string, firstSequence: number, capacity: Capacity, buffers: BufferPool) {
    this.limits = limits;
    this.writer = writer;
    this.firstSequence = firstSequence;
    this.buffers = buffers;
    this.bytes = buffers.take(capacity.bytes);
    this.offsets = new Uint32Array(capacity.records + 1);
    this.times = new Float64Array(capacity.records);
    this.levels = new Uint16Array(capacity.records);
  }

  /** Whether a line of this size (newline included) and time still belongs in. An empty batch takes any line. */
  fits(size: number, time: number): boolean {
    const { maxBytes, maxRecords, overheadBytes, maxSpanMs } = this.limits;
    if (this.count === 0) return true;
    if (this.count >= maxRecords) return false;
    if (this.size + size + (this.count + 1) * overheadBytes > maxBytes) return false;
    return maxSpanMs === Number.POSITIVE_INFINITY || this.spanWith(time) <= maxSpanMs;
  }

  /** Takes note of the next line. Its bytes follow with {@link copy}. */
  add(size: number, time: number, level: number): void {
    const at = this.count;
    if (at === this.levels.length) this.grow();
    this.times[at] = time;
    this.levels[at] = level;
    this.count = at + 1;
    this.size += size;
    this.offsets[at + 1] = this.size;
    if (time < this.earliest) this.earliest = time;
    if (time > this.latest) this.latest = time;
  }

  /** Notes the nanoseconds of the line added last. */
  addNanos(nanos: number): void {
    this.nanos ??= new Uint32Array(this.levels.length);
    this.nanos[this.count - 1] = nanos;
  }

  /** Copies the lines noted since the last copy: [start, end) of the source. */
  copy(source: Uint8Array, start: number, end: number): void {
    if (this.size > this.bytes.length) this.widen();
    this.bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.copied);
    this.copied = this.size;
  }

  /** The records [from, count) as they are now, for the journal. Shares the bytes. Valid until the next call. */
  since(from: number): Batch {
    if (from === 0) return this.view(this.bytes.subarray(0, this.size));
    const { count } = this;
    const start = this.offsets[from]!;
    const offsets = freshOffsets(count + 1 - from);
    for (let i = 0; i < offsets.length; i++) offsets[i] = this.offsets[from + i]! - start;
    return new Batch({
      writer: this.writer,
      firstSequence: this.firstSequence + from,
      bytes: this.bytes.subarray(start, this.size),
      offsets,
      times: this.times.subarray(from, count),
      ...(this.nanos && { nanos: this.nanos.subarray(from, count) }),
      levels: this.levels.subarray(from, count),
    });
  }

  /** The finished batch. The builder must not be used afterwards. */
  seal(): Batch {
    // A batch that waited with little in it would pin its whole buffer: keep what is used, give back the rest.
    if (this.size >= this.bytes.length / 2) return this.view(this.buffers.lend(this.bytes, this.size));
    const bytes = Buffer.from(this.bytes.subarray(0, this.size));
    this.buffers.give(this.bytes);
    return this.view(bytes);
  }

  private view(bytes: Buffer): Batch {
    const { count } = this;
    return new Batch({
      writer: this.writer,
      firstSequence: this.firstSequence,
      bytes,
      offsets: this.offsets.subarray(0, count + 1),
      times: this.times.subarray(0, count),
      ...(this.nanos && { nanos: this.nanos.subarray(0, count) }),
      levels: this.levels.subarray(0, count),
    });
  }

  private spanWith(time: number): number {
    return Math.max(this.latest, time) - Math.min(this.earliest, time);
  }

  private grow(): void {
    const capacity = this.levels.length * 4;
    this.offsets = enlarged(new Uint32Array(capacity + 1), this.offsets);
    this.times = enlarged(new Float64Array(capacity), this.times);
    this.levels = enlarged(new Uint16Array(capacity), this.levels);
    if (this.nanos) this.nanos = enlarged(new Uint32Array(capacity), this.nanos);
  }

  private widen(): void {
    const wider = this.buffers.take(Math.max(this.size, Math.min(this.bytes.length * 4, this.limits.maxBytes)));
    wider.set(this.bytes.subarray(0, this.copied));
    this.buffers.give(this.bytes);
    this.bytes = wider;
  }
}

let fresh = new Uint32Array(512);

/** Room for the offsets of fresh records, the same each time: a write of lines must not cost an allocation. */
function freshOffsets(length: number): Uint32Array {
  if (fresh.length < length) fresh = new Uint32Array(2 * length);
  return fresh.subarray(0, length);
}

function enlarged<T extends Uint32Array | Float64Array | Uint16Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
