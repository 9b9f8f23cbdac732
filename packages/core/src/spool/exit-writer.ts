// Last words, on the spot: batches still in memory when the process ends go into segments of their own, so that whatever
// the background was doing to other files cannot be in the way. What fits the time is written, then synced once.

import type { Core } from './core.js';
import { attempt, type Steps } from './file-system.js';
import { frameTypes } from './frame.js';
import { fits, prepareNow } from './prepare.js';
import type { Receipt, Segment, Unit } from './segment.js';
import type { Shelf } from './shelf.js';
import type { LastBatch } from './spool.js';

export class ExitWriter {
  readonly #core: Core;
  readonly #shelf: Shelf;

  constructor(core: Core, shelf: Shelf) {
    this.#core = core;
    this.#shelf = shelf;
  }

  write(batches: readonly LastBatch[], budgetMs: number): Receipt[] {
    const { runtime, disk } = this.#core;
    const end = runtime.monotonic() + budgetMs;
    const receipts: Receipt[] = [];
    // Not held up by an earlier failure: this is the last chance, and a failure costs nothing.
    if (this.#core.closed || this.#core.disk.stalled || budgetMs <= 0) return receipts;
    const touched = new Set<Segment>();
    for (const each of batches) {
      if (runtime.monotonic() >= end) break;
      if (!fits(each.batch)) continue;
      try {
        const unit = disk.runNow(this.#one(each));
        touched.add(unit.segment);
        receipts.push(unit);
      } catch (error) {
        this.#core.failed(error);
        break;
      }
    }
    disk.runNow(this.#finish(touched));
    return receipts;
  }

  *#one({ batch, lane }: LastBatch): Steps<Unit> {
    yield* this.#core.fence();
    const writer = this.#core.writer(lane, 'exit');
    const written = yield* writer.write([prepareNow(batch, frameTypes.batch)]);
    return this.#core.include(written[0]!);
  }

  /** Footers, pending ack slots, one sync, and a last heartbeat that opens the queue to adoption. */
  *#finish(touched: ReadonlySet<Segment>): Steps<void> {
    for (const writer of this.#core.writers('exit')) yield* writer.close();
    for (const segment of this.#core.catalog.all()) yield* this.#shelf.writeSlots(segment);
    yield* this.#core.directory.sayLast();
    if (!this.#core.syncing) return;
    for (const segment of touched) {
      if (segment.fd === undefined || !(yield* attempt('sync', segment.fd))) continue;
      segment.durableUpTo = segment.size;
      this.#core.dirty.delete(segment);
    }
  }
}
