// The application's side of the own hand-over: text goes through shared memory to a thread that ships it.
// In: text, many lines at a time. Out: the ring; flushes, closes and stats by messages.
// Invariants: `write` costs one encoding and at most one wake-up; it waits only while the ring is full, and never for
// more than STALL_MS; what is in the ring survives the death of the thread, which is replaced.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { type FlushReport, type Pipeline, pipeline, type Stats } from '@spillway/core';
import { loadTransport } from '@spillway/transports';
import { planStream, type StreamOptions } from '../options.js';
import type { Shipper } from '../pipeline-stream.js';
import { consume } from './consumer.js';
import type { Answer, Request } from './messages.js';
import { merged, noStats } from './relay-stats.js';
import { createRing, RingReader, RingWriter } from './ring.js';

/** Memory between the threads: what is logged while the shipping thread is busy with something else. */
const RING_BYTES = 4 << 20;
/** A thread that takes nothing for so long is not coming back. */
const STALL_MS = 5000;
/** Threads that die are replaced so often. */
const MAX_RESTARTS = 5;
/** Room for young objects in the shipping thread: it works on bytes and makes few, so that V8's default would stay as garbage. */
const YOUNG_GENERATION_MB = 8;
/** Beyond the close deadline, for the last messages. */
const GRACE_MS = 1000;

/** A pipeline in another thread. */
export class Relay implements Shipper {
  private readonly memory = createRing(RING_BYTES);
  private readonly ring = new RingWriter(this.memory);
  /** What the thread was asked and has not answered yet. */
  private readonly questions = new Map<number, (report: FlushReport) => void>();
  private readonly options: StreamOptions;
  private readonly deadlineMs: number;
  private worker: Worker | undefined;
  private port: MessagePort | undefined;
  private writes = 0;
  /** How many writes a flush that settled everything had seen. */
  private settledWrites = 0;
  private local: Pipeline | undefined;
  private restarts = 0;
  private lastId = 0;
  private current: Stats;
  private past: Stats;
  private ended = false;
  private lostRecords = 0;
  private lostBytes = 0;
  private closing: Promise<FlushReport> | undefined;
  private closed: (report: FlushReport) => void = () => {};

  constructor(options: StreamOptions, name: { transport: string; destination: string }, deadlineMs: number) {
    this.options = options;
    this.deadlineMs = deadlineMs;
    this.current = noStats(name);
    this.past = noStats(name);
    this.start();
  }

  write(chunk: string | Uint8Array): boolean {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    this.writes++;
    if (!this.ended && this.ring.write(text, this.local ? 0 : STALL_MS)) return true;
    this.lostRecords += text.split('\n').length - 1;
    this.lostBytes += Buffer.byteLength(text);
    return true;
  }

  addLevels(levels: Readonly<Record<string, number>>): void {
    this.ask({ type: 'levels', levels });
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
    if (this.local) return this.local.flush({ ...(timeoutMs !== undefined && { timeoutMs }) });
    const { writes } = this;
    const report = await this.question((id) => ({ type: 'flush', id, timeoutMs }));
    if (report.settled) this.settledWrites = writes;
    return report;
  }

  close(): Promise<FlushReport> {
    this.closing ??= new Promise((done) => {
      this.closed = done;
      this.ended = true;
      this.port?.ref();
      this.ring.end();
    });
    return this.closing;
  }

  /** Blocks until the shipping thread has delivered, or spilled, what it has: for the end of the process. */
  spillSync(): void {
    if (this.local) this.local.spillSync();
    else if (this.worker && this.port) {
      this.ended = true;
      this.ring.end();
      this.ring.waitUntilDone(this.deadlineMs + GRACE_MS);
      for (let next = receiveMessageOnPort(this.port); next; next = receiveMessageOnPort(this.port)) {
        this.hear(next.message as Answer);
      }
    }
  }

  get idle(): boolean {
    return this.local ? this.local.idle : this.writes === this.settledWrites;
  }

  /** The counts as last told by the shipping thread, at most half a second old while records come in. */
  stats(): Stats {
    const stats = merged(this.past, this.local?.stats() ?? this.current);
    const { lostRecords: records, lostBytes: bytes } = this;
    if (records === 0) return stats;
    return merged(stats, {
      ...noStats(stats),
      accepted: { records, bytes },
      dropped: { records, bytes },
      droppedBy: { handOverStalled: { records, bytes } },
    });
  }

  private ask(request: Request): void {
    this.port?.postMessage(request);
  }

  /** Asks something that is answered with a report, and keeps the process alive until then. */
  private question(request: (id: number) => Request): Promise<FlushReport> {
    const id = ++this.lastId;
    this.port?.ref();
    return new Promise((answered) => {
      this.questions.set(id, (report) => {
        this.questions.delete(id);
        if (this.questions.size === 0) this.port?.unref();
        answered(report);
      });
      this.ask(request(id));
    });
  }

  private answerNo(): void {
    for (const answered of this.questions.values()) answered({ settled: false, stats: this.stats() });
  }

  private start(): void {
    try {
      const { port1, port2 } = new MessageChannel();
      // Left alone by webpack, which would bundle everything once more for the thread, and fails at dependencies that are
      // CommonJS (webpack/webpack#18315).
      const worker = new Worker(/* webpackIgnore: true */ new URL('./hand-over-worker.js', import.meta.url), {
        name: 'spillway',
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
        workerData: { ring: this.memory, options: this.options, port: port2 },
        transferList: [port2],
      });
      this.worker = worker;
      this.port = port1;
      worker.unref();
      port1.on('message', (answer: Answer) => this.hear(answer));
      if (!this.ended) port1.unref();
      worker.on('error', () => {});
      worker.on('exit', (code) => this.replace(code));
    } catch {
      void this.shipHere();
    }
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
  private replace(code: number): void {
    this.worker = undefined;
    this.port?.close();
    this.port = undefined;
    if (this.ended && code === 0) {
      this.finish({ settled: true, stats: this.stats() });
      return;
    }
    this.past = merged(this.past, abandoned(this.current));
    this.current = noStats(this.current);
    this.answerNo();
    if (this.restarts++ < MAX_RESTARTS) this.start();
    else void this.shipHere();
  }

  /** No thread can be had, as in some bundles: ship from here, with the same guarantees. */
  private async shipHere(): Promise<void> {
    process.emitWarning('no worker thread could be started: shipping logs from the main thread', {
      code: 'SPILLWAY_NO_WORKER',
    });
    const plan = planStream(this.options);
    this.local = pipeline(await loadTransport(plan.to), plan.pipeline);
    // What was asked before anybody was there to answer.
    this.answerNo();
    this.finish(await consume(new RingReader(this.memory), this.local));
  }

  private finish(report: FlushReport): void {
    this.closed(this.complete(report));
  }

  private complete(report: FlushReport): FlushReport {
    return { ...report, stats: this.stats() };
  }
}

/** The last word about a thread that died: what it had in memory counts as dropped. */
function abandoned(stats: Stats): Stats {
  const records = stats.queued.records + stats.inFlight.records;
  const bytes = stats.queued.bytes + stats.inFlight.bytes;
  const none = { records: 0, bytes: 0 };
  return merged(
    { ...stats, queued: none, inFlight: none },
    { ...noStats(stats), dropped: { records, bytes }, droppedBy: { threadDied: { records, bytes } } },
  );
}
