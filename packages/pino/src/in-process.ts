// The in-process stream: `pino(spillway(options))`. No worker thread and nothing loaded by name at run time, so that it
// survives every bundler and runs where threads do not.
// In: a line for each log call. Out: the pipeline, once per turn of the event loop or at 64 KiB, whichever is first;
// with `spool.durability: 'sync'` on the spot, so that it is on the disk when the log call returns.
// Invariant: at most 64 KiB and one line wait here; everything else is in the pipeline's bounded queue.

import { SpillwayError, type Stats } from '@spillway/core';
import { resolveTransport } from '@spillway/transports';
import { type Departure, onDeparture, sayTooLate } from './departure.js';
import { Relay } from './hand-over/relay.js';
import { type Plan, planStream, refuseBlock, type StreamOptions } from './options.js';
import { PipelineStream, type Shipper } from './pipeline-stream.js';
import { outlineOf, shippingOf, transportsOf } from './shipping.js';
import { closeOnSignal } from './signals.js';

const HAND_OVER_CHARS = 65_536;

/** The in-process stream. */
export class InProcessStream extends PipelineStream implements Departure {
  /** Whether what is lost at the end of the process is said on stderr. */
  readonly warns: boolean;
  private readonly gathers: boolean;
  private buffered = '';
  private scheduled = false;
  /** Whether the last words are said, and what comes after them is lost. */
  private ending: 'far' | 'here' | 'said' = 'far';

  constructor(pipeline: Shipper, { gathers, warns }: Pick<Plan, 'gathers' | 'warns'>) {
    super(pipeline);
    this.gathers = gathers;
    this.warns = warns;
  }

  /** Hands what is buffered to the pipeline, at once. Does not wait for delivery: see `flush`. */
  flushSync(): void {
    if (this.buffered === '') return;
    const chunk = this.buffered;
    this.buffered = '';
    this.pipeline.write(chunk);
  }

  override flush(callback?: (error?: Error | null) => void): void {
    this.flushSync();
    super.flush(callback);
  }

  override stats(): Stats {
    this.flushSync();
    return super.stats();
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.flushSync();
    super._final(callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.flushSync();
    super._destroy(error, callback);
  }

  override close(): ReturnType<PipelineStream['close']> {
    this.flushSync();
    return super.close();
  }

  /** Whether nothing waits in memory. */
  get idle(): boolean {
    return this.buffered === '' && this.pipeline.idle;
  }

  /** Does what can be done without an event loop: see {@link Pipeline.spillSync}. */
  lastWords(): void {
    this.flushSync();
    this.pipeline.spillSync();
    if (this.ending === 'far') this.ending = 'here';
  }

  /** Resolves when what was written is settled, or the close deadline has passed. */
  async settled(): Promise<void> {
    this.flushSync();
    await this.pipeline.flush();
  }

  protected override take(chunk: string | Uint8Array): void {
    if (this.ending !== 'far') {
      this.takeLate(chunk);
      return;
    }
    if (typeof chunk !== 'string' || !this.gathers) {
      this.flushSync();
      this.pipeline.write(chunk);
      return;
    }
    this.buffered += chunk;
    if (this.buffered.length >= HAND_OVER_CHARS) this.flushSync();
    else if (!this.scheduled) {
      this.scheduled = true;
      setImmediate(this.tick);
    }
  }

  /** Listeners for the exit that come after ours may log: no event loop will turn for these lines, so they are saved at once. */
  private takeLate(chunk: string | Uint8Array): void {
    this.pipeline.write(chunk);
    this.lastWords();
    if (this.ending === 'said' || this.pipeline.idle) return;
    this.ending = 'said';
    sayTooLate(this);
  }

  private readonly tick = (): void => {
    this.scheduled = false;
    this.flushSync();
  };
}

/** What ships here, or in another thread, whose options are checked here first, so that errors are thrown here. */
function shipper(plan: Plan, given: StreamOptions): Shipper {
  const { worker, blocks, warns } = plan;
  if (blocks && !worker) refuseBlock();
  const transports = transportsOf(plan, resolveTransport);
  if (!worker) return shippingOf(plan, transports);
  const outline = outlineOf(plan, transports);
  try {
    const plain = structuredClone({ ...given, worker: false });
    return new Relay({ options: plain, ...outline, blocks, warns });
  } catch (error) {
    if ((error as Error).name !== 'DataCloneError') throw error;
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      "Expected options to be plain data with `worker: true`, such as `to: ['loki', { url }]`, got functions or objects with methods",
    );
  }
}

/**
 * A stream for `pino(spillway(options))` that ships from this thread, or with `worker: true` from one of its own.
 * At a natural end of the process it delivers what is queued, within `close.deadlineMs`. After `process.exit` and
 * uncaught exceptions a worker still delivers; without one nothing can be sent any more, and what is queued goes to
 * the spool, if there is one.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @example
 * const log = pino(spillway({ to: ['http', { url: 'http://127.0.0.1:4600/ingest' }] }))
 */
export function spillway(options: StreamOptions): InProcessStream {
  const plan = planStream(options);
  const stream = new InProcessStream(shipper(plan, options), plan);
  onDeparture(stream);
  if (plan.shutdown === 'auto') closeOnSignal(stream);
  return stream;
}
