// Frames without records of their own: the seal, which says that pieces of the journal are one batch, and the footer,
// which closes a segment so that its contents are known without reading it. Pure, never compressed or encrypted:
// they hold numbers only.

import { readInteger, writeInteger } from './frame.js';

/** Records [from, to) of the piece in frame `frameIndex`. */
export interface PieceRange {
  readonly frameIndex: number;
  readonly from: number;
  readonly to: number;
  /** Bytes of their lines. */
  readonly bytes: number;
}

const rangeBytes = 16;

/** The pieces of one batch, in its order. */
export function encodeSeal(ranges: readonly PieceRange[]): Buffer {
  const target = Buffer.allocUnsafe(ranges.length * rangeBytes);
  ranges.forEach(({ frameIndex, from, to, bytes }, i) => {
    target.writeUInt32LE(frameIndex, i * rangeBytes);
    target.writeUInt32LE(from, i * rangeBytes + 4);
    target.writeUInt32LE(to, i * rangeBytes + 8);
    target.writeUInt32LE(bytes, i * rangeBytes + 12);
  });
  return target;
}

/** Reads a seal; undefined if it contradicts itself. */
export function decodeSeal(source: Buffer): PieceRange[] | undefined {
  if (source.length === 0 || source.length % rangeBytes !== 0) return undefined;
  const ranges: PieceRange[] = [];
  for (let at = 0; at < source.length; at += rangeBytes) {
    const range = {
      frameIndex: source.readUInt32LE(at),
      from: source.readUInt32LE(at + 4),
      to: source.readUInt32LE(at + 8),
      bytes: source.readUInt32LE(at + 12),
    };
    if (range.from >= range.to) return undefined;
    ranges.push(range);
  }
  return ranges;
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
