// The pipeline: the one file that wires the stages, and the first to read.
//
//  line ─► LineFeed ─► Intake ─► Queue ─► Deliverer ─────────► acked ─► freed
//          whole lines  open       │        encode · send · classify
//                       batches    │ full    ├─ retry: same bytes, later
//                                  ▼         ├─ split · partial · reject
//                        spill · whenFull    └─ given back: front of the queue, while the breaker is open
//                                 ╎                                  ▲
//                                 └──► Spooler ──► Spool ──► drain ──┘
//
// In: chunks of lines. Out: batches acked by the destination, and a count for everything else.
// Invariants: `write` never throws and never waits, but for the disk where the user asked for that; records in memory
// (open, queued, in flight) stay within `queue.maxBytes`, plus at most one chunk with `whenFull: 'block'`; nothing is
// forgotten before it is acked, rejected, dropped or on disk, each counted; `flush` and `close` may be called at any
// time, any number of times.

import { Alarm } from './alarm.js';
import type { Batch } from './batch.js';
import { Breaker } from './breaker.js';
import { BufferPool } from './buffer-pool.js';
import { Deliverer } from './deliver.js';
import { Dispatcher } from './dispatcher.js';
import { Door } from './door.js';
import { Emitter } from './events.js';
import { InFlight } from './in-flight.js';
import { Intake, type IntakePort } from './intake.js';
import { LANES, type Lane } from './lane.js';
import { type DropReason, Ledger, type Tally } from './ledger.js';
import { COMMON_KEYS } from './lines/general.js';
import { LineFeed } from './lines/line-feed.js';
import { Losses } from './losses.js';
import { Mirror } from './mirror.js';
import { type PipelineInput, type PipelineSettings, settle } from './options/pipeline-options.js';
import { Queue } from './queue.js';
import { Room } from './room.js';
import { type Runtime, systemRuntime } from './runtime.js';
import { createSpool } from './spool/spool.js';
import { spoolListener } from './spool-listener.js';
import { Spooler } from './spooler.js';
import { type Stats, totals } from './stats.js';
import type { AnyTransport, Sender } from './transport.js';
import { Waiters } from './waiters.js';
import { Warnings } from './warnings.js';
import { writerId } from './writer-id.js';

/** What became of what was written before a flush or close. */
export interface FlushReport {
  /** Whether everything was settled within the time. */
  readonly settled: boolean;
  readonly stats: Stats;
}

/** Longest that the end of the process waits for the disk. */
const EXIT_BUDGET_MS = 2000;

/** A running pipeline to one destination. Made by {@link pipeline}. */
export class Pipeline implements AsyncDisposable {
  private readonly ledger = new Ledger();
  private readonly queue = new Queue();
  private readonly inFlight = new InFlight();
  private readonly waiters: Waiters;
  private readonly room: Room;
  private readonly door: Door;
  private readonly intake: Intake;
  private readonly linger: Alarm;
  private readonly buffers: BufferPool;
  private readonly breaker: Breaker;
  private readonly deliverer: Deliverer;
  private readonly dispatcher: Dispatcher;
  private readonly sender: Sender<unknown, unknown>;
  private readonly emitter: Emitter;
  private readonly warnings: Warnings;
  private readonly losses: Losses;
  private readonly mirror: Mirror;
  private readonly spooler: Spooler | undefined;
  private readonly recovered: Tally = { records: 0, bytes: 0 };
  private readonly levels: Record<string, number>;
  private seals = 0;
  private closing: Promise<FlushReport> | undefined;
  private readonly transport: AnyTransport;
  private readonly settings: PipelineSettings;
  private readonly runtime: Runtime;

