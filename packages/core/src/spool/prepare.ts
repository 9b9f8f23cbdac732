// A batch on its way into a segment: columns and bytes, compressed where that is asked for, with the numbers of its
// header. Does not know where it will be written.

import type { Batch } from '../batch.js';
import { encodeColumns } from './columns.js';
import { codecs, compress } from './compression.js';
import type { Steps } from './file-system.js';
import { type FrameType, maxFrameRecords, maxPayloadBytes } from './frame.js';
import { discard } from './waste.js';

/** A frame before it has a place. */
export interface PreparedFrame {
  readonly type: FrameType;
  readonly codec: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly recordCount: number;
  readonly rawLength: number;
  readonly lineBytes: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly maxLevel: number;
  /** The payload. */
  readonly chunks: readonly Buffer[];
}

/** Room that a frame needs beside the bytes of its batch, at most. */
const margin = 2 ** 20;

/** Whether a batch can be written as one frame. */
export function fits(batch: Batch): boolean {
  if (batch.count === 0 || batch.count > maxFrameRecords) return false;
  return batch.bytes.length + 48 * batch.count + margin < maxPayloadBytes;
}

/** A batch to be written before anything else happens: its columns are not copied. */
export function prepareNow(batch: Batch, type: FrameType): PreparedFrame {
  return frameOf(batch, type, codecs.none, [encodeColumns(batch), batch.bytes]);
}

/**
 * Memory in which payloads are put together to be compressed and in which stored ones come to lie, one after the other.
 * Grows to the largest so far. For protocols in the background, of which one is under way at a time.
 */
export class Workbench {
  #bytes = Buffer.allocUnsafe(0);

  /** So many bytes with any content, valid until the next call. */
  room(size: number): Buffer {
    if (size > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(size + (size >> 3));
    return this.#bytes.subarray(0, size);
  }

  /** Both as one, valid until the next call. */
  join(head: Buffer, tail: Buffer): Buffer {
    const both = this.room(head.length + tail.length);
    head.copy(both);
    tail.copy(both, head.length);
    return both;
  }
}

/** A batch to be written when its turn comes. */
export function* prepare(
  batch: Batch,
  type: FrameType,
  codec: number,
  bench: Workbench = new Workbench(),
): Steps<PreparedFrame> {
  const columns = encodeColumns(batch);
  if (codec === codecs.none) return frameOf(batch, type, codec, [Buffer.from(columns), batch.bytes]);
  const raw = bench.join(columns, batch.bytes);
  const pieces = yield* compress(codec, raw);
  const stored = pieces.reduce((sum, { length }) => sum + length, 0);
  // Bytes that do not shrink are kept as they are.
  if (stored >= raw.length) return frameOf(batch, type, codecs.none, [Buffer.from(raw)]);
  return { ...frameOf(batch, type, codec, pieces), rawLength: raw.length };
}

/** Lets go of the memory of a frame that has been written, or will never be. */
export function forget({ codec, chunks }: PreparedFrame): void {
  // Without compression they are somebody else's bytes.
  if (codec !== codecs.none) for (const chunk of chunks) discard(chunk);
}

function frameOf(batch: Batch, type: FrameType, codec: number, chunks: readonly Buffer[]): PreparedFrame {
  const { count, times, levels } = batch;
  let minTime = times[0]!;
  let maxTime = minTime;
  let maxLevel = 0;
  for (let i = 0; i < count; i++) {
    const time = times[i]!;
    const level = levels[i]!;
    if (time < minTime) minTime = time;
    else if (time > maxTime) maxTime = time;
    if (level > maxLevel) maxLevel = level;
  }
  let rawLength = 0;
  for (const chunk of chunks) rawLength += chunk.length;
  return {
    type,
    codec,
    firstSequence: batch.firstSequence,
    lastSequence: batch.sequence(count - 1),
    recordCount: count,
    rawLength,
    lineBytes: batch.bytes.length,
    minTime,
    maxTime,
    maxLevel,
    chunks,
  };
}
