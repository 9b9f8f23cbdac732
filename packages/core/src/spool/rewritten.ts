// Pieces of a dead owner's journal that were written again as a batch: as part of a whole one whose pieces were not all in
// one segment (journal.ts), or after a failed sync (drain.ts). The owner died before they were settled on the disk.
// In: a segment's frames and the segments behind it. Out: the pieces not to be handed out. Only looks.
// A piece is passed over only for a batch that waits itself, holds each of its records, can be read to its last byte and is
// on the disk itself: nothing is given up here for what may not come.

import type { Batch } from '../batch.js';
import type { Core } from './core.js';
import { attempt, type Steps } from './file-system.js';
import { frameTypes } from './frame.js';
import { readUnit } from './reader.js';
import { type Segment, Unit } from './segment.js';
import { loosePieces } from './units.js';
import { type FoundFrame, walk } from './walk.js';

/** Opens a segment. */
type Open = (segment: Segment) => Steps<number>;

/** The pieces that were written again. What cannot be read counts as not there: better twice than never. */
export function* rewrittenPieces(
  core: Core,
  open: Open,
  segment: Segment,
  frames: readonly FoundFrame[],
): Steps<ReadonlySet<FoundFrame>> {
  const pieces = loosePieces(frames).filter(({ mark }) => !mark);
  const found = new Set<FoundFrame>();
  for (const place of pieces.length > 0 ? behind(core, segment) : []) {
    let safe: boolean | undefined;
    for (const whole of place === segment ? frames : yield* framesOf(open, place)) {
      // One that is settled may have been taken back after a failed sync, or stand elsewhere by now.
      if (whole.header.type !== frameTypes.batch || whole.mark !== undefined) continue;
      const within = pieces.filter((piece) => covers(whole, piece) && !found.has(piece));
      if (within.length === 0) continue;
      const batch = yield* read(core, open, place, whole);
      if (!batch) continue;
      safe ??= yield* isSafe(core, open, place);
      if (!safe) break;
      for (const piece of within) {
        const part = yield* read(core, open, segment, piece);
        if (part && holds(batch, part)) found.add(piece);
      }
    }
  }
  return found;
}

/** Where the batch may be: in the segment itself, or in a later one of the same queue. */
function behind({ catalog }: Core, { lane, queueId, number }: Segment): Segment[] {
  return catalog.of(lane).filter((other) => other.queueId === queueId && other.number >= number && !other.locked);
}

function covers({ header: whole }: FoundFrame, { header: piece }: FoundFrame): boolean {
  return whole.firstSequence <= piece.firstSequence && piece.lastSequence <= whole.lastSequence;
}

function holds(whole: Batch, part: Batch): boolean {
  if (whole.writer !== part.writer) return false;
  // Its header has told that they lie between its first and its last.
  if (!whole.sequences) return true;
  const sequences = new Set(whole.sequences);
  for (let i = 0; i < part.count; i++) if (!sequences.has(part.sequence(i))) return false;
  return true;
}

/** Whether the segment survives a power loss, as far as anything is asked to. */
function* isSafe(core: Core, open: Open, segment: Segment): Steps<boolean> {
  if (!core.syncing) return true;
  if (segment.syncFailed === undefined && !(yield* attempt('sync', yield* open(segment)))) segment.syncFailed = 'EIO';
  return segment.syncFailed === undefined;
}

function* framesOf(open: Open, segment: Segment): Steps<readonly FoundFrame[]> {
  try {
    return (yield* walk(yield* open(segment), { segmentNumber: segment.number })).frames;
  } catch {
    return [];
  }
}

/** The batch of one frame, if all of it is there. */
function* read(core: Core, open: Open, segment: Segment, frame: FoundFrame): Steps<Batch | undefined> {
  try {
    const cipher = yield* core.keys.cipher(segment.header);
    if (cipher === 'missing') return undefined;
    const unit = new Unit(segment, [frame], [frame.offset]);
    return (yield* readUnit(yield* open(segment), unit, { cipher, bad: 'fail', bench: core.bench })).batch;
  } catch {
    return undefined;
  }
}