  constructor(transport: AnyTransport, settings: PipelineSettings, runtime: Runtime) {
    this.transport = transport;
    this.settings = settings;
    this.runtime = runtime;
    const { limits } = transport;
    const { batch, breaker, send, retry, keys, warnings, spool } = settings;
    const writer = writerId(runtime.now());
    this.levels = lowerCased(keys.levels);
    this.emitter = new Emitter(writer);
    this.warnings = new Warnings(warnings === 'stderr', runtime);
    const { name, ledger, emitter } = this;
    this.losses = new Losses({ name, ledger, emitter, warnings: this.warnings, runtime });
    this.mirror = new Mirror(settings.mirror);
    this.breaker = new Breaker(breaker, runtime);
    // The mirror reads batches in its own time.
    this.buffers = new BufferPool(batch.maxBytes, settings.mirror === 'off' ? send.maxInFlight + 1 : 0, runtime);
    this.waiters = new Waiters(runtime, () => this.oldestSeal());
    this.room = new Room(settings.queue, {
      memoryBytes: () => this.memoryBytes(),
      moveToDisk: () => this.spooler?.moveNow() ?? false,
      dropBatch: () => this.dropBatch(),
    });
    this.intake = new Intake(
      {
        writer,
        limits: {
          maxBytes: batch.maxBytes,
          maxRecords: batch.maxRecords,
          overheadBytes: limits.overheadBytes,
          maxSpanMs: limits.maxSpanMs ?? Number.POSITIVE_INFINITY,
        },
        maxRecordBytes: Math.min(limits.maxRecordBytes, settings.queue.maxBytes),
        keys: {
          level: keys.level ?? COMMON_KEYS.level,
          time: keys.time ?? COMMON_KEYS.time,
          levels: this.levels,
        },
        buffers: this.buffers,
        journaled: spool ? journaledLanes[spool.durability] : [],
        ...(spool && lanesOf(spool, drainsOldestFirst(settings, transport))),
      },
      this.intakePort(),
      this.ledger,
      runtime,
    );
    this.linger = new Alarm(runtime, () => this.intake.seal());
    this.spooler = spool && this.newSpooler(spool, writer);
    this.door = this.newDoor(new LineFeed(this.intake, Math.min(limits.maxRecordBytes, settings.queue.maxBytes)));
    this.sender = transport.open(runtime, send);
    this.deliverer = new Deliverer(
      { ...retry, timeoutMs: send.timeoutMs },
      {
        transport,
        sender: this.sender,
        breaker: this.breaker,
        ledger: this.ledger,
        runtime,
        emitter: this.emitter,
        rejected: (part, reason) => this.bury(part, reason),
        spent: ({ bytes }) => this.buffers.reclaim(bytes),
        settled: (records, bytes) => {
          this.inFlight.settled(records, bytes);
          this.room.announce();
        },
        held: (reason) => this.warnings.say(`${this.name} refuses us, keeping the records: ${reason}`),
      },
    );
    this.dispatcher = this.newDispatcher();
    void this.spooler?.spool.scan().then(() => this.spooler?.found());
  }

  /**
   * Takes lines: any number, cut anywhere. Never throws and never waits.
   * @returns false when the queue is full and `queue.whenFull` is 'block': hold back until {@link drained}
   */
  write(chunk: string | Uint8Array): boolean {
    const taken = this.door.write(chunk);
    return !taken || !this.room.holdsBack;
  }

  /**
   * Resolves when all code is loaded that sending needs. Lines may be written before; after it, the first of them do not
   * pay for the loading. Never rejects.
   */
  async ready(): Promise<void> {
    await this.sender.prepare?.();
  }

  /** Learns level labels that the logger knows and the options did not name. What the options say wins. */
  addLevels(levels: Readonly<Record<string, number>>): void {
    Object.assign(this.levels, { ...lowerCased(levels), ...this.levels });
  }

  /** Resolves when {@link write} may be called again after it returned false. */
  drained(): Promise<void> {
    return this.door.closed ? Promise.resolve() : this.room.drained();
  }

  /**
   * Sends what was accepted so far without waiting for batches to fill, and resolves when all of it is acked, rejected
   * or dropped, or the time is up. Never rejects.
   */
  async flush({ timeoutMs = this.settings.close.deadlineMs }: { timeoutMs?: number } = {}): Promise<FlushReport> {
    this.door.end();
    this.intake.seal();
    const settled = await this.waiters.settledThrough(this.seals, timeoutMs);
    return { settled, stats: this.stats() };
  }

