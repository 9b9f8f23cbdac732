// Frames without records of their own: the seal, which says that pieces of the journal are one batch, and the footer,
// which closes a segment so that its contents are known without reading it. Pure, never compressed or encrypted:
// they hold numbers only.

import { maxFrameRecords, readInteger, writeInteger } from './frame.js';

/** The frame indices of a batch's pieces, in its order. */
export function encodeSeal(pieces: readonly number[]): Buffer {
  const target = Buffer.allocUnsafe(4 * pieces.length);
  pieces.forEach((frameIndex, i) => {
    target.writeUInt32LE(frameIndex, 4 * i);
  });
  return target;
}

/** Reads a seal; undefined if it contradicts itself. */
export function decodeSeal(source: Buffer): number[] | undefined {
  if (source.length === 0 || source.length % 4 !== 0 || source.length > 4 * maxFrameRecords) return undefined;
  return Array.from({ length: source.length / 4 }, (_, i) => source.readUInt32LE(4 * i));
}

/** What a segment holds. */
export interface Footer {
  readonly frames: number;
  readonly records: number;
  /** Bytes of the records' lines. */
  readonly lineBytes: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly maxLevel: number;
}

/** Bytes of a footer's payload. */
export const footerBytes = 64;

export function encodeFooter(footer: Footer): Buffer {
  const target = Buffer.alloc(footerBytes);
  target.writeUInt32LE(footer.frames, 0);
  target.writeUInt32LE(footer.records, 4);
  writeInteger(target, footer.lineBytes, 8);
  target.writeDoubleLE(footer.minTime, 16);
  target.writeDoubleLE(footer.maxTime, 24);
  target.writeUInt16LE(footer.maxLevel, 32);
  return target;
}

export function decodeFooter(source: Buffer): Footer | undefined {
  if (source.length !== footerBytes) return undefined;
  return {
    frames: source.readUInt32LE(0),
    records: source.readUInt32LE(4),
    lineBytes: readInteger(source, 8),
    minTime: source.readDoubleLE(16),
    maxTime: source.readDoubleLE(24),
    maxLevel: source.readUInt16LE(32),
  };
}
