// From lines to sealed batches: reads level and time, admits or drops by the queue's bound, fills the open batches.
// In: regions of whole lines. Out: sealed batches, and counts of what was dropped or rejected at the door.
// Invariants: bytes are copied once, in runs; a well-formed pino line costs no object; what leaves in a batch is valid
// UTF-8, one JSON object a line, each line ended by one newline.

import { isUtf8 } from 'node:buffer';
import type { Batch } from './batch.js';
import { BatchBuilder, type BatchLimits, type Capacity } from './batch-builder.js';
import type { BufferPool } from './buffer-pool.js';
import type { Lane } from './lane.js';
import type { Ledger } from './ledger.js';
import { GeneralReader, type LineKeys } from './lines/general.js';
import type { LineSink } from './lines/line-feed.js';
import { PrefixReader } from './lines/prefix.js';
import type { Runtime } from './runtime.js';

/** What the intake asks of the pipeline. */
export interface IntakePort {
  /** Bytes that may still come in. */
  room(): number;
  /** Tries to make room for a line by the queue's policy; false: drop the line. */
  makeRoom(size: number): boolean;
  /** A batch is complete. */
  sealed(batch: Batch, lane: Lane): void;
  /** The first record of a new batch came in: its linger starts. */
  opened(): void;
  /** A line was dropped because there is no room. */
  refused(bytes: number): void;
  /** A line can never be delivered. */
  rejected(reason: string, line: Buffer | undefined, bytes: number): void;
}

/** What the intake needs to know. */
export interface IntakeOptions {
  readonly writer: string;
  readonly limits: BatchLimits;
  readonly maxRecordBytes: number;
  readonly keys: LineKeys;
  /** Where the memory of batches comes from. */
  readonly buffers: BufferPool;
  /** Levels from which a record is of high priority and below which it is of low priority; unset: one lane for all. */
  readonly lanes?: { readonly highFrom: number; readonly lowBelow: number };
}

const FIRST_CAPACITY: Capacity = { bytes: 65_536, records: 256 };
const RETURN = 0x0d;
const SPACE = 0x20;

/** The open batch of one priority and the numbers of its records. */
class OpenLane {
  builder: BatchBuilder | undefined;
  sequence = 0;
  capacity: Capacity = FIRST_CAPACITY;
  /** Records of the open batch that the journal has. */
  journaled = 0;
  readonly lane: Lane;
  readonly writer: string;

  constructor(lane: Lane, writer: string) {
    this.lane = lane;
    this.writer = writer;
  }
}

/** Fills batches. */
export class Intake implements LineSink {
  private readonly high: OpenLane;
  private readonly normal: OpenLane;
  private readonly low: OpenLane;
  /** The most important first. */
  private readonly lanes: readonly OpenLane[];
  private run: OpenLane;
  private runStart = -1;
  private room = 0;
  private arrival = 0;
  private suspect = false;
  private readonly prefix = new PrefixReader();
  private readonly general: GeneralReader;
  private readonly options: IntakeOptions;
  private readonly port: IntakePort;
  private readonly ledger: Ledger;
  private readonly runtime: Runtime;

  constructor(options: IntakeOptions, port: IntakePort, ledger: Ledger, runtime: Runtime) {
    this.options = options;
    this.port = port;
    this.ledger = ledger;
    this.runtime = runtime;
    this.general = new GeneralReader(options.keys);
    this.high = new OpenLane('high', `${options.writer}h`);
    this.normal = new OpenLane('normal', `${options.writer}n`);
    this.low = new OpenLane('low', `${options.writer}l`);
    this.lanes = [this.high, this.normal, this.low];
    this.run = this.normal;
  }

  /** Records in the open batches. */
  get records(): number {
    return this.lanes.reduce((sum, { builder }) => sum + (builder?.count ?? 0), 0);
  }
  /** Bytes in the open batches. */
  get bytes(): number {
    return (this.high.builder?.size ?? 0) + (this.normal.builder?.size ?? 0) + (this.low.builder?.size ?? 0);
  }

  lines(bytes: Buffer, end: number, trusted: boolean): void {
    this.room = this.port.room();
    this.arrival = this.runtime.now();
    this.suspect = !trusted && !isUtf8(bytes.subarray(0, end));
    this.runStart = -1;
    for (let at = 0; at < end; ) {
      const newline = bytes.indexOf(0x0a, at);
      this.line(bytes, at, newline);
      at = newline + 1;
    }
    this.endRun(bytes, end);
  }

  oversize(bytes: number): void {
    this.ledger.accept(1, bytes + 1);
    this.port.rejected('recordTooLarge', undefined, bytes + 1);
  }

