// What has to be done from time to time: syncing, heartbeats, age and quota, forgiving attempts, letting go of files,
// looking for queues of the dead. One timer each for syncing and for the rest; nothing before the spool is first used.

import type { Timer } from '../runtime.js';
import type { Core } from './core.js';
import type { Drain } from './drain.js';
import { call, codeOf, DiskError, type Steps } from './file-system.js';
import type { Quota } from './quota.js';
import type { Segment } from './segment.js';
import type { Shelf } from './shelf.js';

/** Exposed bytes that do not wait for the interval. */
const syncBytes = 4 * 2 ** 20;
/** How often in a row the copies of what was rescued are synced. */
const maxSyncRounds = 4;

export interface UpkeepParts {
  readonly core: Core;
  readonly shelf: Shelf;
  readonly quota: Quota;
  readonly drain: Drain;
  /** Looks for queues to adopt. */
  readonly adopt: () => Steps<void>;
}

export class Upkeep {
  readonly #parts: UpkeepParts;
  #tick: Timer | undefined;
  #syncTimer: Timer | undefined;
  #busy = false;
  #lastScan = Number.NEGATIVE_INFINITY;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    parts.core.wake = () => this.start();
    parts.core.sync = (segment) => this.sync([segment]);
  }

  /** Starts the clock, once there is something to look after. */
  start(): void {
    const { core } = this.#parts;
    if (core.closed || this.#tick) return;
    this.#tick = core.runtime.after(core.tuning.heartbeatMs, () => {
      this.#tick = undefined;
      this.start();
      this.#run(() => this.#round());
    });
  }

  stop(): void {
    this.#tick?.cancel();
    this.#syncTimer?.cancel();
    this.#tick = undefined;
    this.#syncTimer = undefined;
  }

  #run(steps: () => Steps<void>): void {
    const { core } = this.#parts;
    // A second round must not queue up behind one that hangs.
    if (this.#busy || core.disk.stalled) return;
    this.#busy = true;
    core.disk.run(steps).then(
      () => {
        this.#busy = false;
      },
      (error) => {
        this.#busy = false;
        core.failed(error);
      },
    );
  }

  /** Everything but syncing. */
  *#round(): Steps<void> {
    const { core, shelf, quota, drain, adopt } = this.#parts;
    if ((yield* core.directory.beat()) === 'gone') core.abandonAll('ENOENT');
    yield* this.#closeIdle();
    yield* drain.forgiveHarmless();
    yield* drain.letGoOfOriginals();
    if (core.directory.ready) yield* quota.look(0);
    yield* quota.enforce();
    yield* shelf.tidy();
    const now = core.runtime.monotonic();
    if (core.options.adopt && now - this.#lastScan >= core.tuning.scanMs) {
      this.#lastScan = now;
      yield* adopt();
    }
  }

  /** Lets the next round look for queues of the dead already. */
  scanSoon(): void {
    this.#lastScan = Number.NEGATIVE_INFINITY;
  }

  /** Closes segments in which nothing waits any more, so that their bytes can go. */
  *#closeIdle(): Steps<void> {
    const { core } = this.#parts;
    for (const writer of core.writers('spill')) {
      const { segment } = writer;
      if (segment && segment.waiting.records === 0 && segment.held === 0) yield* writer.close();
    }
    // The journal is written on the spot, so it is closed on the spot.
    for (const writer of core.writers('journal')) {
      const { segment } = writer;
      if (segment && segment.waiting.records === 0 && segment.held === 0) core.disk.runNow(writer.close());
    }
  }

  /** Notes that something was written. */
  wrote(): void {
    const { core } = this.#parts;
    this.start();
    if (!core.syncing || core.dirty.size === 0) return;
    // What the destination has by now is safe without us: it goes with the interval, if its segment lives that long.
    let exposed = 0;
    for (const segment of core.dirty) exposed += segment.exposed;
    if (exposed >= syncBytes) this.#syncNow();
    else this.#syncTimer ??= core.runtime.after(core.options.syncIntervalMs, () => this.#syncNow());
  }

  #syncing = false;
  #syncNow(): void {
    const { core } = this.#parts;
    this.#syncTimer?.cancel();
    this.#syncTimer = undefined;
    if (this.#syncing || core.disk.stalled || core.closed) return;
    this.#syncing = true;
    const done = () => {
      this.#syncing = false;
      if (core.dirty.size > 0 && !core.closed) this.wrote();
    };
    core.disk.run(() => this.sync()).then(done, done);
  }

  /**
   * Syncs segments, those that have unsynced bytes unless others are named; and at once the copies of what was rescued
   * where that failed, so that their originals can go. A disk that goes on failing is left alone until the next time.
   */
  *sync(segments: readonly Segment[] = [...this.#parts.core.dirty]): Steps<void> {
    let waiting = segments;
    for (let round = 0; round < maxSyncRounds && waiting.length > 0; round++) {
      let failed = false;
      for (const segment of waiting) if (!(yield* this.#sync(segment))) failed = true;
      waiting = failed ? [...this.#parts.core.dirty] : [];
    }
    yield* this.#parts.drain.letGoOfOriginals();
  }

  /** False if it failed, and what was at risk was rescued into another segment. */
  *#sync(segment: Segment): Steps<boolean> {
    const { core, drain } = this.#parts;
    const { size, fd } = segment;
    core.dirty.delete(segment);
    if (fd === undefined || segment.durableUpTo >= size) return true;
    const started = core.runtime.monotonic();
    try {
      yield* call('sync', fd);
      // The kernel tells of a failure once: whoever syncs after it, or beside it, hears of success.
      if (segment.syncFailed !== undefined) throw new DiskError(segment.syncFailed, 'another sync failed');
      core.syncs.add(core.runtime.monotonic() - started);
      segment.durableUpTo = Math.max(segment.durableUpTo, size);
      if (segment.size > size) core.dirty.add(segment);
      return true;
    } catch (error) {
      // After a failed sync the kernel may call the pages clean: a second try would succeed without writing them.
      const writer = core.writer(segment.lane, segment.kind);
      if (writer.segment === segment) writer.abandon(codeOf(error));
      const code = codeOf(error);
      const atRisk = yield* drain.rescue(segment);
      if (atRisk.records > 0) core.emit({ type: 'recordsAtRisk', segment: segment.path, ...atRisk, code });
      return false;
    }
  }
}
