// Recovery: finds every intact frame of a segment file, whatever happened to the file. Reads only, in windows.
// Frames are independent: a wrong one costs itself, and the search goes on at the next header that belongs to this file.
// Always ends: every turn of the loop moves forward by eight bytes at least.

import { crc32 } from 'node:zlib';
import { type BadBlocks, call, readUpTo, type Steps } from './file-system.js';
import {
  alignment,
  decodeFrameHeader,
  type FrameHeader,
  frameHeaderBytes,
  frameMagic,
  frameSize,
  frameTypes,
  readAttempts,
  readMark,
  type Settled,
} from './frame.js';
import { decodeFooter, decodeSeal, type Footer, footerBytes } from './marker.js';
import { decodeSegmentHeader, type SegmentHeader, type SegmentKind, segmentHeaderBytes } from './segment-header.js';
import { type Tally, tally } from './tally.js';

/** A frame and what its slots say. Its payload has not been looked at, except for seals. */
export interface FoundFrame {
  readonly offset: number;
  readonly header: FrameHeader;
  readonly mark: Settled | undefined;
  readonly attempts: number;
  /** For seals: the frame indices of the pieces they bind. */
  readonly pieces?: readonly number[];
}

/** Bytes of a segment that are not what was written. */
export interface Damage {
  readonly offset: number;
  readonly bytes: number;
  /**
   * header: the file's first bytes; region: bytes between frames; marker: a seal or footer whose contents are wrong;
   * torn: the file ends inside a frame, inside its own first bytes, or in bytes that are none.
   */
  readonly kind: 'header' | 'region' | 'marker' | 'torn';
}

export interface Walk {
  /** Unset where the first bytes are wrong; frames can be found all the same. */
  readonly header: SegmentHeader | undefined;
  /** Another format or an unknown feature: nothing was looked at. */
  readonly foreign: boolean;
  readonly frames: readonly FoundFrame[];
  readonly footer: Footer | undefined;
  /** Records that frames behind them, or the footer, prove to be missing. */
  readonly lost: Tally;
  /** Bytes between frames that were wrong. */
  readonly corruptBytes: number;
  /** Bytes of a last frame that was not written to its end. */
  readonly tornBytes: number;
  /** Where these bytes are, in the order of the file. */
  readonly damage: readonly Damage[];
}

const windowBytes = 16 * 1024;
const searchBytes = 256 * 1024;

/** A file through a sliding window, so that neighbouring headers cost one read. */
class Window {
  readonly size: number;
  readonly #fd: number;
  readonly #bad: BadBlocks;
  #start = 0;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(fd: number, size: number, bad: BadBlocks) {
    this.#fd = fd;
    this.size = size;
    this.#bad = bad;
  }

  /** Bytes at an offset, fewer than asked for where the file ends. */
  *at(offset: number, length: number): Steps<Buffer> {
    const from = offset - this.#start;
    const wanted = Math.min(length, this.size - offset);
    if (from < 0 || from + wanted > this.#bytes.length) {
      const ahead = Math.min(Math.max(length, windowBytes), this.size - offset);
      this.#bytes = yield* readUpTo(this.#fd, Math.max(0, ahead), offset, this.#bad);
      this.#start = offset;
      return this.#bytes.subarray(0, Math.max(0, wanted));
    }
    return this.#bytes.subarray(from, from + wanted);
  }
}

/** Which frames belong to the file: those with its number and its salt, or with the first salt seen where it is lost. */
class Membership {
  readonly #segmentLow: number;
  #salt: number | undefined;
  constructor(header: SegmentHeader | undefined, segmentNumber: number) {
    this.#segmentLow = segmentNumber % 2 ** 32;
    this.#salt = header?.salt;
  }
  accept(header: FrameHeader | undefined): header is FrameHeader {
    if (!header || header.segmentNumber !== this.#segmentLow) return false;
    this.#salt ??= header.salt;
    return header.salt === this.#salt;
  }
}

/** What the walk has found so far. */
class Findings {
  readonly frames: FoundFrame[] = [];
  readonly #indices = new Set<number>();
  readonly #proven = tally();
  readonly #found = tally();
  footer: Footer | undefined;
  readonly damage: Damage[] = [];
  corruptBytes = 0;
  tornBytes = 0;

  /** Notes bytes that are not what was written. */
  spoilt(kind: Damage['kind'], offset: number, bytes: number): void {
    if (bytes <= 0) return;
    if (kind === 'torn') this.tornBytes += bytes;
    else this.corruptBytes += bytes;
    this.damage.push({ offset, bytes, kind });
  }

  /** Notes that the file once held this much. */
  prove(records: number, bytes: number): void {
    this.#proven.records = Math.max(this.#proven.records, records);
    this.#proven.bytes = Math.max(this.#proven.bytes, bytes);
  }