  /** Seals the open batches, the most important first. */
  seal(): void {
    for (const lane of this.lanes) this.sealLane(lane);
  }

  /** Hands the records that came in since the last call, one batch a lane, to the journal. */
  journal(write: (fresh: Batch, lane: Lane) => void): void {
    for (const open of this.lanes) {
      if (!open.builder || open.journaled === open.builder.count) continue;
      write(open.builder.since(open.journaled), open.lane);
      open.journaled = open.builder.count;
    }
  }

  private line(bytes: Buffer, start: number, newline: number): void {
    const { prefix } = this;
    const size = newline + 1 - start;
    if (!this.suspect && size <= this.options.maxRecordBytes && prefix.read(bytes, start, newline)) {
      const lane = this.laneOf(prefix.level);
      if (lane !== this.run) this.endRun(bytes, start);
      this.run = lane;
      if (this.admit(bytes, start, size, prefix.time, prefix.level) && this.runStart < 0) this.runStart = start;
    } else {
      this.endRun(bytes, start);
      this.unusual(bytes.subarray(start, newline));
    }
  }

  /** A line without pino's prefix: read with care, mended where it would spoil a batch. */
  private unusual(raw: Buffer): void {
    const line = trimmed(this.suspect && !isUtf8(raw) ? Buffer.from(raw.toString()) : raw);
    if (line.length === 0) return;
    if (line.length >= this.options.maxRecordBytes) {
      this.ledger.accept(1, line.length + 1);
      this.port.rejected('recordTooLarge', line, line.length + 1);
      return;
    }
    const { general } = this;
    if (general.read(line, 0, line.length)) {
      this.own(line, general.time || this.arrival, general.level, general.nanos);
    } else {
      this.own(this.wrapped(line), this.arrival, 30, 0);
    }
  }

  /** Admits one line that is not part of a run. */
  private own(line: Buffer, time: number, level: number, nanos: number): void {
    const whole = Buffer.allocUnsafe(line.length + 1);
    whole.set(line);
    whole[line.length] = 0x0a;
    this.run = this.laneOf(level);
    if (!this.admit(whole, 0, whole.length, time, level)) return;
    const builder = this.run.builder!;
    if (nanos > 0) builder.addNanos(nanos);
    builder.copy(whole, 0, whole.length);
  }

  /** Counts a line in, if there is room, in the open batch of the current lane. Its bytes are copied with its run. */
  private admit(bytes: Buffer, start: number, size: number, time: number, level: number): boolean {
    this.ledger.accept(1, size);
    if (size > this.room) {
      this.endRun(bytes, start);
      if (!this.port.makeRoom(size)) {
        this.port.refused(size);
        return false;
      }
      this.room = this.port.room();
    }
    this.room -= size;
    const { run } = this;
    if (run.builder && !run.builder.fits(size, time)) {
      this.endRun(bytes, start);
      this.sealLane(run);
    }
    const builder = run.builder ?? this.start(run);
    builder.add(size, time, level);
    run.sequence++;
    return true;
  }

  private start(open: OpenLane): BatchBuilder {
    const { limits, buffers } = this.options;
    open.builder = new BatchBuilder(limits, open.writer, open.sequence, open.capacity, buffers);
    open.journaled = 0;
    this.port.opened();
    return open.builder;
  }

  private sealLane(open: OpenLane): void {
    const { builder } = open;
    if (!builder) return;
    open.builder = undefined;
    // The next batch starts as large as this one grew: a trickle stays small, a burst never has to grow.
    const { bytes, records } = FIRST_CAPACITY;
    const { maxBytes, maxRecords } = this.options.limits;
    open.capacity = {
      bytes: Math.max(bytes, builder.size > maxBytes / 2 ? maxBytes : builder.size),
      records: Math.max(records, Math.min(builder.count + (builder.count >> 3), maxRecords)),
    };
    this.port.sealed(builder.seal(), open.lane);
  }

  private laneOf(level: number): OpenLane {
    const { lanes } = this.options;
    if (!lanes || level === 0) return this.normal;
    return level >= lanes.highFrom ? this.high : level < lanes.lowBelow ? this.low : this.normal;
  }

  /** Copies the lines noted since the run began. */
  private endRun(bytes: Buffer, end: number): void {
    if (this.runStart >= 0) this.run.builder!.copy(bytes, this.runStart, end);
    this.runStart = -1;
  }

  private wrapped(line: Buffer): Buffer {
    return Buffer.from(`{"level":30,"time":${this.arrival},"msg":${JSON.stringify(line.toString())}}`);
  }
}

function trimmed(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && (line[end - 1] === RETURN || line[end - 1] === SPACE)) end--;
  let start = 0;
  while (start < end && line[start] === SPACE) start++;
  return line.subarray(start, end);
}