  /**
   * Takes no more lines, delivers what it can within the deadline, counts the rest as dropped, and lets go of
   * connections. Idempotent: later calls get the first one's report. Never rejects.
   */
  close({ deadlineMs = this.settings.close.deadlineMs }: { deadlineMs?: number } = {}): Promise<FlushReport> {
    this.closing ??= this.shutDown(deadlineMs);
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Whether no record is in memory: all are acked, rejected, dropped or on disk. */
  get idle(): boolean {
    return this.memoryBytes() === 0;
  }

  /** What happened so far. */
  stats(): Stats {
    const { transport, ledger, queue, intake, inFlight, deliverer, spooler } = this;
    const writing = spooler?.held ?? { records: 0, bytes: 0 };
    return {
      transport: transport.name,
      destination: transport.destination,
      ...totals(ledger),
      queued: {
        records: queue.records + intake.records + writing.records,
        bytes: queue.bytes + intake.bytes + writing.bytes,
      },
      inFlight: { records: inFlight.records, bytes: inFlight.bytes },
      spooled: spooler ? { ...spooler.spooled } : { records: 0, bytes: 0 },
      recovered: { ...this.recovered },
      ...(spooler && { spool: spooler.spool.stats() }),
      batches: { sealed: this.seals },
      mirrorDropped: this.mirror.dropped,
      sends: { ...deliverer.counts },
      breaker: this.breaker.state,
      ...(deliverer.lastError !== undefined && { lastError: deliverer.lastError }),
    };
  }

  private get name(): string {
    return `${this.transport.name} (${this.transport.destination})`;
  }

  private newSpooler(options: SpoolSettings, writer: string): Spooler {
    const { transport, settings, runtime } = this;
    const { name, ledger, losses, emitter } = this;
    const found = () => this.spooler?.found();
    const lost = (tally: Tally, recovered: boolean) => this.spooler!.lost(tally, recovered);
    const spool = createSpool(options, {
      runtime,
      destination: `${transport.name} ${transport.destination}`,
      onEvent: spoolListener({ name, ledger, losses, emitter, warnings: this.warnings, found, lost }),
      buffers: this.buffers,
    });
    const { maxBytes } = settings.queue;
    const { durability, spillAfterMs, drainBytesPerSecond } = options;
    return new Spooler(
      spool,
      writer,
      {
        highWaterBytes: maxBytes * 0.6,
        lowWaterBytes: maxBytes * 0.4,
        spillAfterMs,
        drainBytesPerSecond,
        journaled: new Set(journaledLanes[durability]),
      },
      {
        queue: this.queue,
        memoryBytes: () => this.memoryBytes(),
        healthy: () => this.breaker.state === 'closed',
        spent: ({ bytes }) => this.buffers.reclaim(bytes),
        recovered: (records, bytes) => {
          this.ledger.accept(records, bytes);
          this.recovered.records += records;
          this.recovered.bytes += bytes;
        },
        moved: () => {
          this.waiters.wake();
          this.room.announce();
          this.dispatcher.fill();
        },
      },
      runtime,
    );
  }

  /** Keeps what the destination refuses for good, if there is a place for it. */
  private bury(part: Batch, reason: string): void {
    this.warnings.say(`${this.name} refused ${part.count} records: ${reason}`);
    void this.spooler?.spool.deadLetters.append(part, reason);
  }

  // ── in ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private newDoor(feed: LineFeed): Door {
    const { intake, spooler, losses } = this;
    const journal = spooler && ((fresh: Batch, lane: Lane) => spooler.spool.journal(fresh, lane));
    return new Door({
      feed,
      taken: () => {
        if (journal) intake.journal(journal);
      },
      late: (chunk) => losses.late(chunk),
    });
  }

  private intakePort(): IntakePort {
    return {
      room: () => this.room.admitted,
      makeRoom: (size) => this.room.make(size),
      sealed: (batch, lane) => this.enqueue(batch, lane),
      opened: () => this.linger.set(this.settings.batch.lingerMs),
      refused: (bytes) => this.losses.drop('queueFull', 1, bytes),
      rejected: (reason, _line, bytes) => this.losses.tooLarge(reason, bytes),
    };
  }

  private memoryBytes(): number {
    const { queue, intake, inFlight, spooler, dispatcher } = this;
    return queue.bytes + intake.bytes + inFlight.bytes + (spooler?.held.bytes ?? 0) + dispatcher.arrivingBytes;
  }

  private dropBatch(): boolean {
    const dropped = this.queue.evict();
    if (dropped) this.losses.drop('queueFull', dropped.batch.count, dropped.batch.bytes.length);
    return dropped !== undefined;
  }

  private enqueue(batch: Batch, lane: Lane): void {
    if (this.intake.records === 0) this.linger.cancel();
    this.mirror.take(batch, this.breaker.state !== 'closed');
    this.emitter.emit('batchSealed', () => ({ batch: batch.id, records: batch.count, bytes: batch.bytes.length }));
    const hold = this.spooler?.hold(batch, lane);
    this.queue.push({ batch, lane, seal: ++this.seals, at: this.runtime.monotonic(), hold });
    this.dispatcher.fill();
    this.spooler?.relieve();
  }

  // ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  private newDispatcher(): Dispatcher {
    const { queue, spooler, room, breaker, inFlight, deliverer, runtime, settings } = this;
    const { maxInFlight } = settings.send;
    return new Dispatcher(
      {
        maxInFlight,
        oldestFirst: drainsOldestFirst(settings, this.transport),
        arrivalBytes: Math.min(settings.batch.maxBytes, settings.queue.maxBytes / 4),
      },
      {
        ...{ queue, spooler, room, breaker, inFlight, deliverer, runtime },
        closing: () => this.closing !== undefined,
        settled: () => this.reportLosses(),
        ended: () => this.waiters.wake(),
      },
    );
  }

  /** Tells the destination about its own hole, now that it takes records again. */
  private reportLosses(): void {
    const report = this.door.closed ? undefined : this.losses.report();
    if (report !== undefined) this.door.add(report);
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private async shutDown(deadlineMs: number): Promise<FlushReport> {
    // Closed from inside a write: what that one brings is still taken.
    if (this.door.busy) await undefined;
    this.door.shut();
    this.intake.seal();
    if (!this.spooler) this.breaker.hurry();
    this.cancelTimers();
    this.dispatcher.fill();
    // With a spool there is no need to wait for a destination that is down: it is as well to write at once.
    const patience = this.spooler && this.breaker.state !== 'closed' ? 0 : deadlineMs;
    const settled = await this.waiters.settledThrough(this.seals, patience);
    this.dispatcher.stop();
    await this.dispatcher.landed();
    this.spillQueue(deadlineMs);
    await this.spooler?.close();
    this.dropQueue('closed');
    this.cancelTimers();
    this.room.release();
    this.waiters.wake();
    await this.sender.close().catch(() => {});
    return { settled, stats: this.stats() };
  }

  private cancelTimers(): void {
    this.linger.cancel();
    this.dispatcher.rest();
    this.buffers.clear();
  }

  /**
   * Writes everything that is only in memory to the spool, before this returns: for the end of a process, when nothing
   * can be sent any more. What is on its way is written too, because nobody will hear whether it arrives. Nothing is
   * sent afterwards. Without a spool it does nothing.
   */
  spillSync(budgetMs = EXIT_BUDGET_MS): void {
    if (!this.spooler) return;
    this.dispatcher.stop();
    this.door.end();
    this.intake.seal();
    this.queue.unshift([...this.dispatcher.takeBackAll(), ...this.spooler.abandon()]);
    this.spillQueue(budgetMs);
  }

  private spillQueue(budgetMs: number): void {
    if (!this.spooler) return;
    this.queue.unshift(this.spooler.lastWords(this.queue.takeAll(), budgetMs));
  }

  private dropQueue(reason: DropReason): void {
    const { records, bytes } = this.queue;
    this.queue.takeAll();
    // As one loss, because the warning about it may be the last.
    if (records > 0) this.losses.drop(reason, records, bytes);
  }

  /** The oldest seal of which something is not settled, or Infinity. */
  private oldestSeal(): number {
    const none = Number.POSITIVE_INFINITY;
    return Math.min(this.queue.peek()?.seal ?? none, this.inFlight.oldestSeal, this.spooler?.writingSeal ?? none);
  }
}

/** Lanes whose records are written before anything else. With `sync`, whoever writes to us hands over line by line. */
const journaledLanes: Record<SpoolSettings['durability'], readonly Lane[]> = {
  spill: [],
  hybrid: ['high'],
  journal: LANES,
  sync: LANES,
};

type SpoolSettings = NonNullable<PipelineSettings['spool']>;

/** Destinations that take records of a stream only in order, or nearly so, get the oldest first, and one lane. */
function drainsOldestFirst({ spool }: PipelineSettings, { recommended }: AnyTransport): boolean {
  return (spool?.drain ?? recommended?.drain ?? 'liveFirst') === 'oldestFirst';
}

function lanesOf({ lanes }: SpoolSettings, oneLane: boolean) {
  return oneLane ? {} : { lanes: { highFrom: lanes.high, lowBelow: lanes.low } };
}

function lowerCased(levels: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(levels).map(([label, level]) => [label.toLowerCase(), level]));
}

/**
 * Starts a pipeline to a destination. No I/O happens before the first batch is sent.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example
 * const logs = pipeline(http({ url: 'http://127.0.0.1:4600/ingest' }), { batch: { lingerMs: 200 } })
 * logs.write('{"level":30,"time":1700000000123,"msg":"hello"}\n')
 * await logs.close()
 */
export function pipeline(
  transport: AnyTransport,
  options: PipelineInput = {},
  runtime: Runtime = systemRuntime,
): Pipeline {
  return new Pipeline(transport, settle(options, transport), runtime);
}
