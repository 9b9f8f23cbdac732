// The frame: one checksummed entry of a segment. Pure: a header to bytes and back; see docs/spool-format.md.
// The header's checksum is verified before any length in it is trusted. Two words behind it are outside every checksum
// because they are rewritten in place: the ack slot and the count of attempts.

import { crc32 } from 'node:zlib';

/** Bytes of a frame's header, slots included. */
export const frameHeaderBytes = 96;
/** Where the ack slot is in the header. */
export const ackSlotOffset = 88;
/** Where the attempts are in the header. */
export const attemptsOffset = 92;
/** Frames start at multiples of this. */
export const alignment = 8;
/** Largest payload, stored or raw, in bytes. */
export const maxPayloadBytes = 64 * 2 ** 20;

/** Most records in a frame: what a reader makes room for before it has seen them. */
export const maxFrameRecords = 2 ** 20;

/** "SWF1", what a resync looks for. */
export const frameMagic = Buffer.from([0x53, 0x57, 0x46, 0x31]);
const checkedFrom = 8;

/** What a frame holds. */
export const frameTypes = { batch: 0, piece: 1, seal: 2, footer: 3 } as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export const encryptedFlag = 1;

export interface FrameHeader {
  readonly type: FrameType;
  readonly flags: number;
  /** 0 none, 1 gzip, 2 brotli, 3 zstd. */
  readonly codec: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Records in this frame; 0 for seals and footers. */
  readonly recordCount: number;
  /** Payload as it lies on the disk. */
  readonly storedLength: number;
  /** Payload before compression and encryption. */
  readonly rawLength: number;
  /** CRC-32 of the stored payload. */
  readonly payloadCrc: number;
  /** Oldest and newest time of a record, ms since the epoch. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly maxLevel: number;
  /** Copies from the segment: a frame of another file or of a file's earlier life is never taken for one of this. */
  readonly salt: number;
  readonly segmentNumber: number;
  /** 0, 1, 2 ... in the segment. */
  readonly frameIndex: number;
  /** Records in the segment before this frame: together with its own count it says what went missing. */
  readonly recordsBefore: number;
  /** Bytes of the records' lines, newlines included; 0 for seals and footers. */
  readonly lineBytes: number;
  /** The same of all frames before, modulo 2^32. */
  readonly lineBytesBefore: number;
}

/** Writes a 53-bit integer as 64 bits. */
export function writeInteger(target: Buffer, value: number, offset: number): void {
  target.writeUInt32LE(value % 2 ** 32, offset);
  target.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

/** Reads 64 bits; NaN where they hold more than 53. */
export function readInteger(source: Buffer, offset: number): number {
  const value = source.readUInt32LE(offset + 4) * 2 ** 32 + source.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

/** Bytes of padding behind a payload. */
export function padding(length: number): number {
  return -length & (alignment - 1);
}

/** Bytes that a frame takes in the file. */
export function frameSize(storedLength: number): number {
  return frameHeaderBytes + storedLength + padding(storedLength);
}

/** A frame's header as bytes, with both slots empty. */
export function encodeFrameHeader(header: FrameHeader): Buffer {
  // From the pool, because the journal makes one for each write.
  const target = Buffer.allocUnsafe(frameHeaderBytes).fill(0);
  frameMagic.copy(target);
  writeInteger(target, header.firstSequence, 8);
  writeInteger(target, header.lastSequence, 16);
  target.writeUInt32LE(header.recordCount, 24);
  target.writeUInt32LE(header.storedLength, 28);
  target.writeUInt32LE(header.rawLength, 32);
  target.writeUInt32LE(header.payloadCrc, 36);
  target.writeDoubleLE(header.minTime, 40);
  target.writeDoubleLE(header.maxTime, 48);
  target.writeUInt16LE(header.maxLevel, 56);
  target[58] = header.type;
  target[59] = header.codec;
  target[60] = header.flags;
  target.writeUInt32LE(header.salt, 64);
  target.writeUInt32LE(header.frameIndex, 68);
  target.writeUInt32LE(header.recordsBefore, 72);
  target.writeUInt32LE(header.segmentNumber % 2 ** 32, 76);
  target.writeUInt32LE(header.lineBytes, 80);
  target.writeUInt32LE(header.lineBytesBefore % 2 ** 32, 84);
  target.writeUInt32LE(crc32(target.subarray(checkedFrom, ackSlotOffset)), 4);
  return target;
}

/** Reads a header; undefined unless magic, checksum and every limit hold. `segmentNumber` has its low 32 bits only. */
export function decodeFrameHeader(source: Buffer, offset = 0): FrameHeader | undefined {
  if (offset + frameHeaderBytes > source.length) return undefined;
  const bytes = source.subarray(offset, offset + frameHeaderBytes);
  if (bytes.readUInt32LE(0) !== frameMagic.readUInt32LE(0)) return undefined;
  if (bytes.readUInt32LE(4) !== crc32(bytes.subarray(checkedFrom, ackSlotOffset))) return undefined;
  const header: FrameHeader = {
    firstSequence: readInteger(bytes, 8),
    lastSequence: readInteger(bytes, 16),
    recordCount: bytes.readUInt32LE(24),
    storedLength: bytes.readUInt32LE(28),
    rawLength: bytes.readUInt32LE(32),
    payloadCrc: bytes.readUInt32LE(36),
    minTime: bytes.readDoubleLE(40),
    maxTime: bytes.readDoubleLE(48),
    maxLevel: bytes.readUInt16LE(56),
    type: bytes[58]! as FrameType,
    codec: bytes[59]!,
    flags: bytes[60]!,
    salt: bytes.readUInt32LE(64),
    frameIndex: bytes.readUInt32LE(68),
    recordsBefore: bytes.readUInt32LE(72),
    segmentNumber: bytes.readUInt32LE(76),
    lineBytes: bytes.readUInt32LE(80),
    lineBytesBefore: bytes.readUInt32LE(84),
  };
  const { storedLength, rawLength, recordCount, type } = header;
  const fits = Math.max(storedLength, rawLength) <= maxPayloadBytes && recordCount <= maxFrameRecords;
  return fits && type <= frameTypes.footer ? header : undefined;
}

/** What a slot says about its frame. */
export type Settled = 'acked' | 'rejected';
const marks: Record<Settled, Buffer> = { acked: Buffer.from('!ACK'), rejected: Buffer.from('!DRP') };

/** The four bytes that settle a frame. */
export function markOf(settled: Settled): Buffer {
  return marks[settled];
}

/** Reads the ack slot of the header at an offset; anything but the two marks is pending. */
export function readMark(source: Buffer, offset: number): Settled | undefined {
  const slot = source.subarray(offset + ackSlotOffset, offset + attemptsOffset);
  if (slot.equals(marks.acked)) return 'acked';
  return slot.equals(marks.rejected) ? 'rejected' : undefined;
}

/** The attempts as stored: the count and its complement, so that a flipped bit is not taken for attempts. */
export function encodeAttempts(attempts: number): Buffer {
  const target = Buffer.alloc(4);
  target.writeUInt16LE(attempts & 0xffff, 0);
  target.writeUInt16LE(attempts === 0 ? 0 : ~attempts & 0xffff, 2);
  return target;
}

/** Reads the attempts of the header at an offset; 0 unless count and complement agree. */
export function readAttempts(source: Buffer, offset: number): number {
  const count = source.readUInt16LE(offset + attemptsOffset);
  return (count ^ source.readUInt16LE(offset + attemptsOffset + 2)) === 0xffff ? count : 0;
}
