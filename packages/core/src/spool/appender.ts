// Spilling: batches wait here for the disk and go out together, in order, one frame each.
// A batch that waited while the disk stalled is given back to its owner; if its bytes reach the disk after all, they are
// taken back there. Nothing throws: a refused batch resolves to undefined and stays with its owner.

import type { Batch } from '../batch.js';
import type { Lane } from '../lane.js';
import { codecs, supports } from './compression.js';
import type { Core } from './core.js';
import { SegmentCipher } from './encryption.js';
import { call, codeOf, type Steps } from './file-system.js';
import { frameSize, frameTypes } from './frame.js';
import { isFull } from './health.js';
import { footerBytes } from './marker.js';
import { fits, forget, type PreparedFrame, prepare } from './prepare.js';
import type { Quota } from './quota.js';
import type { Receipt, Segment, Unit } from './segment.js';
import { type SegmentKind, segmentHeaderBytes } from './segment-header.js';
import { add } from './tally.js';
import { cutBack, type Written } from './writer.js';

interface Request {
  readonly batch: Batch;
  readonly lane: Lane;
  /** Its owner has been told no. */
  withdrawn: boolean;
  settle(receipt: Receipt | undefined): void;
}

/** Most frames and bytes that go out with one write. */
const groupFrames = 16;
const groupBytes = 4 * 2 ** 20;

/** Bytes that a new segment needs besides its frames of records: header and footer. */
const segmentRoom = segmentHeaderBytes + frameSize(footerBytes);

/** Bytes that a frame takes at most. */
function frameRoom(chunks: readonly Buffer[]): number {
  return frameSize(chunks.reduce((sum, { length }) => sum + length, SegmentCipher.overhead));
}

export class Appender {
  readonly #core: Core;
  readonly #quota: Quota;
  readonly #codec: number;
  readonly #waiting: Request[] = [];
  readonly #pending = new Set<Request>();
  #running = false;

  constructor(core: Core, quota: Quota) {
    this.#core = core;
    this.#quota = quota;
    const { compression } = core.options;
    const codec = codecs[compression === 'auto' ? 'brotli' : compression];
    this.#codec = supports(codec) ? codec : codecs.brotli;
  }

  append(batch: Batch, lane: Lane): Promise<Receipt | undefined> {
    if (!this.#core.writable || !fits(batch)) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const request: Request = {
        batch,
        lane,
        withdrawn: false,
        settle: (receipt) => {
          this.#pending.delete(request);
          resolve(receipt);
        },
      };
      this.#pending.add(request);
      this.#waiting.push(request);
      if (!this.#running) {
        this.#running = true;
        this.#core.disk.run(() => this.#flush()).catch(() => {});
      }
    });
  }

  /** Gives all waiting batches back to their owners. */
  giveBack(): void {
    for (const request of [...this.#pending]) {
      request.withdrawn = true;
      request.settle(undefined);
    }
  }

  *#flush(): Steps<void> {
    try {
      for (let group = this.#take(); group.length > 0; group = this.#take()) yield* this.#writeGroup(group);
    } finally {
      this.#running = false;
      for (const request of this.#waiting.splice(0)) request.settle(undefined);
    }
  }

  /** The next requests of one lane that fit one write. */
  #take(): Request[] {
    const group: Request[] = [];
    let bytes = 0;
    while (this.#waiting.length > 0 && group.length < groupFrames) {
      const next = this.#waiting[0]!;
      if (group.length > 0 && (next.lane !== group[0]!.lane || bytes + next.batch.bytes.length > groupBytes)) break;
      this.#waiting.shift();
      if (next.withdrawn) continue;
      bytes += next.batch.bytes.length;
      group.push(next);
    }
    return group;
  }

  *#writeGroup(group: readonly Request[]): Steps<void> {
    const { lane } = group[0]!;
    let units: Unit[] | undefined;
    const frames: PreparedFrame[] = [];
    try {
      const { bench } = this.#core;
      for (const { batch } of group) frames.push(yield* prepare(batch, frameTypes.batch, this.#codec, bench));
      units = yield* this.write(frames, lane, 'spill');
    } catch (error) {
      this.#core.failed(error);
    }
    for (const frame of frames) forget(frame);
    group.forEach((request, i) => {
      const unit = units?.[i];
      if (!request.withdrawn) request.settle(unit);
      else if (unit) this.#takeBack(unit);
    });
  }

  #takeBack(unit: Unit): void {
    add(this.#core.counters.withdrawn, unit.segment.settle(unit, 'rejected'));
    this.#core.wake();
  }

  /** Writes frames, once more in a new segment if that fails. Undefined where the disk will not have them. */
  *write(frames: readonly PreparedFrame[], lane: Lane, kind: SegmentKind): Steps<Unit[] | undefined> {
    const { runtime, options } = this.#core;
    const size = frames.reduce((sum, { chunks }) => sum + frameRoom(chunks), segmentRoom);
    if (!(yield* this.#quota.makeRoom(size, lane))) return undefined;
    const writer = this.#core.writer(lane, kind);
    for (let last = false; ; last = true) {
      const started = runtime.monotonic();
      try {
        yield* this.#core.fence();
        const written = yield* writer.write(frames);
        if (options.sync === 'always') yield* this.#syncOrUndo(written);
        this.#core.writes.add(runtime.monotonic() - started);
        this.#core.succeeded();
        return written.map((each) => this.#core.include(each));
      } catch (error) {
        const code = codeOf(error);
        yield* this.#core.startOver(code);
        if (last || (isFull(code) && !(yield* this.#quota.yield(lane, 'diskFull')))) {
          this.#core.failed(error);
          return undefined;
        }
      }
    }
  }

  /** A promise of `always` is given only after the sync; after a failed one the frames must not stay valid here. */
  *#syncOrUndo(written: readonly Written[]): Steps<void> {
    const { segment, offset } = written[0]!;
    const end = segment.size;
    const started = this.#core.runtime.monotonic();
    try {
      yield* call('sync', segment.fd!);
      this.#core.syncs.add(this.#core.runtime.monotonic() - started);
      segment.durableUpTo = Math.max(segment.durableUpTo, end);
    } catch (error) {
      this.#abandon(segment, codeOf(error));
      segment.size = offset;
      yield* cutBack(segment);
      throw error;
    }
  }

  #abandon(segment: Segment, code: string): void {
    const writer = this.#core.writer(segment.lane, segment.kind);
    if (writer.segment === segment) writer.abandon(code);
  }
}
