// What can be delivered from a walked segment: each spilled batch, each sealed batch of the journal, and groups of the
// journal's pieces that were never sealed. Pure.
// Groups depend on nothing but the segment's frames, so that whoever reads it, however often, forms the same batches.

import { frameTypes } from './frame.js';
import { type Part, type Segment, Unit } from './segment.js';
import type { FoundFrame } from './walk.js';

/** Unsealed pieces are grouped up to these many bytes and records. */
export const groupBytes = 2 ** 20;
export const groupRecords = 5000;

/** Records [from, to) of a piece that belong to a batch, and the bytes of their lines. */
type Covered = readonly [from: number, to: number, bytes: number];

/** All units of a segment, in the order of their first records; settled ones included. */
export function unitsOf(segment: Segment, frames: readonly FoundFrame[]): Unit[] {
  const pieces = new Map<number, FoundFrame>();
  for (const frame of frames) if (frame.header.type === frameTypes.piece) pieces.set(frame.header.frameIndex, frame);
  const covered = new Map<number, Covered[]>();
  const units: Unit[] = [];
  for (const frame of frames) {
    if (frame.header.type === frameTypes.batch) {
      units.push(unit(segment, [whole(frame)], [frame]));
    } else if (frame.ranges) {
      const parts: Part[] = [];
      for (const { frameIndex, from, to, bytes } of frame.ranges) {
        const piece = pieces.get(frameIndex);
        if (!piece || to > piece.header.recordCount) continue;
        parts.push({ offset: piece.offset, header: piece.header, from, to, bytes });
        const ranges = covered.get(frameIndex);
        if (ranges) ranges.push([from, to, bytes]);
        else covered.set(frameIndex, [[from, to, bytes]]);
      }
      if (parts.length > 0) units.push(unit(segment, parts, [frame]));
    }
  }
  units.push(...groups(segment, pieces, covered));
  return units.sort((a, b) => a.parts[0]!.offset - b.parts[0]!.offset);
}

function whole({ offset, header }: FoundFrame): Part {
  return { offset, header, from: 0, to: header.recordCount, bytes: header.lineBytes };
}

function unit(segment: Segment, parts: readonly Part[], settledBy: readonly FoundFrame[]): Unit {
  const made = new Unit(
    segment,
    parts,
    settledBy.map(({ offset }) => offset),
  );
  made.attempts = settledBy[0]!.attempts;
  if (settledBy.every(({ mark }) => mark)) made.state = 'settled';
  return made;
}

/** Pieces, or what seals left of them, in groups. */
function groups(segment: Segment, pieces: Map<number, FoundFrame>, covered: Map<number, Covered[]>): Unit[] {
  const units: Unit[] = [];
  let members: FoundFrame[] = [];
  let parts: Part[] = [];
  let bytes = 0;
  let records = 0;
  const close = () => {
    // Boundaries are drawn with settled pieces in, so that acks do not move them; then those are left out.
    const waiting = members.filter(({ mark }) => !mark);
    const left = parts.filter(({ offset }) => waiting.some((member) => member.offset === offset));
    if (left.length > 0) units.push(unit(segment, left, waiting));
    members = [];
    parts = [];
    bytes = 0;
    records = 0;
  };
  for (const piece of pieces.values()) {
    const rest = gaps(piece, covered.get(piece.header.frameIndex) ?? []);
    if (rest.length === 0) continue;
    const count = rest.reduce((sum, { from, to }) => sum + to - from, 0);
    const tooMuch = bytes + piece.header.rawLength > groupBytes || records + count > groupRecords;
    if (members.length > 0 && tooMuch) close();
    members.push(piece);
    parts.push(...rest);
    bytes += piece.header.rawLength;
    records += count;
  }
  close();
  return units;
}

/** What the ranges leave of a piece. */
function gaps({ offset, header }: FoundFrame, ranges: readonly Covered[]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  let bytes = header.lineBytes;
  const gap = (from: number, to: number) => {
    if (from < to) parts.push({ offset, header, from, to, bytes: 0 });
  };
  for (const [from, to, size] of [...ranges].sort((a, b) => a[0] - b[0])) {
    gap(at, from);
    at = Math.max(at, to);
    bytes -= size;
  }
  gap(at, header.recordCount);
  // Which gap has which bytes only the payload knows; there is hardly ever more than one.
  return parts.map((part, i) => ({ ...part, bytes: i === 0 ? Math.max(0, bytes) : 0 }));
}
