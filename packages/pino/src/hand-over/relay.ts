// The application's side of the own hand-over: text goes through shared memory to a thread that ships it.
// In: text, many lines at a time. Out: the ring; flushes, closes and stats by messages.
// Invariants: `write` costs one encoding and at most one wake-up; it waits only while the ring is full, and never for
// more than STALL_MS, once until the thread takes something again, but for `whenFull: 'block'`; what is in the ring survives the
// death of the thread, which is replaced.

import { type FlushReport, noStats, plainReason, type Stats, sumOfStats, type Tally } from '@spillway/core';
import { loadTransport } from '@spillway/transports';
import { planStream, type StreamOptions } from '../options.js';
import type { Shipper } from '../pipeline-stream.js';
import { loadedTransportsOf, type Shipping, shippingOf } from '../shipping.js';
import { consume, takeAll } from './consumer.js';
import { Lost } from './lost.js';
import type { Answer, Request } from './messages.js';
import { lastStats, succession } from './relay-stats.js';
import { createRing, RingReader, RingWriter } from './ring.js';
import { ShippingThread } from './shipping-thread.js';

/** Memory between the threads: what is logged while the shipping thread is busy with something else. */
const RING_BYTES = 4 << 20;
/** A thread that takes nothing for so long is not coming back. */
const STALL_MS = 5000;
/** Threads that die early are replaced so often at once. */
const MAX_RESTARTS = 5;
/** A thread that lived for so long did not die early; after too many that did, the next one is started so much later. */
const PAUSE_MS = 60_000;
/** Beyond the close deadline, for the last messages. */
const GRACE_MS = 1000;
/** How often a thread that is to end is looked at. */
const WATCH_MS = 500;

const NEWLINE = 0x0a;
const NOTHING: Tally = { records: 0, bytes: 0 };

/** What is to be known of a pipeline before its thread runs. */
export interface RelayParts {
  readonly options: StreamOptions;
  readonly name: { readonly transport: string; readonly destination: string };
  readonly deadlineMs: number;
  /** Whether the writer waits for as long as there is no room, again and again. */
  readonly blocks: boolean;
  /** Whether losses are said on stderr. */
  readonly warns: boolean;
  /** How many pipelines there are. */
  readonly pipelines: number;
}

/** A pipeline in another thread, or several. */
export class Relay implements Shipper {
  private readonly memory = createRing(RING_BYTES);
  private readonly ring = new RingWriter(this.memory);
  /** What the thread was asked and has not answered yet. */
  private readonly questions = new Map<number, (report: FlushReport) => void>();
  private readonly options: StreamOptions;
  private readonly deadlineMs: number;
  private readonly blocks: boolean;
  private readonly pipelines: number;
  /** The logger's own, for whichever thread comes to need them. */
  private readonly levels: Record<string, number> = {};
  private thread: ShippingThread | undefined;
  private writes = 0;
  /** How many writes a flush that settled everything had seen. */
  private settledWrites = 0;
  /** What ships from this thread, where no other can be had. */
  private local: Shipping | undefined;
  private reader: RingReader | undefined;
  /** Threads that died early, one after the other. */
  private restarts = 0;
  private pausing: NodeJS.Timeout | undefined;
  private lastId = 0;
  private current: Stats;
  private past: Stats;
  private ended = false;
  /** What became of everything is known. */
  private finished = false;
  /** The end of the process was waited for. */
  private departed = false;
  private readonly lost: Lost;
  /** What is in the ring at the end of the process, and nobody will take. */
  private stranded = NOTHING;
  private closing: Promise<FlushReport> | undefined;
  private closed: (report: FlushReport) => void = () => {};

  constructor({ options, name, deadlineMs, blocks, warns, pipelines }: RelayParts) {
    this.lost = new Lost(name, warns);
    this.options = options;
    this.deadlineMs = deadlineMs;
    this.blocks = blocks;
    this.current = noStats(name);
    this.past = noStats(name);
    this.pipelines = pipelines;
    this.start();
  }

  write(chunk: string | Uint8Array): boolean {
    this.writes++;
    if (this.ended) this.lost.add('closed', tally([asBuffer(chunk)]));
    else if (!this.ring.write(chunk, this.patienceMs())) this.full(chunk, this.ring.taken);
    else this.tellLosses();
    return true;
  }

  addLevels(levels: Readonly<Record<string, number>>): void {
    Object.assign(this.levels, levels);
    this.thread?.ask({ type: 'levels', levels });
    this.local?.addLevels(levels);
  }

