// A batch as the raw payload of a frame, and back: a compact block of columns, then the NDJSON bytes as they are.
// What comes out is byte for byte and column for column what went in, without scanning the lines again.
//
//   u32 length of the block behind this number | block | NDJSON
//   block: flags (b0 nanos, b1 sequences, b2 plain times) · writer (length, UTF-8) · line lengths with their newline ·
//          levels · times · nanos? · sequences?      all numbers are varints
//   times: the first, then folded differences, in whole ms; or, flagged, 8-byte little-endian doubles
//   sequences: differences, the first to the frame's first sequence

import { Batch, type BatchParts } from '../batch.js';
import { maxFrameRecords } from './frame.js';
import { fold, maxVarintBytes, unfold, VarintReader, writeVarint } from './varint.js';

const hasNanos = 1;
const hasSequences = 2;
const plainTimes = 4;
const newline = 10;

let scratch = Buffer.allocUnsafe(64 * 1024);

/** The block of a batch with its length in front, valid until the next call: what has to last must be copied. */
export function encodeColumns(batch: Batch): Buffer {
  const { count, offsets, levels, nanos, sequences } = batch;
  const writerBytes = Buffer.byteLength(batch.writer);
  const most = 16 + writerBytes + count * (4 * maxVarintBytes + 8);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most + (most >> 1));
  const target = scratch;
  let at = writeVarint(target, 5, writerBytes);
  at += target.write(batch.writer, at);
  at = writeLines(target, at, offsets, levels);
  const behindTimes = writeWhole(target, at, batch.times);
  at = behindTimes ?? writePlain(target, at, batch.times);
  target[4] = (nanos ? hasNanos : 0) | (sequences ? hasSequences : 0) | (behindTimes === undefined ? plainTimes : 0);
  if (nanos) for (let i = 0; i < count; i++) at = writeVarint(target, at, nanos[i]!);
  if (sequences) at = writeAscending(target, at, sequences, batch.firstSequence);
  target.writeUInt32LE(at - 4, 0);
  return target.subarray(0, at);
}

function writeLines(target: Buffer, start: number, offsets: Uint32Array, levels: Uint16Array): number {
  let at = start;
  for (let i = 0; i < levels.length; i++) at = writeVarint(target, at, offsets[i + 1]! - offsets[i]!);
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    if (level < 0x80) target[at++] = level;
    else at = writeVarint(target, at, level);
  }
  return at;
}

// Differences of whole times up to 2^51 stay exact when folded.
const maxWholeTime = 2 ** 51;

/** Times as differences; undefined, with nothing of use written, where one is not a whole number or out of range. */
function writeWhole(target: Buffer, start: number, times: Float64Array): number | undefined {
  let at = start;
  let previous = 0;
  for (let i = 0; i < times.length; i++) {
    const time = times[i]!;
    const difference = time - previous;
    // Nearly all: a little later than the one before. A whole difference to a whole number is exact.
    if (time > 0 && difference >= 0 && difference < 64 && Math.floor(difference) === difference) {
      target[at++] = 2 * difference;
    } else if (isWhole(time)) {
      at = writeVarint(target, at, fold(difference));
    } else {
      return undefined;
    }
    previous = time;
  }
  return at;
}

function isWhole(time: number): boolean {
  return time >= 0 && time < maxWholeTime && Math.floor(time) === time && !Object.is(time, -0);
}

function writePlain(target: Buffer, start: number, times: Float64Array): number {
  let at = start;
  for (const time of times) at = target.writeDoubleLE(time, at);
  return at;
}

function writeAscending(target: Buffer, start: number, sequences: Float64Array, first: number): number {
  let at = start;
  let previous = first;
  for (const sequence of sequences) {
    at = writeVarint(target, at, sequence - previous);
    previous = sequence;
  }
  return at;
}

/** Reads a payload back; undefined if it contradicts itself, whatever its checksum says. */
export function decodePayload(payload: Buffer, firstSequence: number, count: number): Batch | undefined {
  if (payload.length < 4) return undefined;
  const end = 4 + payload.readUInt32LE(0);
  // Each record takes three bytes of the block at least, so that a wrong count cannot make us allocate at will.
  if (end > payload.length || count < 1 || count > maxFrameRecords || count * 3 > end) return undefined;
  const block = payload.subarray(0, end);
  const bytes = payload.subarray(end);
  const flags = block[4]!;
  const reader = new VarintReader(block, 5);
  const writerLength = reader.next();
  const writer = block.toString('utf8', reader.offset, reader.offset + writerLength);
  reader.offset += writerLength;
  const offsets = readOffsets(reader, bytes, count);
  if (!offsets) return undefined;
  const levels = new Uint16Array(count);
  for (let i = 0; i < count; i++) levels[i] = reader.next();
  const times = flags & plainTimes ? readPlain(reader, block, count) : readTimes(reader, count);
  if (!times) return undefined;
  const nanos = flags & hasNanos ? readNanos(reader, count) : undefined;
  const sequences = flags & hasSequences ? readAscending(reader, count, firstSequence) : undefined;
  if (reader.failed || reader.offset !== end) return undefined;
  const parts: BatchParts = { writer, firstSequence, bytes, offsets, times, levels };
  return new Batch({ ...parts, ...(nanos && { nanos }), ...(sequences && { sequences }) });
}

function readOffsets(reader: VarintReader, bytes: Buffer, count: number): Uint32Array | undefined {
  const offsets = new Uint32Array(count + 1);
  let offset = 0;
  for (let i = 1; i <= count; i++) {
    offset += reader.next();
    if (offset > bytes.length || bytes[offset - 1] !== newline) return undefined;
    offsets[i] = offset;
  }
  return offset === bytes.length ? offsets : undefined;
}

function readTimes(reader: VarintReader, count: number): Float64Array {
  const times = new Float64Array(count);
  let time = 0;
  for (let i = 0; i < count; i++) {
    time += unfold(reader.next());
    times[i] = time;
  }
  return times;
}

function readPlain(reader: VarintReader, block: Buffer, count: number): Float64Array | undefined {
  if (reader.offset + 8 * count > block.length) return undefined;
  const times = new Float64Array(count);
  for (let i = 0; i < count; i++) times[i] = block.readDoubleLE(reader.offset + 8 * i);
  reader.offset += 8 * count;
  return times;
}

function readNanos(reader: VarintReader, count: number): Uint32Array {
  const nanos = new Uint32Array(count);
  for (let i = 0; i < count; i++) nanos[i] = reader.next();
  return nanos;
}

function readAscending(reader: VarintReader, count: number, first: number): Float64Array {
  const sequences = new Float64Array(count);
  let sequence = first;
  for (let i = 0; i < count; i++) {
    sequence += reader.next();
    sequences[i] = sequence;
  }
  return sequences;
}
