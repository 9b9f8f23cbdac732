// Keeps the spool within its bounds by deleting whole segments: what is too old, then the lowest lane's oldest.
// A lane never evicts a higher one; what is in somebody's hands is not touched; what is deleted is counted exactly.

import { LANES, type Lane } from '../lane.js';
import type { Core } from './core.js';
import { diskKind } from './environment.js';
import type { EvictionReason } from './events.js';
import { attempt, call, type Steps } from './file-system.js';
import type { Segment } from './segment.js';
import type { Shelf } from './shelf.js';
import { add, copyOf } from './tally.js';

/** How much of the quota lower lanes may use, so that there is room for higher ones. */
const share: Record<Lane, number> = { high: 1, normal: 0.75, low: 0.5 };
const rank = (lane: Lane) => LANES.indexOf(lane);

/** How long a look at the free space is good for, in ms and in bytes written. */
const lookMs = 5000;
const lookBytes = 16 * 2 ** 20;
/** How often to look at what is kept beside the queues, which other processes share. */
const measureMs = 60_000;

/** Files beside the queues that count too. */
export interface Kept {
  readonly bytes: number;
  /** Looks how much there is. */
  measure(): Steps<void>;
}

export class Quota {
  readonly #core: Core;
  readonly #shelf: Shelf;
  readonly #kept: readonly Kept[];
  #lookedAt = Number.NEGATIVE_INFINITY;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #warned = false;
  #sinceLook = 0;
  #low = false;
  #estimate = Number.POSITIVE_INFINITY;

  constructor(core: Core, shelf: Shelf, kept: readonly Kept[]) {
    this.#core = core;
    this.#shelf = shelf;
    this.#kept = kept;
  }

  get diskBytes(): number {
    return this.#kept.reduce((sum, { bytes }) => sum + bytes, this.#core.segmentBytes);
  }

  /** Room for another frame, without looking at the disk: for writes that cannot wait. */
  hasRoom(size: number): boolean {
    const { maxBytes, maxSegments } = this.#core.options;
    if (this.#low || this.#core.catalog.size >= maxSegments + LANES.length) return false;
    // Summed up anew only when the running sum says that it is too much.
    this.#estimate += size;
    if (this.#estimate <= maxBytes) return true;
    this.#estimate = this.diskBytes + size;
    this.#core.wake();
    return this.#estimate <= maxBytes + this.#core.tuning.segmentBytes;
  }

  /** Whether there is something to delete. */
  get exceeded(): boolean {
    const { maxBytes, maxSegments } = this.#core.options;
    return this.diskBytes > maxBytes || this.#core.catalog.size > maxSegments;
  }

  /** Makes room for a write; false where there is none to be had. */
  *makeRoom(size: number, lane: Lane): Steps<boolean> {
    yield* this.look(size);
    if (this.#low && !(yield* this.yield(lane, 'diskFull'))) {
      this.#core.failed({ code: 'ENOSPC' });
      return false;
    }
    while (this.#over(size, lane)) {
      if (!(yield* this.yield(lane, 'quota'))) return false;
    }
    return true;
  }

  /** Brings the spool back within its bounds. */
  *enforce(): Steps<void> {
    yield* this.expire();
    while (this.exceeded && (yield* this.evict('high', 'quota')));
  }

  #over(size: number, lane: Lane): boolean {
    const { maxBytes, maxSegments } = this.#core.options;
    if (this.diskBytes + size > maxBytes || this.#core.catalog.size > maxSegments) return true;
    const upTo = this.#core.catalog.sum((segment) => (rank(segment.lane) >= rank(lane) ? segment.size : 0));
    return lane !== 'high' && upTo + size > maxBytes * share[lane];
  }

  /** Deletes a segment for a new batch: of a lower lane, or, where the oldest gives way, of the same. */
  *yield(lane: Lane, reason: EvictionReason): Steps<boolean> {
    const lower = LANES[rank(lane) + 1];
    if (this.#core.options.whenFull === 'dropOldest') return yield* this.evict(lane, reason);
    return lower !== undefined && (yield* this.evict(lower, reason));
  }

  /** Deletes what is older than the limit. */
  *expire(): Steps<void> {
    const limit = this.#core.runtime.now() - this.#core.options.maxAgeMs;
    for (const segment of [...this.#core.catalog.all()]) {
      if (segment.createdAt < limit && isFree(segment)) yield* this.#delete(segment, 'expired');
    }
  }

  /** Deletes one segment of this lane or a lower one, the lowest and oldest first. False where there is none. */
  *evict(lane: Lane, reason: EvictionReason): Steps<boolean> {
    for (const each of [...LANES].reverse()) {
      if (rank(each) < rank(lane)) break;
      const victim = this.#victim(each);
      if (victim) return yield* this.#delete(victim, reason);
    }
    return false;
  }

  #victim(lane: Lane): Segment | undefined {
    return this.#core.catalog.of(lane).find(isFree);
  }

  *#delete(segment: Segment, reason: EvictionReason): Steps<boolean> {
    try {
      // Walked first, so that what is counted is what was still waiting.
      yield* this.#shelf.load(segment);
    } catch {
      // The estimate has to do.
    }
    const { path, lane, recovered, size: diskBytes } = segment;
    const dropped = copyOf(segment.waiting);
    const to = this.#core.runtime.now();
    const from = Number.isFinite(segment.oldest) ? segment.oldest : segment.createdAt;
    add(this.#core.counters.evicted[reason], dropped);
    if (dropped.records > 0) {
      this.#core.emit({
        type: 'segmentEvicted',
        segment: path,
        reason,
        lane,
        recovered,
        ...dropped,
        diskBytes,
        from,
        to,
      });
    }
    add(segment.waiting, dropped, -1);
    segment.units = [];
    // To make room, nothing may be kept.
    segment.damaged = false;
    return yield* this.#shelf.discard(segment);
  }

  /** Says once what is special about the disk under the spool. */
  #warn(type: number, folder: string): void {
    const reason = this.#warned ? undefined : diskKind(type);
    if (reason === 'network') this.#core.remote = true;
    this.#warned = true;
    if (reason) this.#core.emit({ type: 'directoryWarned', reason, directory: folder });
  }

  /** Looks at the free space of the disk now and then. */
  *look(size: number): Steps<void> {
    const { runtime, options, directory } = this.#core;
    this.#sinceLook += size;
    const now = runtime.monotonic();
    if (now - this.#lookedAt < lookMs && this.#sinceLook < lookBytes && !this.#low) return;
    this.#lookedAt = now;
    this.#sinceLook = 0;
    if (!directory.ready) yield* attempt('makeDirectories', directory.folder);
    try {
      const info = yield* call('info', directory.folder);
      this.#warn(info.type, directory.folder);
      // A small volume may be used too.
      const spare = Math.min(options.minFreeBytes, info.totalBytes / 10);
      this.#low = info.freeBytes < spare || info.freeInodes < Math.min(1000, info.totalInodes / 20);
    } catch {
      // Without an answer the writes themselves will tell.
      this.#low = false;
    }
    if (now - this.#measuredAt < measureMs) return;
    this.#measuredAt = now;
    for (const kept of this.#kept) yield* kept.measure();
  }
}

/** Whether nobody writes to a segment, holds any of it, or depends on it. */
function isFree({ active, held, originals }: Segment): boolean {
  return !active && held === 0 && originals.size === 0;
}
