// What the parts of the spool share: options, ports, the list of segments, the disk's health, the counters.
// The parts know this and nothing of each other.

import { BufferPool } from '../buffer-pool.js';
import type { Lane } from '../lane.js';
import type { Runtime } from '../runtime.js';
import { Catalog } from './catalog.js';
import { Directory, type Identity } from './directory.js';
import { Disk } from './disk.js';
import { type Counters, Latency, newCounters, type SpoolEvent, type SpoolState } from './events.js';
import { codeOf, type FileSystem, type Steps } from './file-system.js';
import { Health, isGone, type Pauses } from './health.js';
import { Keys } from './keys.js';
import type { SpoolOptions } from './options.js';
import { Workbench } from './prepare.js';
import { type Segment, Unit } from './segment.js';
import { type SegmentKind, segmentKinds } from './segment-header.js';
import { add, type Tally, tally } from './tally.js';
import { SegmentWriter, type Written } from './writer.js';

/** Times and sizes that are not for users to set, open to tests and tools. */
export interface Tuning {
  /** Segment files are closed at this size. */
  readonly segmentBytes: number;
  /** A call that takes longer counts as a stalled disk. */
  readonly stallMs: number;
  readonly heartbeatMs: number;
  /** Silence that proves a death together with a dark beacon, and without one. */
  readonly silentMs: number;
  readonly foreignSilentMs: number;
  /** How often to look for queues of the dead. */
  readonly scanMs: number;
  /** A batch that was handed out this often by processes that died with it is not handed out again. */
  readonly maxAttempts: number;
  /** An attempt that its process has survived for this long is not held against the batch. */
  readonly harmlessMs: number;
  readonly pauses: Pauses;
  /** Compress in the background. */
  readonly offload: boolean;
}

export interface CoreOptions {
  readonly options: SpoolOptions;
  readonly tuning: Tuning;
  readonly runtime: Runtime;
  readonly fs: FileSystem;
  readonly identity: Identity;
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: SpoolEvent) => void;
  /** Memory for the batches that are handed out; without it, each has its own. */
  readonly buffers: BufferPool | undefined;
}

