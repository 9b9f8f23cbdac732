// What can be delivered from a walked segment: each spilled batch, each sealed batch of the journal, and groups of the
// journal's pieces that were never sealed. Pure.
// Groups depend on nothing but the segment's frames, so that whoever reads it, however often, forms the same batches.

import { frameTypes } from './frame.js';
import { type Part, type Segment, Unit } from './segment.js';
import type { FoundFrame } from './walk.js';

/** Unsealed pieces are grouped up to these many bytes of lines and records. */
const groupBytes = 2 ** 20;
const groupRecords = 5000;

/** All units of a segment, in the order of their first records; settled ones included. */
export function unitsOf(segment: Segment, frames: readonly FoundFrame[]): Unit[] {
  const unsealed = piecesOf(frames);
  const units: Unit[] = [];
  for (const frame of frames) {
    if (frame.header.type === frameTypes.batch) {
      units.push(unit(segment, [frame], [frame]));
    } else if (frame.pieces) {
      const pieces = frame.pieces.flatMap((index) => unsealed.get(index) ?? []);
      for (const index of frame.pieces) unsealed.delete(index);
      if (pieces.length > 0) units.push(unit(segment, pieces, [frame]));
    }
  }
  units.push(...groups(segment, unsealed.values()));
  return units.sort((a, b) => a.parts[0]!.offset - b.parts[0]!.offset);
}

/** The pieces that no seal binds, settled ones included. */
export function loosePieces(frames: readonly FoundFrame[]): FoundFrame[] {
  const pieces = piecesOf(frames);
  for (const frame of frames) for (const index of frame.pieces ?? []) pieces.delete(index);
  return [...pieces.values()];
}

/** All pieces by the index of their frame. */
function piecesOf(frames: readonly FoundFrame[]): Map<number, FoundFrame> {
  const pieces = frames.filter(({ header }) => header.type === frameTypes.piece);
  return new Map(pieces.map((frame) => [frame.header.frameIndex, frame]));
}

function unit(segment: Segment, frames: readonly FoundFrame[], settledBy: readonly FoundFrame[]): Unit {
  const parts = frames.map(({ offset, header }): Part => ({ offset, header }));
  const slots = settledBy.map(({ offset }) => offset);
  const made = new Unit(segment, parts, slots);
  made.attempts = settledBy[0]!.attempts;
  if (settledBy.every(({ mark }) => mark)) made.state = 'settled';
  return made;
}

/** Pieces that no seal binds, in groups. */
function groups(segment: Segment, pieces: Iterable<FoundFrame>): Unit[] {
  const units: Unit[] = [];
  let group: FoundFrame[] = [];
  let bytes = 0;
  let records = 0;
  const close = () => {
    // Boundaries are drawn with settled pieces in, so that acks do not move them; then those are left out.
    const waiting = group.filter(({ mark }) => !mark);
    if (waiting.length > 0) units.push(unit(segment, waiting, waiting));
    group = [];
    bytes = 0;
    records = 0;
  };
  for (const piece of pieces) {
    const { lineBytes, recordCount } = piece.header;
    if (group.length > 0 && (bytes + lineBytes > groupBytes || records + recordCount > groupRecords)) close();
    group.push(piece);
    bytes += lineBytes;
    records += recordCount;
  }
  close();
  return units;
}