  add(frame: FoundFrame): void {
    // A block that was written to two places must not deliver its frame twice.
    if (this.#indices.has(frame.header.frameIndex)) return;
    this.#indices.add(frame.header.frameIndex);
    this.#found.records += frame.header.recordCount;
    this.#found.bytes += frame.header.lineBytes;
    this.frames.push(frame);
  }

  result(header: SegmentHeader | undefined): Walk {
    const { frames, footer, corruptBytes, tornBytes, damage } = this;
    const lost = {
      records: Math.max(0, this.#proven.records - this.#found.records),
      bytes: Math.max(0, this.#proven.bytes - this.#found.bytes),
    };
    return { header, foreign: false, frames, footer, lost, corruptBytes, tornBytes, damage };
  }
}

export interface WalkOptions {
  readonly segmentNumber: number;
  /** Where to stop; what is behind is not ours. */
  readonly end?: number;
  readonly bad?: BadBlocks;
}

/** Walks a segment file. Throws only when the disk cannot be read. */
export function* walk(fd: number, { segmentNumber, end, bad = 'fail' }: WalkOptions): Steps<Walk> {
  const size = Math.min(yield* call('size', fd), end ?? Number.POSITIVE_INFINITY);
  const window = new Window(fd, size, bad);
  const decoded = decodeSegmentHeader(yield* window.at(0, segmentHeaderBytes));
  if (decoded === 'foreign') {
    const none = { header: undefined, footer: undefined, lost: tally(), corruptBytes: 0, tornBytes: 0, damage: [] };
    return { ...none, foreign: true, frames: [] };
  }
  const header = decoded === 'damaged' ? undefined : decoded;
  const members = new Membership(header, segmentNumber);
  const findings = new Findings();
  if (!header) {
    const first = yield* window.at(0, segmentHeaderBytes);
    // A file that was made and whose first bytes never arrived is unfinished, not damaged.
    const unfinished = first.length < segmentHeaderBytes || isZero(first);
    findings.spoilt(unfinished ? 'torn' : 'header', 0, first.length);
  }
  let offset = segmentHeaderBytes;
  while (offset < size) {
    const bytes = yield* window.at(offset, frameHeaderBytes);
    const frame = decodeFrameHeader(bytes);
    if (members.accept(frame)) {
      if (!(yield* visit(window, { offset, bytes, frame, kind: header?.kind }, findings))) break;
      offset += frameSize(frame.storedLength);
      continue;
    }
    const search = yield* findFrame(window, offset + alignment, members);
    if (search.found === undefined) {
      // Zeros at the end are a file that was extended before its bytes arrived.
      if (!search.blank || !isZero(bytes)) findings.spoilt('torn', offset, size - offset);
      break;
    }
    findings.spoilt('region', offset, search.found - offset);
    offset = search.found;
  }
  return findings.result(header);
}

interface Visited {
  readonly offset: number;
  /** The frame's header as it is in the file. */
  readonly bytes: Buffer;
  readonly frame: FrameHeader;
  readonly kind: SegmentKind | undefined;
}

/** Takes note of one frame; false where the file ends inside it. */
function* visit(window: Window, { offset, bytes, frame: header, kind }: Visited, to: Findings): Steps<boolean> {
  const { recordsBefore, recordCount, lineBytesBefore, lineBytes, storedLength, type } = header;
  // Copied before the window moves on.
  const slots = { mark: readMark(bytes, 0), attempts: readAttempts(bytes, 0) };
  const torn = offset + frameHeaderBytes + storedLength > window.size;
  // A whole batch of the journal is there in its pieces until it is written.
  if (!torn || kind !== 'journal' || type !== frameTypes.batch) {
    to.prove(recordsBefore + recordCount, lineBytesBefore + lineBytes);
  }
  if (torn) {
    to.spoilt('torn', offset, window.size - offset);
    return false;
  }
  if (type === frameTypes.batch || type === frameTypes.piece) {
    to.add({ offset, header, ...slots });
    return true;
  }
  const payload = yield* window.at(offset + frameHeaderBytes, storedLength);
  const intact = crc32(payload) === header.payloadCrc;
  if (type === frameTypes.footer) {
    to.footer = intact ? decodeFooter(payload) : undefined;
    if (to.footer) to.prove(to.footer.records, to.footer.lineBytes);
  }
  const pieces = type === frameTypes.seal && intact ? decodeSeal(payload) : undefined;
  if (pieces) to.add({ offset, header, ...slots, pieces });
  if (!intact) to.spoilt('marker', offset, frameSize(storedLength));
  return true;
}

/** The next frame that belongs here, at or behind an offset; and whether there was nothing but zeros on the way. */
function* findFrame(window: Window, from: number, members: Membership): Steps<{ found?: number; blank: boolean }> {
  let blank = true;
  for (let start = from; start < window.size; start += searchBytes) {
    // Headers may reach over the end of what is searched in one go.
    const bytes = yield* window.at(start, searchBytes + frameHeaderBytes);
    for (let at = bytes.indexOf(frameMagic); at !== -1 && at < searchBytes; at = bytes.indexOf(frameMagic, at + 1)) {
      if ((start + at) % alignment === 0 && members.accept(decodeFrameHeader(bytes, at))) {
        return { found: start + at, blank: false };
      }
    }
    blank = blank && isZero(bytes);
  }
  return { blank };
}

function isZero(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}

/** Reads a segment's header and, where it was closed in order, its footer: two reads, whatever its size. */
export function* peek(fd: number): Steps<{ header: SegmentHeader | undefined; foreign: boolean; footer?: Footer }> {
  const size = yield* call('size', fd);
  const header = decodeSegmentHeader(yield* readUpTo(fd, segmentHeaderBytes, 0));
  if (header === 'foreign') return { header: undefined, foreign: true };
  if (header === 'damaged') return { header: undefined, foreign: false };
  const length = frameHeaderBytes + footerBytes;
  if (size < segmentHeaderBytes + length) return { header, foreign: false };
  const tail = yield* readUpTo(fd, length, size - length);
  const frame = decodeFrameHeader(tail);
  const ours = frame?.type === frameTypes.footer && frame.salt === header.salt;
  const payload = tail.subarray(frameHeaderBytes);
  const footer = ours && crc32(payload) === frame.payloadCrc ? decodeFooter(payload) : undefined;
  return { header, foreign: false, ...(footer && { footer }) };
}
