// Reads a segment from its first byte to its last and says where it is not what was written, and what that costs.
// Every frame's payload is checked against its checksum; with the key, and a codec that this Node has, it is also
// decrypted, decompressed and decoded. Nothing of the records leaves this file.

import { crc32 } from 'node:zlib';
import { supports } from '../compression.js';
import type { SegmentCipher } from '../encryption.js';
import { attempt, readUpTo, type Steps } from '../file-system.js';
import { frameHeaderBytes } from '../frame.js';
import type { Keys } from '../keys.js';
import { readUnit } from '../reader.js';
import { type Part, type Segment, Unit } from '../segment.js';
import type { Damage, FoundFrame, Walk } from '../walk.js';
import { openToLook, readingDisk } from './reading-disk.js';
import { type SegmentPlace, type SegmentSurvey, walkSegment } from './segment-survey.js';

/** One place in a segment that is wrong. */
export interface Fault {
  readonly offset: number;
  readonly bytes: number;
  /** As {@link Damage}; payload: its checksum is wrong; undecodable: its checksum is right, its contents are not. */
  readonly kind: Damage['kind'] | 'payload' | 'undecodable';
  /** Records that are gone by it; unset where nothing behind it tells. */
  readonly records?: number;
  /** These had been acked or rejected before: nothing is lost. */
  readonly settled?: boolean;
}

/** What a segment was found to be. */
export interface Verification {
  readonly segment: SegmentSurvey;
  readonly faults: readonly Fault[];
  /** There were more faults than are listed. */
  readonly truncated: boolean;
  /** Frames whose checksums are right, and of those the ones whose contents were decoded as well. */
  readonly intactFrames: number;
  readonly decodedFrames: number;
  /** Records that are lost: proven by the file, or in frames that wait and cannot be read. */
  readonly lostRecords: number;
  /** Why contents were not decoded. */
  readonly locked?: 'key' | 'codec' | 'format';
}

const maxFaults = 1000;

/** Checks every frame of a segment. Never rejects because of the disk: the survey's `state` says so. */
export function verifySegment(place: SegmentPlace, keys: Keys): Promise<Verification> {
  return readingDisk().run(() => verify(place, keys));
}

function* verify(place: SegmentPlace, keys: Keys): Steps<Verification> {
  const { survey, walk } = yield* walkSegment(place);
  const none = { faults: [], truncated: false, intactFrames: 0, decodedFrames: 0, lostRecords: 0 };
  if (!walk) return { segment: survey, ...none };
  const fd = yield* openToLook(place.path);
  if (fd === undefined) return { segment: { ...survey, state: 'gone' }, ...none };
  try {
    return yield* checkFrames(fd, { survey, ...walk }, keys);
  } finally {
    yield* attempt('close', fd);
  }
}

interface Open {
  readonly survey: SegmentSurvey;
  readonly segment: Segment;
  readonly found: Walk;
}

function* checkFrames(fd: number, { survey, segment, found }: Open, keys: Keys): Steps<Verification> {
  const cipher = yield* keys.cipher(found.header);
  const faults = found.damage.map((damage) => withLoss(damage, found));
  const settled = settledOffsets(segment.units!);
  let locked: Verification['locked'] = found.foreign ? 'format' : cipher === 'missing' ? 'key' : undefined;
  let intactFrames = 0;
  let decodedFrames = 0;
  let lostRecords = found.lost.records;
  for (const frame of found.frames) {
    const { offset, header } = frame;
    const result = yield* check(fd, frame, { segment, cipher });
    if (result === 'locked') locked ??= 'codec';
    if (result === 'payload' || result === 'undecodable') {
      const gone = settled.has(offset);
      if (!gone) lostRecords += header.recordCount;
      const about = { records: header.recordCount, ...(gone && { settled: true }) };
      faults.push({ offset, bytes: frameHeaderBytes + header.storedLength, kind: result, ...about });
      continue;
    }
    intactFrames++;
    if (result === 'decoded') decodedFrames++;
  }
  faults.sort((a, b) => a.offset - b.offset);
  const truncated = faults.length > maxFaults;
  return {
    segment: survey,
    faults: faults.slice(0, maxFaults),
    truncated,
    intactFrames,
    decodedFrames,
    lostRecords,
    ...(locked && { locked }),
  };
}

interface Reading {
  readonly segment: Segment;
  readonly cipher: SegmentCipher | undefined | 'missing';
}

function* check(fd: number, { offset, header, pieces }: FoundFrame, { segment, cipher }: Reading) {
  // The walk has checked the contents of seals.
  if (pieces) return 'decoded';
  const payload = yield* readUpTo(fd, header.storedLength, offset + frameHeaderBytes, 'zero');
  if (payload.length !== header.storedLength || crc32(payload) !== header.payloadCrc) return 'payload';
  if (cipher === 'missing') return 'intact';
  if (!supports(header.codec)) return 'locked';
  const part: Part = { offset, header };
  const { batch } = yield* readUnit(fd, new Unit(segment, [part], [offset]), { cipher, bad: 'zero' });
  return batch ? 'decoded' : 'undecodable';
}

/** Frames whose records are out of the spool's hands. */
function settledOffsets(units: readonly Unit[]): Set<number> {
  const offsets = new Set<number>();
  for (const { state, parts } of units) if (state === 'settled') for (const { offset } of parts) offsets.add(offset);
  return offsets;
}

/** What a damaged region cost, by the counts of the frames around it. */
function withLoss(damage: Damage, { frames, footer, lost }: Walk): Fault {
  if (damage.kind === 'marker') return { ...damage, records: 0 };
  const counts = frames.map(({ offset, header }) => ({
    offset,
    before: header.recordsBefore,
    own: header.recordCount,
  }));
  const last = counts.filter(({ offset }) => offset < damage.offset).at(-1);
  const missing = gapsBefore(counts);
  const torn = lost.records - missing;
  const next = counts.find(({ offset }) => offset >= damage.offset + damage.bytes)?.before ?? footer?.records;
  // The header of a torn frame still says what was in it.
  if (next === undefined) return damage.kind === 'torn' && torn > 0 ? { ...damage, records: torn } : damage;
  return { ...damage, records: Math.max(0, next - (last ? last.before + last.own : 0)) };
}

/** Records that frames prove to be missing in front of them. */
function gapsBefore(counts: readonly { readonly before: number; readonly own: number }[]): number {
  const top = counts.reduce((most, { before, own }) => Math.max(most, before + own), 0);
  return top - counts.reduce((sum, { own }) => sum + own, 0);
}