  async ready(): Promise<void> {
    while (!this.local && !this.closing) {
      const { settled } = await this.question((id) => ({ type: 'ready', id }));
      if (settled) return;
      // The thread is gone, and asked again is what takes its place.
    }
    await this.local?.ready();
  }

  async flush({ timeoutMs }: { timeoutMs?: number } = {}): Promise<FlushReport> {
    if (this.closing) return this.closing;
    this.readHere();
    if (this.local) return this.local.flush({ ...(timeoutMs !== undefined && { timeoutMs }) });
    const { writes } = this;
    const patienceMs = (timeoutMs ?? this.deadlineMs) + GRACE_MS;
    const report = await this.question((id) => ({ type: 'flush', id, timeoutMs }), patienceMs);
    if (report.settled) this.settledWrites = writes;
    return report;
  }

  close(): Promise<FlushReport> {
    if (this.closing) return this.closing;
    this.closing = new Promise((done) => {
      this.closed = done;
    });
    this.end();
    this.resume();
    this.thread?.hold(true);
    this.watch(this.closing);
    return this.closing;
  }

  /** Blocks until the shipping thread has delivered, or spilled, what it has: for the end of the process. */
  spillSync(): void {
    if (this.local) {
      this.readHere();
      this.local.spillSync();
      return;
    }
    if (this.departed) return;
    this.departed = true;
    this.end();
    const { thread } = this;
    if (thread) {
      const done = this.ring.waitUntilDone(this.deadlineMs + GRACE_MS);
      thread.hearAll();
      if (!done && thread.ran) this.bury(thread, 'it did not end in time');
    }
    this.stranded = tally(this.ring.unread);
    this.lost.end();
  }

  get idle(): boolean {
    return this.local ? this.local.idle && this.ring.pending === 0 : this.writes === this.settledWrites;
  }

  /** The counts as last told by the shipping thread, at most half a second old while records come in. */
  stats(): Stats {
    const told = succession(this.past, this.local?.stats() ?? this.current);
    const { stranded } = this;
    const stats =
      stranded.bytes === 0 ? told : sumOfStats(told, { ...noStats(told), accepted: stranded, queued: stranded });
    return this.lost.in(stats);
  }

  /** Lets the thread know that nothing more comes, but for what is lost and was not told. */
  private end(): void {
    if (!this.ended) this.tellLosses();
    this.ended = true;
    this.ring.end();
  }

  private tellLosses(): void {
    this.lost.tell((lines) => this.ring.write(lines, 0));
  }

  /** How long a write may wait for room. */
  private patienceMs(): number {
    // With nobody to take anything, or after one that did not, waiting is of no use.
    if (!this.thread || this.local) return 0;
    return this.blocks || !this.ring.stalled ? STALL_MS : 0;
  }

  /** There was no room for all of a chunk: where its reader is in this thread, it makes room itself; else the rest is lost. */
  private full(chunk: string | Uint8Array, from: number): void {
    let at = from;
    while (this.local && !this.blocks && at < chunk.length) {
      this.readHere();
      this.ring.write(chunk.slice(at), 0);
      // Asked by a listener of the pipeline in the middle of its reading, it cannot.
      if (this.ring.taken === 0) break;
      at += this.ring.taken;
    }
    if (at === chunk.length) return;
    const { records, bytes } = tally([asBuffer(chunk.slice(at))]);
    // What is left of a line that was taken in part counts as that line.
    this.lost.add('handOverStalled', { records: Math.max(0, records - (this.ring.tore ? 1 : 0)), bytes });
  }

  private readHere(): void {
    if (this.local && this.reader) takeAll(this.reader, this.local);
  }

  /** Asks something that is answered with a report, and keeps the process alive until then. */
  private question(request: (id: number) => Request, patienceMs?: number): Promise<FlushReport> {
    const id = ++this.lastId;
    this.thread?.hold(true);
    return new Promise((answered) => {
      const unanswered = () => this.questions.get(id)?.({ settled: false, stats: this.stats() });
      const timer = patienceMs === undefined ? undefined : setTimeout(unanswered, patienceMs);
      this.questions.set(id, (report) => {
        clearTimeout(timer);
        this.questions.delete(id);
        if (this.questions.size === 0) this.thread?.hold(false);
        answered(report);
      });
      this.thread?.ask(request(id));
    });
  }

