// From a unit back to its batch: read the stored bytes, check, decrypt, decompress, decode, and join the pieces.
// What does not check out is left out and counted; what is returned is what was written.

import { crc32 } from 'node:zlib';
import { Batch } from '../batch.js';
import { decodePayload } from './columns.js';
import { decompress, supports } from './compression.js';
import type { SegmentCipher } from './encryption.js';
import { type BadBlocks, readUpTo, type Steps } from './file-system.js';
import { encryptedFlag, type FrameHeader, frameHeaderBytes } from './frame.js';
import type { Part, Unit } from './segment.js';
import { type Tally, tally } from './tally.js';

export interface ReadResult {
  /** Unset where nothing of the unit could be read. */
  readonly batch: Batch | undefined;
  readonly lost: Tally;
  readonly corruptBytes: number;
  /** The codec is unknown to this Node: try elsewhere, nothing is lost. */
  readonly unsupported: boolean;
}

export interface ReadOptions {
  readonly cipher: SegmentCipher | undefined;
  readonly bad: BadBlocks;
}

/** Reads a unit through a descriptor of its segment. Throws only when the disk fails in a way that may pass. */
export function* readUnit(fd: number, unit: Unit, { cipher, bad }: ReadOptions): Steps<ReadResult> {
  const read: Batch[] = [];
  const lost = tally();
  let corruptBytes = 0;
  for (const part of unit.parts) {
    if (!supports(part.header.codec)) return { batch: undefined, lost: tally(), corruptBytes: 0, unsupported: true };
    const batch = yield* readFrame(fd, part, { cipher, bad });
    if (batch) {
      read.push(batch);
    } else {
      lost.records += part.header.recordCount;
      lost.bytes += part.header.lineBytes;
      corruptBytes += part.header.storedLength;
    }
  }
  return { batch: read.length > 0 ? join(read) : undefined, lost, corruptBytes, unsupported: false };
}

function* readFrame(fd: number, part: Part, { cipher, bad }: ReadOptions): Steps<Batch | undefined> {
  const { header, offset } = part;
  const bytes = yield* readUpTo(fd, frameHeaderBytes + header.storedLength, offset, bad);
  const stored = bytes.subarray(frameHeaderBytes);
  if (stored.length !== header.storedLength || crc32(stored) !== header.payloadCrc) return undefined;
  const compressed = header.flags & encryptedFlag ? cipher?.decrypt(bytes, header.frameIndex, stored) : stored;
  if (!compressed) return undefined;
  const payload = yield* decompress(header.codec, compressed, header.rawLength);
  return payload && believable(payload, header);
}

function believable(payload: Buffer, header: FrameHeader): Batch | undefined {
  const batch = decodePayload(payload, header.firstSequence, header.recordCount);
  return batch && batch.sequence(batch.count - 1) === header.lastSequence ? batch : undefined;
}

/** Several batches of one writer, ascending, as one. */
export function join(batches: readonly Batch[]): Batch {
  const first = batches[0]!;
  if (batches.length === 1) return first;
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const consecutive = batches.every(
    (batch, i) => !batch.sequences && (i === 0 || batch.firstSequence === after(batches[i - 1]!)),
  );
  const offsets = new Uint32Array(count + 1);
  const times = new Float64Array(count);
  const levels = new Uint16Array(count);
  const nanos = batches.some((batch) => batch.nanos) ? new Uint32Array(count) : undefined;
  const sequences = consecutive ? undefined : new Float64Array(count);
  let at = 0;
  let size = 0;
  for (const batch of batches) {
    for (let i = 1; i <= batch.count; i++) offsets[at + i] = size + batch.offsets[i]!;
    times.set(batch.times, at);
    levels.set(batch.levels, at);
    if (nanos) for (let i = 0; i < batch.count; i++) nanos[at + i] = batch.nanosecond(i);
    if (sequences) for (let i = 0; i < batch.count; i++) sequences[at + i] = batch.sequence(i);
    at += batch.count;
    size += batch.bytes.length;
  }
  return new Batch({
    writer: first.writer,
    firstSequence: first.firstSequence,
    bytes: Buffer.concat(
      batches.map(({ bytes }) => bytes),
      size,
    ),
    offsets,
    times,
    levels,
    ...(nanos && { nanos }),
    ...(sequences && { sequences }),
  });
}

function after(batch: Batch): number {
  return batch.sequence(batch.count - 1) + 1;
}
