// Writes the segments of one lane and kind, one after the other.
// A file is created, appended to, and closed with a footer; after any failure it is cut back to its last good frame and
// never written again, and the next frame goes into a new file under a new salt. Nothing here decides to retry.

import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Lane } from '../lane.js';
import { codecs } from './compression.js';
import type { Directory } from './directory.js';
import type { Disk } from './disk.js';
import { type Key, SegmentCipher } from './encryption.js';
import { attempt, call, type Steps, writeFully } from './file-system.js';
import { encodeFrameHeader, encryptedFlag, type FrameHeader, frameSize, frameTypes, padding } from './frame.js';
import { encodeFooter, encodeSeal } from './marker.js';
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
    if (!this.#takes(zstd)) yield* this.close();
    const open = this.#open ?? (yield* this.#create(zstd));
    return yield* this.#append(open, frames);
  }

  /** Appends a frame on the spot: what the journal does for each write, so without steps where a segment is open. */
  writeNow(frame: PreparedFrame, disk: Disk): Written {
    const open = this.#open;
    if (!open || !this.#takes(frame.codec === codecs.zstd)) return disk.runNow(this.write([frame]))[0]!;
    const draft = newDraft(open);
    const written = place(open, frame, draft);
    try {
      disk.writeNow(open.fd, draft.buffers, open.segment.size);
    } catch (error) {
      disk.runNow(this.#abandon(error));
      throw error;
    }
    account(open, draft, written.header);
    return written;
  }

  #takes(zstd: boolean): boolean {
    return !this.full && !(zstd && this.#open?.header.zstd === false);
  }

  *#append(open: Open, frames: readonly PreparedFrame[]): Steps<Written[]> {
    const draft = newDraft(open);
    const written = frames.map((frame) => place(open, frame, draft));
    try {
      yield* writeFully(open.fd, draft.buffers, open.segment.size);
    } catch (error) {
      yield* this.#abandon(error);
      throw error;
    }
    for (const { header } of written) account(open, draft, header);
    return written;
  }

  /** Binds pieces of the open segment into one batch. */
  *seal(pieces: readonly FrameHeader[]): Steps<Written> {
    const payload = encodeSeal(pieces.map(({ frameIndex }) => frameIndex));
    const { firstSequence } = pieces[0]!;
    const { lastSequence } = pieces.at(-1)!;
    const numbers = { firstSequence, lastSequence, ...span(pieces) };
    const [written] = yield* this.#append(this.#open!, [{ type: frameTypes.seal, ...numbers, ...mark(payload) }]);
    return written!;
  }

  /** Closes the open segment with a footer. Never throws: a segment without a footer is walked instead. */
  *close(): Steps<void> {
    const open = this.#open;
    if (!open) return;
    const { frames, records, lineBytes, minTime, maxTime, maxLevel } = open;
    const payload = encodeFooter({ frames, records, lineBytes, minTime, maxTime, maxLevel });
    const numbers = { firstSequence: 0, lastSequence: 0, minTime, maxTime, maxLevel };
    try {
      yield* this.#append(open, [{ type: frameTypes.footer, ...numbers, ...mark(payload) }]);
      this.#leave(open);
    } catch {
      // It has been left, as after any failed write.
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
    yield* cutBack(open.segment);
    this.#leave(open, (error as { code?: string }).code ?? 'UNKNOWN');
  }

  #leave(open: Open, code?: string): void {
    if (this.#open === open) this.#open = undefined;
    open.segment.active = false;
    this.#options.closed(open.segment, code);
  }
}

/** Cuts a file back to what counts; where the disk refuses, whoever writes its slots tries again. */
export function* cutBack(segment: Segment): Steps<void> {
  segment.uncut = !(yield* attempt('truncate', segment.fd!, segment.size));
}

/** Frames that are about to be written together, and what the segment holds with them. */
interface Draft {
  readonly buffers: Buffer[];
  end: number;
  frames: number;
  records: number;
  lineBytes: number;
}

function newDraft({ segment, header, frames, records, lineBytes }: Open): Draft {
  const { size } = segment;
  if (size > 0) return { buffers: [], end: size, frames, records, lineBytes };
  return { buffers: [encodeSegmentHeader(header)], end: segmentHeaderBytes, frames, records, lineBytes };
}

/** What frames without records of their own have in common. */
function mark(payload: Buffer) {
  return { codec: codecs.none, recordCount: 0, lineBytes: 0, rawLength: payload.length, chunks: [payload] };
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

/** Gives a frame its place: header, encrypted payload, checksum, padding. */
function place(open: Open, frame: PreparedFrame, draft: Draft): Written {
  const cipher = frame.type === frameTypes.batch || frame.type === frameTypes.piece ? open.cipher : undefined;
  const header = headerOf(open.header, frame, draft);
  if (cipher) {
    header.flags = encryptedFlag;
    header.storedLength += SegmentCipher.overhead;
  }
  const stored = cipher ? cipher.encrypt(encodeFrameHeader(header), header.frameIndex, frame.chunks) : frame.chunks;
  // Of nothing, zlib returns 0 whatever came before.
  for (const chunk of stored) if (chunk.length > 0) header.payloadCrc = crc32(chunk, header.payloadCrc);
  draft.buffers.push(encodeFrameHeader(header), ...stored);
  const pad = padding(header.storedLength);
  if (pad > 0) draft.buffers.push(zeros.subarray(0, pad));
  const offset = draft.end;
  draft.end += frameSize(header.storedLength);
  draft.frames++;
  draft.records += header.recordCount;
  draft.lineBytes += header.lineBytes;
  return { segment: open.segment, offset, header };
}

/** A frame's header before it is encrypted and summed. Name by name: the journal makes one for each write. */
function headerOf(segment: SegmentHeader, frame: PreparedFrame, draft: Draft): Writable<FrameHeader> {
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
    frameIndex: draft.frames,
    recordsBefore: draft.records,
    lineBytes: frame.lineBytes,
    lineBytesBefore: draft.lineBytes,
  };
}

/** Puts a frame on the books that was written with a draft. */
function account(open: Open, draft: Draft, header: FrameHeader): void {
  open.segment.size = draft.end;
  open.frames = draft.frames;
  open.records = draft.records;
  open.lineBytes = draft.lineBytes;
  open.minTime = Math.min(open.minTime, header.minTime);
  open.maxTime = Math.max(open.maxTime, header.maxTime);
  open.maxLevel = Math.max(open.maxLevel, header.maxLevel);
  open.segment.oldest = Math.min(open.segment.oldest, header.minTime);
}