export class Core {
  readonly options: SpoolOptions;
  readonly tuning: Tuning;
  readonly runtime: Runtime;
  readonly fs: FileSystem;
  readonly identity: Identity;
  readonly catalog = new Catalog();
  readonly health: Health;
  readonly disk: Disk;
  readonly directory: Directory;
  readonly keys: Keys;
  readonly buffers: BufferPool;
  /** For what is written and read in the background. */
  readonly bench = new Workbench();
  readonly counters: Counters = newCounters();
  /** Bytes that were wrong. */
  corruptBytes = 0;
  readonly writes = new Latency();
  readonly syncs = new Latency();
  /** Segments with bytes that the disk itself may not have yet. */
  readonly dirty = new Set<Segment>();
  closed = false;
  /** The disk belongs to another machine: others may take silence for death and our directory with it. */
  remote = false;
  readonly #onEvent: (event: SpoolEvent) => void;
  readonly #writers: Record<SegmentKind, Map<Lane, SegmentWriter>> = {
    spill: new Map(),
    journal: new Map(),
    exit: new Map(),
  };
  #told: SpoolState = 'idle';
  /** Called when there is something that `Upkeep` should look after. */
  wake: () => void = () => {};
  /** Syncs a segment; what a failure puts at risk is written again elsewhere. */
  sync: (segment: Segment) => Steps<void> = function* () {};
  /** Called when the disk stops answering. */
  stalled: () => void = () => {};

  constructor(given: CoreOptions) {
    const { options, tuning, runtime, fs, identity, folder, env, onEvent, buffers } = given;
    this.options = options;
    this.tuning = tuning;
    this.runtime = runtime;
    this.fs = fs;
    this.identity = identity;
    this.#onEvent = onEvent;
    this.buffers = buffers ?? new BufferPool(0, 0, runtime);
    this.health = new Health(tuning.pauses);
    this.keys = new Keys(options.encryption, env);
    this.disk = new Disk({
      fs,
      runtime,
      stallMs: tuning.stallMs,
      offload: tuning.offload,
      onStall: () => {
        this.tellState();
        this.stalled();
      },
      onResume: () => this.tellState(),
    });
    this.directory = new Directory({
      fs,
      runtime,
      folder,
      identity,
      syncNames: this.syncing,
      created: (closedToOthers) => {
        if (!closedToOthers) this.emit({ type: 'directoryWarned', reason: 'permissions', directory: folder });
        this.wake();
      },
    });
  }

  /** Whether anything is ever synced. */
  get syncing(): boolean {
    return this.options.sync !== 'none';
  }

  get state(): SpoolState {
    if (this.closed) return 'closed';
    return this.disk.stalled ? 'stalled' : this.health.state;
  }

  /** Whether a write may be tried now. */
  get writable(): boolean {
    return !this.closed && !this.disk.stalled && this.health.open(this.runtime.monotonic());
  }

  /** Events never throw into the spool, whatever their listener does. */
  emit(event: SpoolEvent): void {
    try {
      this.#onEvent(event);
    } catch {
      // The listener's trouble is not ours.
    }
  }

  tellState(code?: string): void {
    const from = this.#told;
    const to = this.state;
    if (from === to) return;
    this.#told = to;
    this.emit({ type: 'spoolStateChanged', from, to, ...(code !== undefined && { code }) });
  }

  succeeded(): void {
    this.health.succeeded();
    this.tellState();
  }

  failed(error: unknown): void {
    const code = codeOf(error);
    this.health.failed(code, this.runtime.monotonic());
    this.tellState(code);
  }

  /** The writer of a lane for one kind of segment. */
  writer(lane: Lane, kind: SegmentKind): SegmentWriter {
    let writer = this.#writers[kind].get(lane);
    if (!writer) {
      writer = new SegmentWriter({
        lane,
        kind,
        directory: this.directory,
        segmentBytes: this.tuning.segmentBytes,
        syncNames: this.syncing,
        now: () => this.runtime.now(),
        random: () => this.runtime.random(),
        key: () => this.keys.current(),
        opened: (segment) => {
          this.catalog.add(segment);
          this.emit({ type: 'segmentOpened', segment: segment.path });
        },
        closed: (segment, code) => {
          const about = { segment: segment.path, diskBytes: segment.size, ...(code !== undefined && { code }) };
          this.emit({ type: 'segmentClosed', ...about });
          this.wake();
        },
      });
      this.#writers[kind].set(lane, writer);
    }
    return writer;
  }

  *writers(kind: SegmentKind): Generator<SegmentWriter> {
    yield* this.#writers[kind].values();
  }

  /** After a name was not found: whoever took the directory away took its files too. */
  *startOver(code: string): Steps<void> {
    if (!isGone(code)) return;
    if ((yield* this.directory.beat()) === 'gone') this.abandonAll(code);
  }

  /**
   * Before a write where others may have taken us for dead, because there is no beacon or they are on other machines:
   * what is written into a directory that is no longer ours may be deleted unread.
   */
  *fence(): Steps<void> {
    if (this.deceivable) yield* this.startOver('ENOENT');
  }

  /** Whether others may take us for dead although we live. */
  get deceivable(): boolean {
    return this.directory.ready && (this.remote || !this.directory.lit);
  }

  abandonAll(code: string): void {
    for (const kind of segmentKinds) for (const writer of this.writers(kind)) writer.abandon(code);
  }

  /** Puts a frame of records that was just written on the books. */
  include({ segment, offset, header }: Written): Unit {
    const unit = new Unit(segment, [{ offset, header }], [offset]);
    unit.segment.include(unit);
    add(this.counters.appended, unit);
    if (this.syncing) this.dirty.add(unit.segment);
    return unit;
  }

  /** What waits on the disk. */
  get waiting(): Tally {
    const sum = tally();
    for (const segment of this.catalog.all()) add(sum, segment.waiting);
    return sum;
  }

  get segmentBytes(): number {
    return this.catalog.sum((segment) => segment.size);
  }
}
