// The first 128 bytes of a segment file: whose it is, what is needed to read it, and the salt that its frames repeat.
// Pure: to bytes and back. A file of a later major format, or with a feature that is unknown here, is left alone.

import { crc32 } from 'node:zlib';
import { LANES, type Lane } from '../lane.js';
import { readInteger, writeInteger } from './frame.js';

export const segmentHeaderBytes = 128;
/** "\x89SWSEG\r\n": the first byte is not ASCII and the last two notice text conversions. */
const segmentMagic = Buffer.from([0x89, 0x53, 0x57, 0x53, 0x45, 0x47, 0x0d, 0x0a]);
const major = 1;

/** Why a segment was written: spilled batches, the journal, or last words at exit. */
export const segmentKinds = ['spill', 'journal', 'exit'] as const;
export type SegmentKind = (typeof segmentKinds)[number];

/** Features that a reader must know to read the frames at all. */
const features = { encrypted: 1, zstd: 2 } as const;
const knownFeatures = features.encrypted | features.zstd;

export interface SegmentHeader {
  readonly lane: Lane;
  readonly kind: SegmentKind;
  /** The directory's id: 16 bytes as 32 hex digits. */
  readonly queueId: string;
  /** Counts up in a directory and is never reused. */
  readonly number: number;
  /** ms since the epoch; never goes back inside a directory. */
  readonly createdAt: number;
  /** Random: frames of another life of the same blocks do not match. */
  readonly salt: number;
  readonly encrypted: boolean;
  readonly zstd: boolean;
  /** First 16 bytes of the key's SHA-256; zeros where nothing is encrypted. */
  readonly keyId: Buffer;
  /** Random salt of the segment's own key; zeros where nothing is encrypted. */
  readonly keySalt: Buffer;
}

/** Either the header, or why there is none to use. */
export type SegmentHeaderResult = SegmentHeader | 'damaged' | 'foreign';

/** The header as bytes. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const target = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(target);
  target.writeUInt16LE(major, 8);
  target.writeUInt32LE((header.encrypted ? features.encrypted : 0) | (header.zstd ? features.zstd : 0), 12);
  target[20] = LANES.indexOf(header.lane);
  target[21] = segmentKinds.indexOf(header.kind);
  target.writeUInt16LE(segmentHeaderBytes, 22);
  target.write(header.queueId, 24, 16, 'hex');
  writeInteger(target, header.number, 40);
  writeInteger(target, header.createdAt, 48);
  target.writeUInt32LE(header.salt, 56);
  header.keyId.copy(target, 64, 0, 16);
  header.keySalt.copy(target, 80, 0, 32);
  target.writeUInt32LE(crc32(target.subarray(0, 124)), 124);
  return target;
}

/** Reads a header: `damaged` where bytes are missing or wrong, `foreign` where they are right and not for us. */
export function decodeSegmentHeader(source: Buffer): SegmentHeaderResult {
  if (source.length < segmentHeaderBytes || !source.subarray(0, 8).equals(segmentMagic)) return 'damaged';
  if (source.readUInt32LE(124) !== crc32(source.subarray(0, 124))) return 'damaged';
  const flags = source.readUInt32LE(12);
  if (source.readUInt16LE(8) !== major || (flags & ~knownFeatures) !== 0) return 'foreign';
  const lane = LANES[source[20]!];
  const kind = segmentKinds[source[21]!];
  if (!lane || !kind || source.readUInt16LE(22) !== segmentHeaderBytes) return 'foreign';
  return {
    lane,
    kind,
    queueId: source.toString('hex', 24, 40),
    number: readInteger(source, 40),
    createdAt: readInteger(source, 48),
    salt: source.readUInt32LE(56),
    encrypted: (flags & features.encrypted) !== 0,
    zstd: (flags & features.zstd) !== 0,
    keyId: Buffer.from(source.subarray(64, 80)),
    keySalt: Buffer.from(source.subarray(80, 112)),
  };
}

const letters: Record<Lane, string> = { high: 'h', normal: 'n', low: 'l' };

/** The file name of a segment. */
export function segmentName(lane: Lane, number: number): string {
  return `${letters[lane]}-${String(number).padStart(16, '0')}.seg`;
}

/** What a file name says; undefined for names that are not ours. */
export function parseSegmentName(name: string): { lane: Lane; number: number } | undefined {
  const match = /^([hnl])-(\d{16})\.seg$/.exec(name);
  const lane = match && LANES.find((l) => letters[l] === match[1]);
  return lane ? { lane, number: Number(match[2]) } : undefined;
}
