// Writes the segments of one lane and kind, one after the other.
// A file is created, appended to, and closed with a footer; after any failure it is cut back to its last good frame and
// never written again, and the next frame goes into a new file under a new salt. Nothing here decides to retry.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Lane } from '../lane.js';
import { codecs } from './compression.js';
import type { Directory } from './directory.js';
import { type Key, SegmentCipher } from './encryption.js';
import { attempt, call, type Steps, writeFully } from './file-system.js';
import { encodeFrameHeader, encryptedFlag, type FrameHeader, frameSize, frameTypes, padding } from './frame.js';
import { encodeFooter, encodeSeal, footerBytes } from './marker.js';
import type { PreparedFrame } from './prepare.js';
import { Segment } from './segment.js';
import {
  encodeSegmentHeader,
  type SegmentHeader,
  type SegmentKind,
  segmentHeaderBytes,
  segmentName,
} from './segment-header.js';

export interface WriterOptions {
  readonly lane: Lane;
  readonly kind: SegmentKind;
  readonly directory: Directory;
  readonly segmentBytes: number;
  /** Make names survive a power loss. */
  readonly syncNames: boolean;
  readonly now: () => number;
  readonly random: () => number;
  readonly key: () => Steps<Key | undefined>;
  /** Tells of a new segment, before its first frame. */
  readonly opened: (segment: Segment) => void;
  /** Tells that a segment takes no more frames; with a code where that is because of a failure. */
  readonly closed: (segment: Segment, code?: string) => void;
}

/** Where a frame was written. */
export interface Written {
  readonly segment: Segment;
  readonly offset: number;
  readonly header: FrameHeader;
}

interface Open {
  readonly segment: Segment;
  readonly fd: number;
  readonly header: SegmentHeader;
  readonly cipher: SegmentCipher | undefined;
  frames: number;
  records: number;
  lineBytes: number;
  minTime: number;
  maxTime: number;
  maxLevel: number;
}

