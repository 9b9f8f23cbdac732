// The pipeline: the one file that wires the stages, and the first to read.
//
//  line ─► Door ─► LineFeed ─► Intake ─► Queue ──────────► Dispatcher ─► Deliverer ─► acked ─► freed
//                  whole lines  open       │                  ▲            encode · send · classify
//                               batches    │ full             │            ├─ retry: same bytes, later
//                                          ▼                  │            ├─ split · partial · reject
//                             Room: spill · whenFull        drain          └─ given back: its place in the queue,
//                                     ╎                       │               while the breaker is open
//                                     └──► Spooler ──► Spool ─┘
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
import { Intake, type IntakeOptions } from './intake.js';
import type { Lane } from './lane.js';
import { Ledger, type Tally } from './ledger.js';
import { LineFeed } from './lines/line-feed.js';
import { Losses } from './losses.js';
import { Mirror } from './mirror.js';
import { type PipelineInput, type PipelineSettings, settle } from './options/pipeline-options.js';
import { dispatcherOptions, intakeOptions, lowerCased, spoolerOptions } from './options/stages.js';
import { Queue } from './queue.js';
import { Room } from './room.js';
import { type Runtime, systemRuntime } from './runtime.js';
import { createSpool } from './spool/spool.js';
import { spoolListener } from './spool-listener.js';
import { Spooler } from './spooler.js';
import { type Stats, snapshot } from './stats.js';
import type { AnyTransport, Sender } from './transport.js';
import { Waiters } from './waiters.js';
import { Warnings } from './warnings.js';
import { writerId } from './writer-id.js';

/** What became of what was written before a flush or close. */
export interface FlushReport {
  /** Whether everything was settled within the time: acked, rejected, dropped, or left to the disk. */
  readonly settled: boolean;
  readonly stats: Stats;
}

/** Longest that the end waits for the disk to answer, and then writes to it, unless the deadline is longer. */
const EXIT_BUDGET_MS = 2000;

/** A running pipeline to one destination. Made by {@link pipeline}. */
export class Pipeline implements AsyncDisposable {
  private readonly ledger = new Ledger();
  private readonly queue = new Queue();
  private readonly inFlight = new InFlight();
  private readonly door: Door;
  private readonly intake: Intake;
  private readonly linger: Alarm;
  private readonly room: Room;
  private readonly spooler: Spooler | undefined;
  private readonly dispatcher: Dispatcher;
  private readonly deliverer: Deliverer;
  private readonly sender: Sender<unknown, unknown>;
  private readonly breaker: Breaker;
  private readonly waiters: Waiters;
  private readonly losses: Losses;
  private readonly emitter: Emitter;
  private readonly warnings: Warnings;
  private readonly mirror: Mirror;
  private readonly buffers: BufferPool;
  private readonly levels: Record<string, number>;
  private readonly transport: AnyTransport;
  private readonly settings: PipelineSettings;
  private readonly runtime: Runtime;
  private seals = 0;
  private closing: Promise<FlushReport> | undefined;

  constructor(transport: AnyTransport, settings: PipelineSettings, runtime: Runtime) {
    this.transport = transport;
    this.settings = settings;
    this.runtime = runtime;
    const { name, ledger } = this;
    const { batch, send, mirror, warnings } = settings;
    const writer = writerId(runtime.now());
    this.emitter = new Emitter(writer);
    this.warnings = new Warnings(warnings === 'stderr', runtime);
    this.losses = new Losses({ name, ledger, emitter: this.emitter, warnings: this.warnings, runtime });
    this.mirror = new Mirror(mirror);
    this.breaker = new Breaker(settings.breaker, runtime);
    // The mirror reads batches in its own time.
    this.buffers = new BufferPool(batch.maxBytes, mirror === 'off' ? send.maxInFlight + 1 : 0, runtime);
    this.waiters = new Waiters(runtime, () => this.oldestSeal());
    this.room = new Room(settings.queue, {
      memoryBytes: () => this.memoryBytes(),
      moveToDisk: () => this.moveToDisk(),
      dropBatch: () => this.dropBatch(),
    });
    const reading = { ...intakeOptions(settings, transport), writer, buffers: this.buffers };
    this.levels = reading.keys.levels;
    this.intake = this.newIntake(reading);
    this.linger = new Alarm(runtime, () => this.intake.seal());
    this.spooler = settings.spool && this.newSpooler(settings.spool, writer);
    this.door = this.newDoor(new LineFeed(this.intake, reading.maxRecordBytes));
    this.sender = transport.open(runtime, send);
    this.deliverer = this.newDeliverer();
    this.dispatcher = this.newDispatcher();
    void this.spooler?.spool.scan().then(() => this.spooler?.found());
  }

