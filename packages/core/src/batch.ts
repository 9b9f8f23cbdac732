// Records that travel together, as the logger's own bytes.
// Holds one contiguous NDJSON buffer and, beside it, typed arrays with where each line starts, its time and its level.
// Invariants: every line ends in exactly one newline; each record has a sequence number that its writer never gives
// twice, so a record keeps its id, and its bytes on the wire, through retries, splits, the spool and restarts.

export const NANOS_PER_MS = 1_000_000;

/** What is known of each record beside its bytes. */
export interface Columns {
  /** Where each record starts, and at last where the last one ends. */
  readonly offsets: Uint32Array;
  /** Milliseconds since the epoch: the record's own time, or its arrival where it has none. */
  readonly times: Float64Array;
  /** pino's numeric levels; 0 where a record has none. */
  readonly levels: Uint16Array;
}

/** What a batch is made of. */
export interface BatchParts extends Columns {
  /** Who numbered these records: a unique id of one pipeline in one process life, safe in headers and file names. */
  readonly writer: string;
  /** Sequence number of the first record. */
  readonly firstSequence: number;
  /** Sequence numbers of all records, ascending, where they have gaps; unset when they are consecutive. */
  readonly sequences?: Float64Array;
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
  /** Milliseconds since the epoch: the record's own time, or its arrival where it has none. */
  readonly times: Float64Array;
  /** Nanoseconds within that millisecond, where the records say so. */
  readonly nanos?: Uint32Array;
}

/** A sealed batch. Immutable. */
export class Batch implements BatchParts {
  readonly writer: string;
  readonly firstSequence: number;
  declare readonly sequences?: Float64Array;
  readonly bytes: Buffer;
  readonly offsets: Uint32Array;
  readonly times: Float64Array;
  declare readonly nanos?: Uint32Array;
  readonly levels: Uint16Array;

  constructor(parts: BatchParts) {
    this.writer = parts.writer;
    this.firstSequence = parts.firstSequence;
    if (parts.sequences) this.sequences = parts.sequences;
    this.bytes = parts.bytes;
    this.offsets = parts.offsets;
    this.times = parts.times;
    if (parts.nanos) this.nanos = parts.nanos;
    this.levels = parts.levels;
  }

  /** Number of records. */
  get count(): number {
    return this.levels.length;
  }

  /** Stable id: `<writer>-<first sequence>-<count>`, or with the last sequence too where there are gaps. */
  get id(): string {
    const { writer, firstSequence, count } = this;
    const gaps = this.sequences ? `-${this.sequences[count - 1]}` : '';
    return `${writer}-${firstSequence}-${count}${gaps}`;
  }

  /** The bytes of a line, without its newline, as a view. */
  line(index: number): Buffer {
    return this.bytes.subarray(this.offsets[index]!, this.offsets[index + 1]! - 1);
  }

  /** Parses a line. For transports and options that need single fields; costs about 1 µs. */
  fields(index: number): Record<string, unknown> {
    return JSON.parse(this.line(index).toString()) as Record<string, unknown>;
  }

  /** The number that the record's writer gave it. */
  sequence(index: number): number {
    return this.sequences ? this.sequences[index]! : this.firstSequence + index;
  }

  /** Stable id of a record: `<writer>-<sequence>`, the same after splits and replay. */
  recordId(index: number): string {
    return `${this.writer}-${this.sequence(index)}`;
  }

  /**
   * Nanoseconds within the record's millisecond: its own, or else one derived from its sequence number, which keeps
   * records of one millisecond apart and in order at destinations that order and deduplicate by time.
   */
  nanosecond(index: number): number {
    return this.nanos ? this.nanos[index]! : this.sequence(index) % NANOS_PER_MS;
  }

  /** The records [from, to) as a batch of their own that shares these bytes. */
  range(from: number, to: number): Batch {
    const start = this.offsets[from]!;
    return new Batch({
      writer: this.writer,
      firstSequence: this.sequence(from),
      ...(this.sequences && { sequences: this.sequences.subarray(from, to) }),
      bytes: this.bytes.subarray(start, this.offsets[to]!),
      offsets: this.offsets.slice(from, to + 1).map((offset) => offset - start),
      times: this.times.subarray(from, to),
      ...(this.nanos && { nanos: this.nanos.subarray(from, to) }),
      levels: this.levels.subarray(from, to),
    });
  }

  /** The records at the given indices, ascending and at least one, as a batch of their own. Copies their bytes. */
  pick(indices: readonly number[]): Batch {
    const offsets = new Uint32Array(indices.length + 1);
    let size = 0;
    indices.forEach((index, i) => {
      size += this.offsets[index + 1]! - this.offsets[index]!;
      offsets[i + 1] = size;
    });
    const bytes = Buffer.allocUnsafe(size);
    indices.forEach((index, i) => {
      this.bytes.copy(bytes, offsets[i]!, this.offsets[index]!, this.offsets[index + 1]!);
    });
    const { nanos } = this;
    return new Batch({
      writer: this.writer,
      firstSequence: this.sequence(indices[0]!),
      sequences: Float64Array.from(indices, (i) => this.sequence(i)),
      bytes,
      offsets,
      times: Float64Array.from(indices, (i) => this.times[i]!),
      ...(nanos && { nanos: Uint32Array.from(indices, (i) => nanos[i]!) }),
      levels: Uint16Array.from(indices, (i) => this.levels[i]!),
    });
  }
}