const noKey = { id: Buffer.alloc(16), salt: Buffer.alloc(32) };
const zeros = Buffer.alloc(8);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class SegmentWriter {
  readonly #options: WriterOptions;
  #open: Open | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** The segment that takes frames at the moment. */
  get segment(): Segment | undefined {
    return this.#open?.segment;
  }

  /** Stay in the open segment up to twice its size: what is under way belongs together. */
  patient = false;

  /** Whether the next frame goes into a new segment. */
  get full(): boolean {
    const limit = this.#options.segmentBytes * (this.patient ? 2 : 1);
    return this.#open !== undefined && this.#open.segment.size >= limit;
  }

  /** Appends frames to one segment with one write. Throws after any failure, with the segment abandoned. */
  *write(frames: readonly PreparedFrame[]): Steps<Written[]> {
    const zstd = frames.some(({ codec }) => codec === codecs.zstd);
    if (this.full || (zstd && this.#open?.header.zstd === false)) yield* this.close();
    const open = this.#open ?? (yield* this.#create(zstd));
    const buffers: Buffer[] = open.segment.size === 0 ? [encodeSegmentHeader(open.header)] : [];
    const start = open.segment.size;
    let end = start === 0 ? segmentHeaderBytes : start;
    const written: Written[] = [];
    let { frames: frameIndex, records, lineBytes } = open;
    for (const frame of frames) {
      const header = place(open, frame, { frameIndex, recordsBefore: records, lineBytesBefore: lineBytes, buffers });
      written.push({ segment: open.segment, offset: end, header });
      end += frameSize(header.storedLength);
      frameIndex++;
      records += header.recordCount;
      lineBytes += header.lineBytes;
    }
    try {
      yield* writeFully(open.fd, buffers, start);
    } catch (error) {
      yield* this.#abandon(error);
      throw error;
    }
    open.segment.size = end;
    open.frames = frameIndex;
    open.records = records;
    for (const { header } of written) account(open, header);
    return written;
  }

  /** Binds pieces of the open segment into one batch. */
  *seal(pieces: readonly FrameHeader[]): Steps<Written> {
    const payload = encodeSeal(pieces.map(({ frameIndex }) => frameIndex));
    const { firstSequence } = pieces[0]!;
    const { lastSequence } = pieces.at(-1)!;
    const common = { codec: codecs.none, recordCount: 0, lineBytes: 0, rawLength: payload.length, chunks: [payload] };
    const numbers = { firstSequence, lastSequence, ...span(pieces) };
    const open = this.#open!;
    const buffers: Buffer[] = [];
    const header = place(open, { type: frameTypes.seal, ...numbers, ...common }, nextPlace(open, buffers));
    const offset = open.segment.size;
    try {
      yield* writeFully(open.fd, buffers, offset);
    } catch (error) {
      yield* this.#abandon(error);
      throw error;
    }
    open.segment.size += frameSize(header.storedLength);
    open.frames++;
    return { segment: open.segment, offset, header };
  }

  /** Closes the open segment with a footer. Never throws: a segment without a footer is walked instead. */
  *close(): Steps<void> {
    const open = this.#open;
    if (!open) return;
    const { frames, records, lineBytes, minTime, maxTime, maxLevel } = open;
    const payload = encodeFooter({ frames, records, lineBytes, minTime, maxTime, maxLevel });
    const numbers = { firstSequence: 0, lastSequence: 0, recordCount: 0, lineBytes: 0, minTime, maxTime, maxLevel };
    const footer = {
      type: frameTypes.footer,
      codec: codecs.none,
      rawLength: footerBytes,
      chunks: [payload],
      ...numbers,
    };
    const buffers: Buffer[] = [];
    place(open, footer, nextPlace(open, buffers));
    try {
      yield* writeFully(open.fd, buffers, open.segment.size);
      open.segment.size += frameSize(footerBytes);
      this.#leave(open);
    } catch (error) {
      yield* this.#abandon(error);
    }
  }

  /** Stops using the open segment, as it is. */
  abandon(code: string): void {
    if (this.#open) this.#leave(this.#open, code);
  }

  *#create(zstd: boolean): Steps<Open> {
    const { directory, lane, kind, now, random, key, syncNames, opened } = this.#options;
    yield* directory.ensure();
    const found = yield* key();
    const number = directory.takeNumber();
    const header: SegmentHeader = {
      lane,
      kind,
      queueId: directory.queueId,
      number,
      createdAt: directory.stamp(now()),
      salt: Math.floor(random() * 2 ** 32),
      encrypted: found !== undefined,
      zstd,
      keyId: found?.id ?? noKey.id,
      keySalt: found ? randomBytes(32) : noKey.salt,
    };
    const path = `${directory.path}/${segmentName(lane, number)}`;
    const fd = yield* call('open', path, 'create');
    const { queueId, createdAt } = header;
    const segment = new Segment({ path, lane, kind, queueId, number, createdAt, header, recovered: false });
    segment.fd = fd;
    segment.active = true;
    segment.units = [];
    const cipher = found && new SegmentCipher(found, header);
    const totals = { frames: 0, records: 0, lineBytes: 0, minTime: Infinity, maxTime: -Infinity, maxLevel: 0 };
    this.#open = { segment, fd, header, cipher, ...totals };
    opened(segment);
    if (syncNames) {
      try {
        yield* call('syncDirectory', directory.path);
      } catch (error) {
        yield* this.#abandon(error);
        throw error;
      }
    }
    return this.#open;
  }

  /** After a failed write: what was good stays readable, the rest is cut off if the disk lets us. */
  *#abandon(error: unknown): Steps<void> {
    const open = this.#open;
    if (!open) return;
    yield* attempt('truncate', open.fd, open.segment.size);
    this.#leave(open, (error as { code?: string }).code ?? 'UNKNOWN');
  }

  #leave(open: Open, code?: string): void {
    if (this.#open === open) this.#open = undefined;
    open.segment.active = false;
    this.#options.closed(open.segment, code);
  }
}

interface Place {
  readonly frameIndex: number;
  readonly recordsBefore: number;
  readonly lineBytesBefore: number;
  /** Where the frame's bytes are put. */
  readonly buffers: Buffer[];
}

function span(headers: readonly FrameHeader[]): { minTime: number; maxTime: number; maxLevel: number } {
  let minTime = Number.POSITIVE_INFINITY;
  let maxTime = Number.NEGATIVE_INFINITY;
  let maxLevel = 0;
  for (const header of headers) {
    minTime = Math.min(minTime, header.minTime);
    maxTime = Math.max(maxTime, header.maxTime);
    maxLevel = Math.max(maxLevel, header.maxLevel);
  }
  return { minTime, maxTime, maxLevel };
}

function nextPlace({ frames, records, lineBytes }: Open, buffers: Buffer[]): Place {
  return { frameIndex: frames, recordsBefore: records, lineBytesBefore: lineBytes, buffers };
}

/** Gives a frame its place: header, encrypted payload, checksum, padding. */
function place(open: Open, frame: PreparedFrame, where: Place): FrameHeader {
  const cipher = frame.type === frameTypes.batch || frame.type === frameTypes.piece ? open.cipher : undefined;
  const header = headerOf(open.header, frame, where);
  if (cipher) {
    header.flags = encryptedFlag;
    header.storedLength += SegmentCipher.overhead;
  }
  const stored = cipher ? cipher.encrypt(encodeFrameHeader(header), header.frameIndex, frame.chunks) : frame.chunks;
  // Of nothing, zlib returns 0 whatever came before.
  for (const chunk of stored) if (chunk.length > 0) header.payloadCrc = crc32(chunk, header.payloadCrc);
  const { buffers } = where;
  buffers.push(encodeFrameHeader(header), ...stored);
  const pad = padding(header.storedLength);
  if (pad > 0) buffers.push(zeros.subarray(0, pad));
  return header;
}

/** A frame's header before it is encrypted and summed. Name by name: the journal makes one for each write. */
function headerOf(segment: SegmentHeader, frame: PreparedFrame, where: Place): Writable<FrameHeader> {
  let storedLength = 0;
  for (const chunk of frame.chunks) storedLength += chunk.length;
  return {
    type: frame.type,
    flags: 0,
    codec: frame.codec,
    firstSequence: frame.firstSequence,
    lastSequence: frame.lastSequence,
    recordCount: frame.recordCount,
    storedLength,
    rawLength: frame.rawLength,
    payloadCrc: 0,
    minTime: frame.minTime,
    maxTime: frame.maxTime,
    maxLevel: frame.maxLevel,
    salt: segment.salt,
    segmentNumber: segment.number,
    frameIndex: where.frameIndex,
    recordsBefore: where.recordsBefore,
    lineBytes: frame.lineBytes,
    lineBytesBefore: where.lineBytesBefore,
  };
}

function account(open: Open, header: FrameHeader): void {
  open.lineBytes += header.lineBytes;
  open.minTime = Math.min(open.minTime, header.minTime);
  open.maxTime = Math.max(open.maxTime, header.maxTime);
  open.maxLevel = Math.max(open.maxLevel, header.maxLevel);
  open.segment.oldest = Math.min(open.segment.oldest, header.minTime);
}
