// From a unit back to its batch: read the stored bytes, check, decrypt, decompress, decode, and put the pieces together.
// What does not check out is left out and counted; what is returned is what was written.
// Everything on the way to the lines is in memory that is used again or let go of at once; the lines of a unit come to lie
// side by side in memory of the caller's choice.

import { crc32 } from 'node:zlib';
import { Batch } from '../batch.js';
import { decodePayload } from './columns.js';
import { decompress, supports } from './compression.js';
import type { SegmentCipher } from './encryption.js';
import { type BadBlocks, readUpTo, type Steps } from './file-system.js';
import { encryptedFlag, type FrameHeader, frameHeaderBytes } from './frame.js';
import { Workbench } from './prepare.js';
import type { Part, Unit } from './segment.js';
import { type Tally, tally } from './tally.js';
import { discard } from './waste.js';

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
  /** Where stored bytes come to lie for the moment. */
  readonly bench?: Workbench;
  /** Where lines come to lie to stay. */
  readonly buffers?: { borrow(bytes: number): Buffer };
}

/** Reads a unit through a descriptor of its segment. Throws only when the disk fails in a way that may pass. */
export function* readUnit(fd: number, unit: Unit, options: ReadOptions): Steps<ReadResult> {
  const { cipher, bad, bench = new Workbench(), buffers } = options;
  const lost = tally();
  let corruptBytes = 0;
  if (!unit.parts.every(({ header }) => supports(header.codec))) {
    return { batch: undefined, lost, corruptBytes, unsupported: true };
  }
  const lines = new Lines(unit.parts, buffers);
  const read: Batch[] = [];
  for (const part of unit.parts) {
    const batch = yield* readFrame(fd, part, { cipher, bad, bench, lines });
    if (batch) {
      read.push(batch);
    } else {
      lost.records += part.header.recordCount;
      lost.bytes += part.header.lineBytes;
      corruptBytes += part.header.storedLength;
    }
  }
  return { batch: read.length > 0 ? join(read, lines.all) : undefined, lost, corruptBytes, unsupported: false };
}

/** The lines of a unit, one frame's behind the other's. */
class Lines {
  readonly #room: Buffer;
  #end = 0;

  constructor(parts: readonly Part[], buffers: ReadOptions['buffers']) {
    const bytes = parts.reduce((sum, { header }) => sum + (plausible(header) ? header.lineBytes : 0), 0);
    this.#room = buffers?.borrow(bytes) ?? Buffer.allocUnsafeSlow(bytes);
  }

  /** Copies the lines of one frame. */
  add(bytes: Buffer): Buffer {
    const start = this.#end;
    this.#end += bytes.copy(this.#room, start);
    return this.#room.subarray(start, this.#end);
  }

  /** The very memory that was borrowed, where nothing is missing. */
  get all(): Buffer {
    return this.#end === this.#room.length ? this.#room : this.#room.subarray(0, this.#end);
  }
}

/** Lines are a part of the payload, whatever a header says. */
function plausible({ lineBytes, rawLength }: FrameHeader): boolean {
  return lineBytes <= rawLength;
}

interface FrameOptions {
  readonly cipher: SegmentCipher | undefined;
  readonly bad: BadBlocks;
  readonly bench: Workbench;
  readonly lines: Lines;
}

function* readFrame(fd: number, part: Part, { cipher, bad, bench, lines }: FrameOptions): Steps<Batch | undefined> {
  const { header, offset } = part;
  if (!plausible(header)) return undefined;
  const size = frameHeaderBytes + header.storedLength;
  const bytes = yield* readUpTo(fd, size, offset, bad, bench.room(size));
  const stored = bytes.subarray(frameHeaderBytes);
  if (stored.length !== header.storedLength || crc32(stored) !== header.payloadCrc) return undefined;
  const encrypted = (header.flags & encryptedFlag) !== 0;
  const compressed = encrypted ? cipher?.decrypt(bytes, header.frameIndex, stored) : stored;
  if (!compressed) return undefined;
  const payload = yield* decompress(header.codec, compressed, header.rawLength);
  const batch = payload && believable(payload, header);
  const kept = batch && new Batch({ ...batch, bytes: lines.add(batch.bytes) });
  if (payload && payload !== compressed) discard(payload);
  if (encrypted) discard(compressed);
  return kept;
}

function believable(payload: Buffer, header: FrameHeader): Batch | undefined {
  const batch = decodePayload(payload, header.firstSequence, header.recordCount);
  if (batch?.bytes.length !== header.lineBytes) return undefined;
  return batch.sequence(batch.count - 1) === header.lastSequence ? batch : undefined;
}

/** Several batches of one writer, ascending, as one; `bytes` are their lines. */
function join(batches: readonly Batch[], bytes: Buffer): Batch {
  const first = batches[0]!;
  if (batches.length === 1) return new Batch({ ...first, bytes });
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
  const { writer, firstSequence } = first;
  const parts = { writer, firstSequence, bytes, offsets, times, levels };
  return new Batch({ ...parts, ...(nanos && { nanos }), ...(sequences && { sequences }) });
}

function after(batch: Batch): number {
  return batch.sequence(batch.count - 1) + 1;
}
