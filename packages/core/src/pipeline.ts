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

import type { Batch } from './batch.js';
import { Breaker } from './breaker.js';
import { BufferPool } from './buffer-pool.js';
import { Deliverer } from './deliver.js';
import type { Entry } from './entry.js';
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
import { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js';
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

/** How often a closing pipeline tries a destination that is down. */
const CLOSING_RETRY_MS = 200;
/** Longest that the end of the process waits for the disk. */
const EXIT_BUDGET_MS = 2000;

/** A running pipeline to one destination. Made by {@link pipeline}. */
export class Pipeline implements AsyncDisposable {
  private readonly ledger = new Ledger();
  private readonly queue = new Queue();
  private readonly inFlight = new InFlight();
  private readonly aborter = new AbortController();
  private readonly waiters: Waiters;
  private readonly room: Room;
  private readonly feed: LineFeed;
  private readonly intake: Intake;
  private readonly buffers: BufferPool;
  private readonly breaker: Breaker;
  private readonly deliverer: Deliverer;
  private readonly sender: Sender<unknown, unknown>;
  private readonly emitter: Emitter;
  private readonly warnings: Warnings;
  private readonly losses: Losses;
  private readonly mirror: Mirror;
  private readonly spooler: Spooler | undefined;
  private readonly recovered: Tally = { records: 0, bytes: 0 };
  private readonly levels: Record<string, number>;
  private taking = false;
  private drainTurn = false;
  private draining = 0;
  private seals = 0;
  private linger: Timer | undefined;
  private wakeUp: Timer | undefined;
  private closing: Promise<FlushReport> | undefined;
  private closed = false;
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
    this.spooler = spool && this.newSpooler(spool, writer);
    this.feed = new LineFeed(this.intake, Math.min(limits.maxRecordBytes, settings.queue.maxBytes));
    this.sender = transport.open(runtime, send);
    void this.spooler?.spool.scan().then(() => this.spooler?.found());
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
  }

  /**
   * Takes lines: any number, cut anywhere. Never throws and never waits.
   * @returns false when the queue is full and `queue.whenFull` is 'block': hold back until {@link drained}
   */
  write(chunk: string | Uint8Array): boolean {
    if (this.closed) {
      this.losses.late(chunk);
      return true;
    }
    if (this.taking) {
      this.putOff(chunk);
      return true;
    }
    this.take(() => this.feed.write(chunk));
    this.journal();
    return !this.room.holdsBack;
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
    return this.closed ? Promise.resolve() : this.room.drained();
  }

  /**
   * Sends what was accepted so far without waiting for batches to fill, and resolves when all of it is acked, rejected
   * or dropped, or the time is up. Never rejects.
   */
  async flush({ timeoutMs = this.settings.close.deadlineMs }: { timeoutMs?: number } = {}): Promise<FlushReport> {
    this.take(() => this.feed.end());
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
          this.pump();
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

  private intakePort(): IntakePort {
    return {
      room: () => this.room.admitted,
      makeRoom: (size) => this.room.make(size),
      sealed: (batch, lane) => this.enqueue(batch, lane),
      opened: () => this.startLinger(),
      refused: (bytes) => this.losses.drop('queueFull', 1, bytes),
      rejected: (reason, _line, bytes) => this.losses.tooLarge(reason, bytes),
    };
  }

  /** Room for a batch that comes from the disk, whose size is not known before. */
  private get drainReserve(): number {
    return Math.min(this.settings.batch.maxBytes, this.settings.queue.maxBytes / 4);
  }

  private memoryBytes(): number {
    const arriving = this.draining > 0 ? this.drainReserve : 0;
    return this.queue.bytes + this.intake.bytes + this.inFlight.bytes + (this.spooler?.held.bytes ?? 0) + arriving;
  }

  private dropBatch(): boolean {
    const dropped = this.queue.evict();
    if (dropped) this.losses.drop('queueFull', dropped.batch.count, dropped.batch.bytes.length);
    return dropped !== undefined;
  }

  /** Moves lines from the feed to batches, which is not to be entered twice. */
  private take(move: () => void): void {
    if (this.taking) return;
    this.taking = true;
    try {
      move();
    } finally {
      this.taking = false;
    }
  }

  /** Who listens to our events may log to us in the middle of a write: those lines come in when it is through. */
  private putOff(chunk: string | Uint8Array): void {
    const kept = typeof chunk === 'string' ? chunk : Buffer.from(chunk);
    setImmediate(() => this.write(kept));
  }

  private startLinger(): void {
    this.linger ??= this.runtime.after(this.settings.batch.lingerMs, () => {
      this.linger = undefined;
      this.intake.seal();
    });
  }

  private enqueue(batch: Batch, lane: Lane): void {
    if (this.intake.records === 0) {
      this.linger?.cancel();
      this.linger = undefined;
    }
    this.mirror.take(batch, this.breaker.state !== 'closed');
    this.emitter.emit('batchSealed', () => ({ batch: batch.id, records: batch.count, bytes: batch.bytes.length }));
    const hold = this.spooler?.hold(batch, lane);
    this.queue.push({ batch, lane, seal: ++this.seals, at: this.runtime.monotonic(), hold });
    this.pump();
    this.spooler?.relieve();
  }

  private journal(): void {
    const { spooler } = this;
    if (spooler) this.intake.journal((fresh, lane) => spooler.spool.journal(fresh, lane));
  }

  // ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts as many deliveries as may be in flight, from memory and from disk. */
  private pump(): void {
    while (!this.aborter.signal.aborted && this.inFlight.size + this.draining < this.settings.send.maxInFlight) {
      const source = this.nextSource();
      if (!source) {
        this.wakeLater(this.spooler?.waitMs());
        return;
      }
      if (!this.breaker.permits()) {
        this.wakeLater(this.closing ? CLOSING_RETRY_MS : this.breaker.waitMs());
        return;
      }
      if (source === 'disk') void this.deliverFromDisk();
      else void this.deliver(this.queue.shift()!);
    }
  }

  /**
   * Where the next batch comes from. Oldest first: from the disk as long as there are any, and what is in memory does not
   * pass by what the drain's rate holds back there. Live first: what is in memory goes ahead, but the disk gets one slot, or
   * every other turn where there is only one.
   */
  private nextSource(): 'disk' | 'memory' | undefined {
    const { spooler, queue, settings } = this;
    const live = queue.length > 0 ? 'memory' : undefined;
    if (!spooler || this.closing || this.draining > 0) return live;
    const disk = spooler.readiness;
    const oldestFirst = drainsOldestFirst(settings, this.transport);
    if (disk === 'paced' && oldestFirst) return undefined;
    if (disk !== 'ready' || this.room.left < this.drainReserve) return live;
    if (!live || oldestFirst) return 'disk';
    if (settings.send.maxInFlight > 1) return this.inFlight.drained ? live : 'disk';
    this.drainTurn = !this.drainTurn;
    return this.drainTurn ? 'disk' : live;
  }

  private async deliverFromDisk(): Promise<void> {
    this.draining++;
    const entry = await this.spooler!.drain();
    this.draining--;
    if (entry) return this.deliver(entry);
    this.breaker.released();
    this.pump();
  }

  private wakeLater(waitMs = Number.POSITIVE_INFINITY): void {
    if (this.wakeUp || waitMs === Number.POSITIVE_INFINITY) return;
    this.wakeUp = this.runtime.after(waitMs, () => {
      this.wakeUp = undefined;
      if (this.closing) this.breaker.hurry();
      this.pump();
    });
  }

  private async deliver(queued: Entry): Promise<void> {
    const entry = { ...queued, sent: true };
    const parts = this.inFlight.add(entry);
    await this.deliverer.deliver(parts, this.aborter.signal);
    // Not there any more: it went to disk with the last words.
    if (!this.inFlight.has(entry)) return;
    const givenBack = parts.length > 0;
    this.queue.unshift(this.takeBack(entry));
    if (givenBack) this.breaker.released();
    else this.reportLosses();
    this.waiters.wake();
    this.pump();
    this.spooler?.relieve();
  }

  /** Ends a delivery. What is not settled of it goes back to the queue, but for what the disk has anyway. */
  private takeBack(entry: Entry): Entry[] {
    const parts = this.inFlight.takeOut(entry);
    this.room.announce();
    return this.spooler?.delivered(entry, parts) ?? parts.map((batch) => ({ ...entry, batch }));
  }

  /** Tells the destination about its own hole, now that it takes records again. */
  private reportLosses(): void {
    const report = this.closed ? undefined : this.losses.report();
    if (report !== undefined) this.take(() => this.feed.write(report));
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  private async shutDown(deadlineMs: number): Promise<FlushReport> {
    // Closed from inside a write: what that one brings is still taken.
    if (this.taking) await undefined;
    this.take(() => this.feed.end());
    this.closed = true;
    this.intake.seal();
    if (!this.spooler) this.breaker.hurry();
    this.cancelTimers();
    this.pump();
    // With a spool there is no need to wait for a destination that is down: it is as well to write at once.
    const patience = this.spooler && this.breaker.state !== 'closed' ? 0 : deadlineMs;
    const settled = await this.waiters.settledThrough(this.seals, patience);
    this.aborter.abort();
    await this.landed();
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
    this.linger?.cancel();
    this.wakeUp?.cancel();
    this.linger = undefined;
    this.wakeUp = undefined;
    this.buffers.clear();
  }

  /**
   * Writes everything that is only in memory to the spool, before this returns: for the end of a process, when nothing
   * can be sent any more. What is on its way is written too, because nobody will hear whether it arrives. Nothing is
   * sent afterwards. Without a spool it does nothing.
   */
  spillSync(budgetMs = EXIT_BUDGET_MS): void {
    if (!this.spooler) return;
    this.aborter.abort();
    this.take(() => this.feed.end());
    this.intake.seal();
    const onTheirWay = this.inFlight.entries.flatMap((entry) => this.takeBack(entry));
    this.queue.unshift([...onTheirWay, ...this.spooler.abandon()]);
    this.spillQueue(budgetMs);
  }

  private spillQueue(budgetMs: number): void {
    if (!this.spooler) return;
    const waiting: Entry[] = [];
    for (let entry = this.queue.shift(); entry; entry = this.queue.shift()) waiting.push(entry);
    this.queue.unshift(this.spooler.lastWords(waiting, budgetMs));
  }

  private dropQueue(reason: DropReason): void {
    let records = 0;
    let bytes = 0;
    for (let entry = this.queue.shift(); entry; entry = this.queue.shift()) {
      records += entry.batch.count;
      bytes += entry.batch.bytes.length;
    }
    // As one loss, because the warning about it may be the last.
    if (records > 0) this.losses.drop(reason, records, bytes);
  }
  /** Resolves when no delivery is on its way; they all end soon after the abort. */
  private async landed(): Promise<void> {
    while (this.inFlight.size + this.draining > 0) await sleep(this.runtime, 1);
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
