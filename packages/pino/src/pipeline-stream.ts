// A Writable whose end is the pipeline's: what pino's worker, Node's `pipeline()` and `pipe()` all know how to drive.
// In: chunks of lines. Out: the pipeline. Invariants: takes every write at once and never asks the writer to wait,
// because a logger that is told to wait only moves the records into the application's memory; never emits 'error' but
// for a write after the end; 'close' comes after the pipeline has delivered, or its deadline has passed.

import { Writable } from 'node:stream';
import type { FlushReport, Pipeline, Stats } from '@spillway/core';

/** What the stream drives: a pipeline, or something that stands for one in another thread. */
export type Shipper = Pick<
  Pipeline,
  'write' | 'ready' | 'flush' | 'close' | 'stats' | 'idle' | 'addLevels' | 'spillSync'
>;

type Callback = (error?: Error | null) => void;

/** The stream that pino's worker drives. */
export class PipelineStream extends Writable {
  protected readonly pipeline: Shipper;

  constructor(pipeline: Shipper) {
    super({ decodeStrings: false });
    this.pipeline = pipeline;
    // pino tells whoever it writes to about its levels, in its constructor: before the first line.
    this.on('message', (message: unknown) => this.configure(message));
  }

  // Straight through: Writable's own write keeps a record of every chunk, which nobody here needs.
  override write(chunk: string | Uint8Array, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    if (this.writableEnded || this.destroyed) {
      // Counts it, as everything that is lost.
      this.pipeline.write(chunk);
      return super.write(chunk, encoding as BufferEncoding, callback);
    }
    this.take(chunk);
    const done = typeof encoding === 'function' ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  }

  override _write(chunk: string | Uint8Array, _encoding: BufferEncoding, callback: Callback): void {
    this.take(chunk);
    callback();
  }

  override _final(callback: Callback): void {
    this.pipeline.close().then(() => callback());
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.pipeline.close().then(() => callback(error));
  }

  /**
   * Resolves when everything is loaded that shipping needs, and its thread runs. Optional: lines are taken from the
   * start. A service that awaits it before it takes traffic does not load code while it serves. Never rejects.
   */
  ready(): Promise<void> {
    return this.pipeline.ready();
  }

  /** Sends what was written so far and calls back when it is settled, or the close deadline has passed. */
  flush(callback?: Callback): void {
    // Never with an error: pino's worker would take the stream down for it.
    this.pipeline.flush().then(() => callback?.());
  }

  /** Sends what was written so far and tells what became of it within the time. */
  report(timeoutMs: number): Promise<FlushReport> {
    return this.pipeline.flush({ timeoutMs });
  }

  /** Delivers what can be delivered within the close deadline; resolves with what became of everything. */
  close(): Promise<FlushReport> {
    this.end();
    return this.pipeline.close();
  }

  /** A snapshot of the pipeline's counts. */
  stats(): Stats {
    return this.pipeline.stats();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected take(chunk: string | Uint8Array): void {
    this.pipeline.write(chunk);
  }

  /** Takes over the level labels of a logger. */
  configure(message: unknown): void {
    const levels = levelsOf(message);
    if (levels) this.pipeline.addLevels(levels);
  }
}

/** The level labels in pino's configuration message; undefined for any other message. */
function levelsOf(message: unknown): Record<string, number> | undefined {
  const { code, config } = (message ?? {}) as { code?: unknown; config?: { levels?: { values?: unknown } } };
  const values = config?.levels?.values;
  if (code !== 'PINO_CONFIG' || typeof values !== 'object' || values === null) return undefined;
  return values as Record<string, number>;
}
