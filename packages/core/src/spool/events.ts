// What the spool tells about itself: events as they happen, counters for stats.

import type { Lane } from '../lane.js';
import type { DiskState } from './health.js';
import { copyOf, type Tally, tally } from './tally.js';

/** Why records were dropped from the disk. */
export type EvictionReason = 'quota' | 'expired' | 'diskFull';

/** Something that happened to the spool. None of these needs an answer. */
export type SpoolEvent =
  | { readonly type: 'spoolStateChanged'; readonly from: SpoolState; readonly to: SpoolState; readonly code?: string }
  | { readonly type: 'segmentOpened'; readonly segment: string }
  | { readonly type: 'segmentClosed'; readonly segment: string; readonly diskBytes: number; readonly code?: string }
  | { readonly type: 'segmentDeleted'; readonly segment: string; readonly diskBytes: number }
  | {
      readonly type: 'segmentEvicted';
      readonly segment: string;
      readonly reason: EvictionReason;
      readonly lane: Lane;
      /** The segment is an earlier process's. */
      readonly recovered: boolean;
      readonly records: number;
      readonly bytes: number;
      readonly diskBytes: number;
      /** Times of the oldest record and of the eviction, ms since the epoch. */
      readonly from: number;
      readonly to: number;
    }
  | {
      readonly type: 'segmentSetAside';
      readonly segment: string;
      /** Its name among the damaged ones. */
      readonly name: string;
      readonly diskBytes: number;
    }
  | { readonly type: 'segmentLocked'; readonly segment: string; readonly reason: 'format' | 'key' | 'codec' }
  | { readonly type: 'segmentUnreadable'; readonly segment: string; readonly code: string }
  | { readonly type: 'recordsRecovered'; readonly segment: string; readonly records: number; readonly bytes: number }
  | {
      readonly type: 'recordsLost';
      readonly segment: string;
      /** The segment is an earlier process's. */
      readonly recovered: boolean;
      readonly records: number;
      readonly bytes: number;
      readonly corruptBytes: number;
    }
  | {
      readonly type: 'recordsAtRisk';
      readonly segment: string;
      readonly records: number;
      readonly bytes: number;
      readonly code: string;
    }
  | { readonly type: 'recordsDeadLettered'; readonly records: number; readonly bytes: number; readonly reason: string }
  | {
      readonly type: 'deadLettersNotKept';
      readonly records: number;
      readonly bytes: number;
      /** Why the destination refused them. */
      readonly reason: string;
      /** Why they could not be kept: the system's error code, the spool's state, or that they alone are too much. */
      readonly code: string;
    }
  | { readonly type: 'deadLettersEvicted'; readonly file: string; readonly diskBytes: number }
  | { readonly type: 'duplicatesSuppressed'; readonly records: number; readonly bytes: number }
  | { readonly type: 'queueAdopted'; readonly queueId: string; readonly segments: number; readonly diskBytes: number }
  | { readonly type: 'queueClaimFailed'; readonly queueId: string; readonly code: string }
  | {
      readonly type: 'directoryWarned';
      readonly reason: 'memory' | 'overlay' | 'network' | 'permissions';
      readonly directory: string;
    };

/** The disk's state, or `stalled` while a call to it does not return. */
export type SpoolState = DiskState | 'stalled' | 'closed';

/** What became of records, since the spool was created. */
export interface Counters {
  readonly appended: Tally;
  /** Found on the disk from earlier processes. */
  readonly recovered: Tally;
  readonly acked: Tally;
  readonly rejected: Tally;
  readonly evicted: Readonly<Record<EvictionReason, Tally>>;
  readonly lost: Tally;
  readonly duplicatesSuppressed: Tally;
  /** Written although their owner had been told otherwise in the meantime, and taken back. */
  readonly withdrawn: Tally;
}

export function newCounters(): Counters {
  return {
    appended: tally(),
    recovered: tally(),
    acked: tally(),
    rejected: tally(),
    evicted: { quota: tally(), expired: tally(), diskFull: tally() },
    lost: tally(),
    duplicatesSuppressed: tally(),
    withdrawn: tally(),
  };
}

export function copyCounters(from: Counters): Counters {
  const { quota, expired, diskFull } = from.evicted;
  return {
    appended: copyOf(from.appended),
    recovered: copyOf(from.recovered),
    acked: copyOf(from.acked),
    rejected: copyOf(from.rejected),
    evicted: { quota: copyOf(quota), expired: copyOf(expired), diskFull: copyOf(diskFull) },
    lost: copyOf(from.lost),
    duplicatesSuppressed: copyOf(from.duplicatesSuppressed),
    withdrawn: copyOf(from.withdrawn),
  };
}

/** How long something took. */
export class Latency {
  count = 0;
  totalMs = 0;
  maxMs = 0;
  add(ms: number): void {
    this.count++;
    this.totalMs += ms;
    if (ms > this.maxMs) this.maxMs = ms;
  }
}
