// The open batch: lines are copied in, in runs, until it is sealed.
// In: runs of lines with their columns. Out: an immutable Batch.
// Invariant: never exceeds the limits it was made with, but for a single record that alone is larger than `maxBytes`
// (the encoder has the last word on that one).

import { Batch, type Columns, NANOS_PER_MS } from './batch.js';
import type { BufferPool } from './buffer-pool.js';
import type { LineColumns } from './lines/columns.js';

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
export class BatchBuilder implements Columns {
  count = 0;
  /** Bytes of all lines so far, newlines included. */
  size = 0;
  private bytes: Buffer;
  offsets: Uint32Array;
  times: Float64Array;
  levels: Uint16Array;
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

  /** Copies as many of the lines [from, to) as still belong in; an empty batch takes any line. Returns how many. */
  append(lines: LineColumns, source: Buffer, from: number, to: number): number {
    const taken = this.fitting(lines, from, to);
    if (taken === 0) return 0;
    const { count, size } = this;
    this.count += taken;
    this.size += lines.bytes(from, from + taken);
    if (this.count > this.levels.length) this.grow();
    if (this.size > this.bytes.length) this.widen(size);
    this.bytes.set(source.subarray(lines.offsets[from], lines.offsets[from + taken]), size);
    lines.copy(from, from + taken, this, count, size);
    if (this.nanos) this.deriveNanos(this.nanos, count);
    return taken;
  }

  /** Notes the nanoseconds of the line added last. */
  addNanos(nanos: number): void {
    if (!this.nanos) {
      this.nanos = new Uint32Array(this.levels.length);
      this.deriveNanos(this.nanos, 0);
    }
    this.nanos[this.count - 1] = nanos;
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

  /** How many of the lines [from, to) still belong in. */
  private fitting(lines: LineColumns, from: number, to: number): number {
    const { maxBytes, maxRecords, overheadBytes } = this.limits;
    const last = Math.min(to, from + maxRecords - this.count);
    const fit = lines.within(maxBytes - this.size - this.count * overheadBytes, overheadBytes, from, last);
    return this.withinSpan(lines, from, this.count === 0 ? Math.max(fit, 1) : fit);
  }

  /** How many of the next `fit` lines are close enough in time. The first line of a batch always is. */
  private withinSpan(lines: LineColumns, from: number, fit: number): number {
    const { maxSpanMs } = this.limits;
    if (maxSpanMs === Number.POSITIVE_INFINITY) return fit;
    for (let i = 0; i < fit; i++) {
      const time = lines.times[from + i]!;
      const earliest = Math.min(this.earliest, time);
      const latest = Math.max(this.latest, time);
      if (latest - earliest > maxSpanMs) return i;
      this.earliest = earliest;
      this.latest = latest;
    }
    return fit;
  }

  /** What the records from `from` on have beside such as say it themselves: what {@link Batch.nanosecond} gives elsewhere. */
  private deriveNanos(nanos: Uint32Array, from: number): void {
    for (let i = from; i < this.count; i++) nanos[i] = (this.firstSequence + i) % NANOS_PER_MS;
  }

  private grow(): void {
    const capacity = Math.max(this.count, this.levels.length * 4);
    this.offsets = enlarged(new Uint32Array(capacity + 1), this.offsets);
    this.times = enlarged(new Float64Array(capacity), this.times);
    this.levels = enlarged(new Uint16Array(capacity), this.levels);
    if (this.nanos) this.nanos = enlarged(new Uint32Array(capacity), this.nanos);
  }

  /** Moves the first `used` bytes to where there is room for all. */
  private widen(used: number): void {
    const wider = this.buffers.take(Math.max(this.size, Math.min(this.bytes.length * 2, this.limits.maxBytes)));
    wider.set(this.bytes.subarray(0, used));
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