  private answerNo(): void {
    for (const answered of this.questions.values()) answered({ settled: false, stats: this.stats() });
  }

  private start(): void {
    const { memory: ring, options, deadlineMs, pipelines, levels, ended } = this;
    try {
      this.thread = new ShippingThread(
        { ring, options, deadlineMs, pipelines },
        { heard: (answer) => this.hear(answer), ended: (cause) => this.replace(cause) },
      );
      this.thread.ask({ type: 'levels', levels });
      this.thread.hold(ended);
    } catch (error) {
      void this.shipHere(plainReason(String(error)));
    }
  }

  /** Gives up on a thread that has not ended in time, nor done anything for as long. */
  private watch(closing: Promise<unknown>): void {
    let moves = -1;
    let quietMs = 0;
    const timer = setInterval(() => {
      quietMs = this.ring.moves === moves ? quietMs + WATCH_MS : 0;
      moves = this.ring.moves;
      if (this.local || quietMs <= this.deadlineMs + STALL_MS) return;
      this.abandon();
      this.giveUp();
    }, WATCH_MS);
    void closing.then(() => clearInterval(timer));
  }

  /** Ends without a thread: what is in the ring nobody will take. */
  private giveUp(): void {
    this.lost.add('handOverStalled', tally(this.ring.unread));
    this.finish({ settled: false, stats: this.stats() });
  }

  private hear(answer: Answer): void {
    if (answer.type === 'stats') this.current = answer.stats;
    else {
      this.current = answer.report.stats;
      if (answer.type === 'answered') this.questions.get(answer.id)?.(this.complete(answer.report));
      else this.finish(answer.report);
    }
  }

  /** The thread is gone. What it had in memory is lost, unless a spool has it; what is in the ring is not. */
  private replace(cause: string): void {
    const thread = this.thread!;
    thread.hearAll();
    thread.letGo();
    this.thread = undefined;
    if (this.finished) return;
    if (thread.ran) {
      const torn = new RingReader(this.memory).skipTorn();
      this.bury(thread, cause, { records: torn > 0 ? 1 : 0, bytes: torn });
    }
    if (thread.ageMs >= PAUSE_MS) this.restarts = 0;
    if (this.restarts++ < MAX_RESTARTS) this.start();
    else if (!thread.ran) void this.shipHere(cause);
    // What kills one thread after the other is not to run in the application's own.
    else if (this.ended) this.giveUp();
    else this.pause();
    this.answerNo();
  }

  /** Starts a thread later. Until then lines gather in the ring, and what has no room is lost. */
  private pause(): void {
    this.pausing = setTimeout(() => this.resume(), PAUSE_MS).unref();
  }

  private resume(): void {
    if (!this.pausing) return;
    clearTimeout(this.pausing);
    this.pausing = undefined;
    this.start();
    this.answerNo();
  }

  /** What a thread had in memory alone is lost with it. */
  private bury(thread: ShippingThread, cause: string, torn = NOTHING): void {
    const { last, lost } = lastStats(this.current, thread.sums, torn);
    this.lost.bury(lost, cause);
    this.past = succession(this.past, last);
    this.current = noStats(last);
  }

  private abandon(): void {
    const { thread } = this;
    if (!thread) return;
    thread.terminate();
    this.thread = undefined;
    this.bury(thread, 'it did nothing for too long');
  }

  /** No thread can be had, as in some bundles: ship from here, with the same guarantees. */
  private async shipHere(cause: string): Promise<void> {
    process.emitWarning('no worker thread could be started: shipping logs from the main thread', {
      code: 'SPILLWAY_NO_WORKER',
      detail: cause,
    });
    const plan = planStream(this.options);
    this.local = shippingOf(plan, await loadedTransportsOf(plan, loadTransport));
    this.local.addLevels(this.levels);
    this.reader = new RingReader(this.memory);
    // What was asked before anybody was there to answer.
    this.answerNo();
    this.finish(await consume(this.reader, this.local, { deadlineMs: this.deadlineMs }));
  }

  private finish(report: FlushReport): void {
    this.finished = true;
    this.lost.end();
    this.closed(this.complete(report));
  }

  private complete(report: FlushReport): FlushReport {
    return { ...report, stats: this.stats() };
  }
}

function asBuffer(chunk: string | Uint8Array): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
}

function tally(chunks: readonly Buffer[]): Tally {
  let records = 0;
  let bytes = 0;
  for (const chunk of chunks) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) records++;
  }
  return { records, bytes };
}
