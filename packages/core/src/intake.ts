// From lines to sealed batches: reads level and time, admits or drops by the queue's bound, fills the open batches.
// In: regions of whole lines. Out: sealed batches, and counts of what was dropped or rejected at the door.
// Invariants: bytes are copied once, in runs; a well-formed pino line costs no object and, but for the scan, no call;
// what leaves in a batch is valid UTF-8, one JSON object a line, each line ended by one newline.

import { isUtf8 } from 'node:buffer';
import type { Batch } from './batch.js';
import { BatchBuilder, type BatchLimits, type Capacity } from './batch-builder.js';
import type { BufferPool } from './buffer-pool.js';
import type { Lane } from './lane.js';
import type { Ledger } from './ledger.js';
import { LineColumns } from './lines/columns.js';
import { GeneralReader, type LineKeys } from './lines/general.js';
import type { LineSink } from './lines/line-feed.js';
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
  rejected(reason: string, bytes: number): void;
}

/** What the intake needs to know. */
export interface IntakeOptions {
  readonly writer: string;
  readonly limits: BatchLimits;
  /** Longest line, without its newline. */
  readonly maxRecordBytes: number;
  readonly keys: LineKeys;
  /** Where the memory of batches comes from. */
  readonly buffers: BufferPool;
  /** Levels from which a record is of high priority and below which it is of low priority; unset: one lane for all. */
  readonly lanes?: { readonly highFrom: number; readonly lowBelow: number };
  /** Lanes whose records {@link Intake.journal} hands out. */
  readonly journaled: readonly Lane[];
}

const FIRST_CAPACITY: Capacity = { bytes: 65_536, records: 256 };
const NEWLINE = 0x0a;
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
  /** The lanes whose records are journaled, in the same order. */
  private readonly journaled: readonly OpenLane[];
  private room = 0;
  private arrival = 0;
  private readonly columns = new LineColumns();
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
    this.journaled = this.lanes.filter(({ lane }) => options.journaled.includes(lane));
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
    const { columns, options } = this;
    this.room = this.port.room();
    this.arrival = this.runtime.now();
    const suspect = !trusted && !isUtf8(bytes.subarray(0, end));
    for (let at = 0; at < end; ) {
      if (!suspect) {
        at = columns.scan(bytes, at, end, options.maxRecordBytes);
        this.admitScanned(bytes);
        if (at === end || columns.full) continue;
      }
      const newline = bytes.indexOf(NEWLINE, at);
      this.unusual(bytes.subarray(at, newline), suspect);
      at = newline + 1;
    }
  }

  oversize(bytes: number): void {
    this.ledger.accept(1, bytes + 1);
    this.port.rejected('recordTooLarge', bytes + 1);
  }

  /** Seals the open batches, the most important first. */
  seal(): void {
    for (const lane of this.lanes) this.sealLane(lane);
  }

  /** Hands the journaled records that came in since the last call, one batch a lane, to the journal. */
  journal(write: (fresh: Batch, lane: Lane) => void): void {
    for (const open of this.journaled) {
      if (!open.builder || open.journaled === open.builder.count) continue;
      write(open.builder.since(open.journaled), open.lane);
      open.journaled = open.builder.count;
    }
  }

  /** A line without pino's prefix: read with care, mended where it would spoil a batch. */
  private unusual(raw: Buffer, suspect: boolean): void {
    const line = trimmed(suspect && !isUtf8(raw) ? Buffer.from(raw.toString()) : raw);
    const { general } = this;
    // As it came, too: what comes in pieces is measured before anything is trimmed.
    const longest = Math.max(raw.length, line.length);
    if (longest > this.options.maxRecordBytes) {
      this.oversize(longest);
    } else if (line.length === 0) {
      return;
    } else if (general.read(line, 0, line.length)) {
      this.own(line, general.time || this.arrival, general.level, general.nanos);
    } else {
      this.wrapped(line);
    }
  }

  /** Admits text that is no JSON object as the message of one, which may be several times as large. */
  private wrapped(text: Buffer): void {
    const line = Buffer.from(`{"level":30,"time":${this.arrival},"msg":${JSON.stringify(text.toString())}}`);
    if (line.length > this.options.maxRecordBytes) this.oversize(line.length);
    else this.own(line, this.arrival, 30, 0);
  }

  /** Admits one line by itself. */
  private own(line: Buffer, time: number, level: number, nanos: number): void {
    const whole = Buffer.allocUnsafe(line.length + 1);
    whole.set(line);
    whole[line.length] = NEWLINE;
    this.columns.single(whole.length, time, level);
    const open = this.laneOf(level);
    if (this.admit(open, whole, 0, 1) && nanos > 0) open.builder!.addNanos(nanos);
  }

  /** Admits what was scanned, in runs of one lane. */
  private admitScanned(bytes: Buffer): void {
    const { count, levels } = this.columns;
    for (let from = 0; from < count; ) {
      const open = this.laneOf(levels[from]!);
      const to = this.laneEnd(open, from);
      this.admit(open, bytes, from, to);
      from = to;
    }
  }

  /** Where the run of scanned lines ends that belong to a lane. */
  private laneEnd(open: OpenLane, from: number): number {
    const { count, levels } = this.columns;
    let to = from + 1;
    while (to < count && this.laneOf(levels[to]!) === open) to++;
    return to;
  }

  /**
   * Counts the scanned lines [from, to) in and copies those for which there is room into the open batch of a lane.
   * @returns whether the last of them was taken
   */
  private admit(open: OpenLane, bytes: Buffer, from: number, to: number): boolean {
    const { columns } = this;
    let taken = 0;
    for (let at = from; at < to; at += taken) {
      taken = this.fill(open, bytes, at, at + columns.within(this.room, 0, at, to));
      if (taken > 0) continue;
      const size = columns.bytes(at, at + 1);
      if (this.port.makeRoom(size)) {
        this.room = this.port.room();
      } else {
        this.ledger.accept(1, size);
        this.port.refused(size);
        at++;
      }
    }
    return taken > 0;
  }

  /** Copies scanned lines for which there is room into the open batch, or a new one if none of them fits in that. */
  private fill(open: OpenLane, bytes: Buffer, from: number, to: number): number {
    if (from === to) return 0;
    let taken = open.builder?.append(this.columns, bytes, from, to) ?? 0;
    if (taken === 0) {
      this.sealLane(open);
      taken = this.start(open).append(this.columns, bytes, from, to);
    }
    const size = this.columns.bytes(from, from + taken);
    // Not before: what is sealed to make way is heard of outside, where the counts have to add up.
    this.ledger.accept(taken, size);
    open.sequence += taken;
    this.room -= size;
    return taken;
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
    const { maxRecords } = this.options.limits;
    open.capacity = {
      bytes: Math.max(bytes, builder.size),
      records: Math.max(records, Math.min(builder.count + (builder.count >> 3), maxRecords)),
    };
    this.port.sealed(builder.seal(), open.lane);
  }

  private laneOf(level: number): OpenLane {
    const { lanes } = this.options;
    if (!lanes || level === 0) return this.normal;
    return level >= lanes.highFrom ? this.high : level < lanes.lowBelow ? this.low : this.normal;
  }
}

function trimmed(line: Buffer): Buffer {
  let end = line.length;
  while (end > 0 && (line[end - 1] === RETURN || line[end - 1] === SPACE)) end--;
  let start = 0;
  while (start < end && line[start] === SPACE) start++;
  return line.subarray(start, end);
}
