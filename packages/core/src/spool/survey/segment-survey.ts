// One segment file, looked at without changing it: every frame's header and ack slot, and where bytes are not what was
// written. Payloads are not read; `verify` does that.

import type { Lane } from '../../lane.js';
import { attempt, call, codeOf, type Steps } from '../file-system.js';
import { encryptedFlag, frameTypes, type Settled } from '../frame.js';
import { Segment } from '../segment.js';
import type { SegmentKind } from '../segment-header.js';
import { add, type Tally, tally } from '../tally.js';
import { unitsOf } from '../units.js';
import { type Damage, type FoundFrame, type Walk, walk } from '../walk.js';

/** What a frame's header and slots say. */
export interface FrameSurvey {
  readonly offset: number;
  readonly type: 'batch' | 'piece' | 'seal';
  /** Unset while it waits. The pieces of a sealed batch are settled by their seal. */
  readonly settled?: Settled;
  /** Attempts to deliver it that its process did not survive so far. */
  readonly attempts: number;
  readonly records: number;
  /** Bytes of the records' lines, and of the frame's payload on the disk. */
  readonly lineBytes: number;
  readonly storedBytes: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly maxLevel: number;
  readonly codec: 'none' | 'gzip' | 'brotli' | 'zstd' | 'unknown';
  readonly encrypted: boolean;
}

/** A segment file. */
export interface SegmentSurvey {
  readonly path: string;
  readonly queueId: string;
  readonly lane: Lane;
  readonly number: number;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly createdAt: number;
  /** Unset where the file's first bytes are lost. */
  readonly kind?: SegmentKind;
  /**
   * closed: ended in order; open: not, because it is being written or its writer died; foreign: of a later format;
   * unreadable: see `code`; gone: deleted while we looked.
   */
  readonly state: 'closed' | 'open' | 'foreign' | 'unreadable' | 'gone';
  readonly code?: string;
  readonly encrypted: boolean;
  /** Names the key, in hex: the first 16 bytes of its SHA-256. */
  readonly keyId?: string;
  readonly frames: number;
  /** Records in intact frames, and those of them that wait. */
  readonly records: number;
  readonly waiting: Readonly<Tally>;
  /** Times of the oldest and newest waiting record, ms since the epoch. */
  readonly oldest?: number;
  readonly newest?: number;
  /** Most attempts of a waiting batch. */
  readonly attempts: number;
  /** Records that the file itself proves to be missing. */
  readonly lost: Readonly<Tally>;
  readonly damage: readonly Damage[];
}

const codecNames = ['none', 'gzip', 'brotli', 'zstd'] as const;
const typeNames = { [frameTypes.batch]: 'batch', [frameTypes.piece]: 'piece', [frameTypes.seal]: 'seal' } as const;

/** Where a segment file is, and what its name says. */
export interface SegmentPlace {
  readonly path: string;
  readonly queueId: string;
  readonly lane: Lane;
  readonly number: number;
}

/** A walked segment with what the survey says about it. */
export interface Walked {
  readonly survey: SegmentSurvey;
  /** Unset where it could not be read. */
  readonly walk?: { readonly segment: Segment; readonly found: Walk };
}

/** Walks a segment, or says why that cannot be. Never throws because of the disk. */
export function* walkSegment(place: SegmentPlace): Steps<Walked> {
  try {
    const info = yield* call('stat', place.path);
    if (info.kind !== 'file') return blank(place, 'unreadable', info.kind === 'directory' ? 'EISDIR' : 'ELOOP');
    const fd = yield* call('open', place.path, 'read');
    try {
      const found = yield* walk(fd, { segmentNumber: place.number, bad: 'zero' });
      return describe(place, { bytes: yield* call('size', fd), modifiedMs: info.modifiedMs, found });
    } finally {
      yield* attempt('close', fd);
    }
  } catch (error) {
    const code = codeOf(error);
    return code === 'ENOENT' ? blank(place, 'gone') : blank(place, 'unreadable', code);
  }
}

function blank(place: SegmentPlace, state: SegmentSurvey['state'], code?: string): Walked {
  const none = { bytes: 0, modifiedMs: 0, createdAt: 0, encrypted: false, frames: 0, records: 0, attempts: 0 };
  const survey = { ...place, ...none, state, ...(code && { code }), waiting: tally(), lost: tally(), damage: [] };
  return { survey };
}

function describe(
  place: SegmentPlace,
  { bytes, modifiedMs, found }: { bytes: number; modifiedMs: number; found: Walk },
): Walked {
  const { header, frames, footer, foreign } = found;
  const createdAt = header?.createdAt ?? modifiedMs;
  const segment = new Segment({ ...place, kind: header?.kind ?? 'spill', createdAt, header, recovered: true });
  const waiting = tally();
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  let attempts = 0;
  segment.units = unitsOf(segment, frames);
  for (const unit of segment.units) {
    if (unit.state === 'settled') continue;
    add(waiting, unit);
    attempts = Math.max(attempts, unit.attempts);
    for (const { header } of unit.parts) {
      oldest = Math.min(oldest, header.minTime);
      newest = Math.max(newest, header.maxTime);
    }
  }
  const survey: SegmentSurvey = {
    ...place,
    bytes,
    modifiedMs,
    createdAt,
    ...(header && { kind: header.kind }),
    state: foreign ? 'foreign' : footer ? 'closed' : 'open',
    encrypted: header?.encrypted ?? false,
    ...(header?.encrypted && { keyId: header.keyId.toString('hex') }),
    frames: frames.length,
    records: frames.reduce((sum, { header }) => sum + header.recordCount, 0),
    waiting,
    ...(waiting.records > 0 && { oldest, newest }),
    attempts,
    lost: found.lost,
    damage: found.damage,
  };
  return { survey, walk: { segment, found } };
}

/** What a frame says about itself. */
export function surveyFrame({ offset, header, mark, attempts }: FoundFrame): FrameSurvey {
  const { recordCount: records, lineBytes, storedLength: storedBytes, codec, flags, type } = header;
  const { firstSequence, lastSequence, minTime, maxTime, maxLevel } = header;
  return {
    offset,
    type: type === frameTypes.footer ? 'seal' : typeNames[type],
    ...(mark && { settled: mark }),
    attempts,
    records,
    lineBytes,
    storedBytes,
    firstSequence,
    lastSequence,
    minTime,
    maxTime,
    maxLevel,
    codec: codecNames[codec] ?? 'unknown',
    encrypted: (flags & encryptedFlag) !== 0,
  };
}