  /**
   * Takes lines: any number, cut anywhere. Never throws and never waits.
   * @returns false when the queue is full and `queue.whenFull` is 'block': hold back until {@link drained}
   */
  write(chunk: string | Uint8Array): boolean {
    const taken = this.door.write(chunk);
    if (taken && this.room.holdsBack) this.sealLast();
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
   * Sends what was accepted so far without waiting for batches to fill, and resolves when all of it is acked, rejected,
   * dropped or on the disk, or the time is up. Never rejects.
   */
  async flush({ timeoutMs = this.settings.close.deadlineMs }: { timeoutMs?: number } = {}): Promise<FlushReport> {
    this.sealAll();
    const settled = await this.waiters.settledThrough(this.seals, timeoutMs);
    return { settled, stats: this.stats() };
  }

  /**
   * Takes no more lines, delivers what it can within the deadline, leaves the rest to the spool, or counts it as dropped,
   * and lets go of connections. A disk that does not answer within the deadline either, or two seconds if that is
   * longer, gets nothing. Idempotent: later calls get the first one's report. Never rejects.
   */
  close({ deadlineMs = this.settings.close.deadlineMs }: { deadlineMs?: number } = {}): Promise<FlushReport> {
    this.closing ??= this.shutDown(deadlineMs);
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Most bytes of a line; a longer one is rejected. */
  get maxRecordBytes(): number {
    return intakeOptions(this.settings, this.transport).maxRecordBytes;
  }

  /** Counts a line as too long of which whoever read it for us has nothing but the size. */
  oversize(bytes: number): void {
    this.intake.oversize(bytes);
  }

  /** Whether no record is in memory: all are acked, rejected, dropped or on disk. */
  get idle(): boolean {
    return this.memoryBytes() === 0;
  }

  /** What happened so far. */
  stats(): Stats {
    const { transport, ledger, intake, queue, inFlight, spooler, deliverer, breaker, mirror, seals } = this;
    return snapshot({ transport, ledger, intake, queue, inFlight, spooler, deliverer, breaker, mirror, seals });
  }

  // ── the stages, in the order in which a line meets them ─────────────────────────────────────────────────────────

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

  private newIntake(options: IntakeOptions): Intake {
    const { room, losses, ledger, settings, runtime } = this;
    return new Intake(
      options,
      {
        room: () => room.admitted,
        makeRoom: (size) => room.make(size) || (this.sealLast() && room.make(size)),
        sealed: (batch, lane) => this.enqueue(batch, lane),
        opened: () => this.linger.set(settings.batch.lingerMs),
        refused: (bytes) => losses.drop('queueFull', 1, bytes),
        rejected: (reason, bytes) => losses.tooLarge(reason, bytes),
      },
      ledger,
      runtime,
    );
  }

  private enqueue(batch: Batch, lane: Lane): void {
    if (this.intake.records === 0) this.linger.cancel();
    this.mirror.take(batch, this.breaker.state !== 'closed');
    const hold = this.spooler?.hold(batch, lane);
    this.queue.push({ batch, lane, seal: ++this.seals, at: this.runtime.monotonic(), hold });
    // Not before: whoever hears of it may ask for a flush.
    this.emitter.emit('batchSealed', () => ({ batch: batch.id, records: batch.count, bytes: batch.bytes.length }));
    this.dispatcher.fill();
    this.spooler?.relieve();
  }

  private newSpooler(options: NonNullable<PipelineSettings['spool']>, writer: string): Spooler {
    const { transport, settings, runtime, name, ledger, losses, emitter, warnings, buffers, queue } = this;
    const found = () => this.spooler?.found();
    const lost = (tally: Tally, recovered: boolean) => this.spooler!.lost(tally, recovered);
    const onEvent = spoolListener({ name, ledger, losses, emitter, warnings, found, lost });
    const destination = `${transport.name} ${transport.destination}`;
    return new Spooler(
      createSpool(options, { runtime, destination, onEvent, buffers }),
      writer,
      spoolerOptions(options, settings, transport),
      {
        queue,
        memoryBytes: () => this.memoryBytes(),
        healthy: () => this.breaker.state === 'closed',
        spilled: ({ id, count, bytes }) =>
          emitter.emit('batchSpilled', () => ({ batch: id, records: count, bytes: bytes.length })),
        spent: ({ bytes }) => buffers.reclaim(bytes),
        recovered: (records, bytes) => ledger.recover(records, bytes),
        moved: () => {
          this.waiters.wake();
          this.room.announce();
          this.dispatcher.fill();
        },
      },
      runtime,
    );
  }

  private newDispatcher(): Dispatcher {
    const { queue, spooler, room, breaker, inFlight, deliverer, runtime, door, losses } = this;
    return new Dispatcher(dispatcherOptions(this.settings, this.transport), {
      ...{ queue, spooler, room, breaker, inFlight, deliverer, runtime },
      closing: () => this.closing !== undefined,
      settled: () => {
        // The destination takes records again: it is told about its own hole.
        const report = door.closed ? undefined : losses.report();
        if (report !== undefined) door.add(report);
      },
      ended: () => this.waiters.wake(),
    });
  }

  private newDeliverer(): Deliverer {
    const { transport, sender, breaker, ledger, runtime, emitter, warnings, name, inFlight, room, buffers } = this;
    const { retry, send } = this.settings;
    return new Deliverer(
      { ...retry, timeoutMs: send.timeoutMs },
      {
        ...{ transport, sender, breaker, ledger, runtime, emitter },
        rejected: (part, reason) => {
          warnings.say(`${name} refused ${part.count} records: ${reason}`);
          void this.spooler?.spool.deadLetters.append(part, reason);
        },
        spent: ({ bytes }) => buffers.reclaim(bytes),
        settled: (records, bytes) => {
          inFlight.settled(records, bytes);
          room.announce();
        },
        held: (reason) => {
          warnings.say(`${name} refuses us, keeping the records: ${reason}`, () => breaker.state === 'held');
        },
      },
    );
  }

  // ── what concerns all of them ───────────────────────────────────────────────────────────────────────────────────

  private get name(): string {
    return `${this.transport.name} (${this.transport.destination})`;
  }

  private memoryBytes(): number {
    const { queue, intake, inFlight, spooler, dispatcher } = this;
    return queue.bytes + intake.bytes + inFlight.bytes + (spooler?.held.bytes ?? 0) + dispatcher.arrivingBytes;
  }

  /** The oldest seal of which something is not settled, or Infinity. */
  private oldestSeal(): number {
    const { queue, inFlight, spooler } = this;
    return Math.min(queue.oldestSeal, inFlight.oldestSeal, spooler?.oldestSeal ?? Number.POSITIVE_INFINITY);
  }

  private moveToDisk(): boolean {
    const moved = this.spooler?.moveNow() ?? false;
    if (moved) this.waiters.wake();
    return moved;
  }

  private dropBatch(): boolean {
    const dropped = this.queue.evict();
    if (!dropped) return false;
    this.losses.drop('queueFull', dropped.batch.count, dropped.batch.bytes.length);
    this.waiters.wake();
    return true;
  }

  /** Seals the open batches if there are no others: only their linger would make room. True if that was to be done. */
  private sealLast(): boolean {
    const { queue, inFlight, intake } = this;
    const last = queue.length === 0 && inFlight.size === 0 && intake.records > 0;
    if (last) intake.seal();
    return last;
  }

  private sealAll(): void {
    this.door.end();
    this.intake.seal();
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private async shutDown(deadlineMs: number): Promise<FlushReport> {
    const { breaker, queue, spooler, dispatcher, deliverer, losses, warnings } = this;
    this.door.shut();
    // All know that it is the end before anything is done about it; closed from inside a write, what that one brings is
    // still taken.
    await undefined;
    this.sealAll();
    if (!spooler) {
      breaker.hurry();
      deliverer.hurry();
    }
    this.rest();
    dispatcher.fill();
    // With a spool there is no need to wait for a destination that is down: it is as well to write at once.
    const patience = spooler && breaker.state !== 'closed' ? 0 : deadlineMs;
    const settled = await this.settleAll(patience);
    dispatcher.stop();
    // The deadline is for the destination: that there is no time for it must not cost what the disk can have.
    await this.leaveToDisk(Math.max(deadlineMs, EXIT_BUDGET_MS));
    // What is left is one loss, because the warning about it may be the last.
    const { records, bytes } = queue;
    queue.takeAll();
    if (records > 0) losses.drop('closed', records, bytes);
    warnings.end();
    this.rest();
    this.room.release();
    this.waiters.wake();
    await this.deliverer.close();
    return { settled, stats: this.stats() };
  }

  /** Waits for everything, and then for the destination to hear of what it did not get. False if the time is up before. */
  private async settleAll(patienceMs: number): Promise<boolean> {
    const { waiters, runtime, breaker, losses, door } = this;
    const end = runtime.monotonic() + patienceMs;
    if (!(await waiters.settledThrough(this.seals, patienceMs))) return false;
    const leftMs = end - runtime.monotonic();
    const report = leftMs > 0 && breaker.state === 'closed' ? losses.lastReport() : undefined;
    if (report === undefined) return true;
    door.add(report);
    this.sealAll();
    return waiters.settledThrough(this.seals, leftMs);
  }

  /** Writes what is left to the spool. On a disk that does not answer within the budget nothing is tried any more. */
  private async leaveToDisk(budgetMs: number): Promise<void> {
    const { spooler, dispatcher, queue } = this;
    const [answers] = await Promise.all([spooler?.rest(budgetMs), dispatcher.landed()]);
    if (!spooler) return;
    queue.putBack(spooler.abandon());
    const leftMs = answers ? budgetMs : 0;
    spooler.lastWords(leftMs);
    await spooler.spool.close(leftMs);
  }

  /** Nothing is to happen by itself any more, and no memory is kept for it. */
  private rest(): void {
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
    this.sealAll();
    this.queue.putBack([...this.dispatcher.takeBackAll(), ...this.spooler.abandon()]);
    this.spooler.lastWords(budgetMs);
    this.room.announce();
    this.waiters.wake();
  }
}

/**
 * Starts a pipeline to a destination. Nothing is opened there before the first batch is sent; a spool looks at its directory.
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
