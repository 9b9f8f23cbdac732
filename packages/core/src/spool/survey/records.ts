// The records of segments, for whoever asked to see them: batch by batch, checked, decrypted, decompressed.

import type { Batch } from '../../batch.js';
import { attempt, type Steps } from '../file-system.js';
import type { Keys } from '../keys.js';
import { readUnit } from '../reader.js';
import type { Unit } from '../segment.js';
import { openToLook, readingDisk } from './reading-disk.js';
import { type SegmentPlace, walkSegment } from './segment-survey.js';

/** Records of a segment that belong together. */
export interface FoundBatch {
  /** Unset where it could not be read. */
  readonly batch?: Batch;
  /** Acked or rejected: not to be delivered again. */
  readonly settled: boolean;
  /** Records that could not be read. */
  readonly lost: number;
  /** Set instead where the whole segment cannot be read here. */
  readonly locked?: 'key' | 'codec' | 'format';
}

/**
 * Reads the batches of a segment, one at a time, in order. What is damaged is counted and passed over; nothing comes
 * from a segment that is gone. Rejects where the disk cannot be read.
 */
export async function* readBatches(place: SegmentPlace, keys: Keys): AsyncGenerator<FoundBatch> {
  const disk = readingDisk();
  const { walk } = await disk.run(() => walkSegment(place));
  if (!walk) return;
  if (walk.found.foreign) return yield { settled: false, lost: 0, locked: 'format' };
  const fd = await disk.run(() => openToLook(place.path));
  if (fd === undefined) return;
  try {
    for (const unit of walk.segment.units!) {
      const read = await disk.run(() => readOne(fd, unit, keys));
      yield read;
      if (read.locked === 'key') return;
    }
  } finally {
    await disk.run(() => attempt('close', fd));
  }
}

function* readOne(fd: number, unit: Unit, keys: Keys): Steps<FoundBatch> {
  const settled = unit.state === 'settled';
  const cipher = yield* keys.cipher(unit.segment.header);
  if (cipher === 'missing') return { settled, lost: 0, locked: 'key' };
  const { batch, lost, unsupported } = yield* readUnit(fd, unit, { cipher, bad: 'zero' });
  if (unsupported) return { settled, lost: 0, locked: 'codec' };
  return { settled, lost: lost.records, ...(batch && { batch }) };
}
