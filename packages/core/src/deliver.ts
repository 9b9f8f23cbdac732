// Delivers one batch: encodes it once, sends it until there is a verdict that settles it, splits what is too big.
// In: a list with the batch. Out: the same list, empty, or with the records that could not be sent now.
// Invariants: what is in the list is not settled yet, at every moment, so that the owner may take it back and write it
// to disk; every record ends as acked, rejected or left in the list; the same part is sent with the same bytes however
// often it is tried; a part of a batch is only made when the destination said so.

import retry from 'async-retry';
import { backoff, pushback } from './backoff.js';
import type { Batch } from './batch.js';
import type { Breaker } from './breaker.js';
import type { Emitter } from './events.js';
import { classifyFailure } from './failure.js';
import type { Ledger } from './ledger.js';
import { plainReason } from './reason.js';
import { type Runtime, sleep, type Timer } from './runtime.js';
import type { AnyTransport, Sender, Verdict } from './transport.js';
import { endsWithin } from './waiting.js';

/** How often and how long to try. */
export interface DeliverOptions {
  /** Attempts for a batch before it is given back. */
  readonly attempts: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** Longest that one attempt may take. */
  readonly timeoutMs: number;
}

/** What deliver works with. */
export interface DeliverPort {
  readonly transport: AnyTransport;
  readonly sender: Sender<unknown, unknown>;
  readonly breaker: Breaker;
  readonly ledger: Ledger;
  readonly runtime: Runtime;
  readonly emitter: Emitter;
  /** Records that the destination refuses for good, before they are forgotten. */
  rejected(batch: Batch, reason: string): void;
  /** Nothing of a batch is in use any more: it was acked at once, and its bytes have left. */
  spent(batch: Batch): void;
  /** Some records were settled for good, while the others go on. */
  settled(records: number, bytes: number): void;
  /** The destination refuses us: the operator should know. */
  held(reason: string): void;
}

/** Counters of the work done. */
export interface DeliverCounts {
  attempts: number;
  retries: number;
  splits: number;
  wireBytes: number;
}

type Settling = Exclude<Verdict, { outcome: 'retry' | 'hold' }>;
type Waiting = Extract<Verdict, { outcome: 'retry' | 'hold' }>;

/** How long a sender may go on after it was told to stop, or to close, until nobody listens to it any more. */
const STOP_MS = 2000;
/** Longest wait between attempts once there is a hurry. */
const HURRIED_MS = 200;

/** Makes async-retry try again; the wait before that is ours. */
class TryAgain extends Error {}

/** Sends batches to one destination. */
export class Deliverer {
  readonly counts: DeliverCounts = { attempts: 0, retries: 0, splits: 0, wireBytes: 0 };
  lastError: string | undefined;
  private longestWaitMs = Number.POSITIVE_INFINITY;
  /** Ends each wait that is under way. */
  private readonly waits = new Set<() => void>();
  private readonly options: DeliverOptions;
  private readonly port: DeliverPort;

  constructor(options: DeliverOptions, port: DeliverPort) {
    this.options = options;
    this.port = port;
  }

  /**
   * Works on the parts in place: oldest first, and what is settled leaves the list. Ends when none is left, or with those
   * that cannot be sent now. Whoever takes them out of the list has them: no verdict on them is booked any more. Never
   * rejects. `signal` ends all waiting and sending.
   */
  async deliver(parts: Batch[], signal: AbortSignal): Promise<void> {
    let partials = 0;
    for (let part = parts[0]; part; part = parts[0]) {
      const verdict = await this.attempt(part, signal);
      if (parts[0] !== part || verdict.outcome === 'retry' || verdict.outcome === 'hold') return;
      const rest = this.settle(part, verdict);
      parts.splice(0, 1, ...rest);
      // What a destination takes in pieces it takes for a reason: the rest waits like any other attempt.
      if (verdict.outcome === 'partial' && rest.length > 0) {
        if (++partials >= this.options.attempts) return;
        await this.wait(rest[0]!, verdict.reason, partials, signal);
      }
    }
  }

  /** Ends the waits between attempts, and keeps those to come short, because there may be no later. */
  hurry(): void {
    this.longestWaitMs = HURRIED_MS;
    for (const end of this.waits) end();
  }

  /** Lets go of the destination. However its sender takes that: it holds up nobody for long. Never rejects. */
  async close(): Promise<void> {
    const { sender, runtime } = this.port;
    const closed = (async () => sender.close())();
    await endsWithin(runtime, STOP_MS, closed);
  }

  /** Books a verdict and returns the parts that still have to be sent. */
  private settle(part: Batch, verdict: Settling): Batch[] {
    switch (verdict.outcome) {
      case 'ack':
        this.ack(part.count, part.bytes.length);
        return [];
      case 'reject':
        this.reject(part, verdict.reason);
        return [];
      case 'split':
        return this.split(part, verdict.reason);
      case 'partial':
        return this.partial(part, verdict);
      default:
        return verdict satisfies never;
    }
  }

  private split(part: Batch, reason: string): Batch[] {
    if (part.count === 1) {
      this.reject(part, reason);
      return [];
    }
    this.counts.splits++;
    this.port.emitter.emit('batchSplit', () => ({ batch: part.id, records: part.count, reason }));
    const half = part.count >> 1;
    return [part.range(0, half), part.range(half, part.count)];
  }

  private partial(part: Batch, verdict: Extract<Verdict, { outcome: 'partial' }>): Batch[] {
    const retryable = within(verdict.retry, part.count);
    const again = retryable.length > 0 ? part.pick(retryable) : undefined;
    let refused = { records: 0, bytes: 0 };
    if (typeof verdict.reject === 'number') {
      // The destination says how many, not which: their bytes are taken as average.
      const records = Math.min(verdict.reject, part.count - retryable.length);
      refused = { records, bytes: Math.round((part.bytes.length / part.count) * records) };
      this.port.ledger.reject(verdict.reason, refused.records, refused.bytes);
      this.port.settled(refused.records, refused.bytes);
    } else {
      const taken = new Set(retryable);
      const indices = within(verdict.reject, part.count).filter((index) => !taken.has(index));
      if (indices.length > 0) {
        const bad = part.pick(indices);
        refused = { records: bad.count, bytes: bad.bytes.length };
        this.reject(bad, verdict.reason);
      }
    }
    const records = part.count - refused.records - (again?.count ?? 0);
    this.ack(records, part.bytes.length - refused.bytes - (again?.bytes.length ?? 0));
    return again ? [again] : [];
  }

  private ack(records: number, bytes: number): void {
    if (records === 0) return;
    this.port.ledger.ack(records, bytes);
    this.port.settled(records, bytes);
  }

  private reject(part: Batch, reason: string): void {
    this.port.ledger.reject(reason, part.count, part.bytes.length);
    this.port.settled(part.count, part.bytes.length);
    // Not before it is booked: whoever hears of it may look at the counts.
    this.port.emitter.emit('recordsRejected', () => ({ batch: part.id, records: part.count, reason }));
    this.port.rejected(part, reason);
  }

  /** Encodes a part and sends it until its verdict settles it, the attempts are spent or the breaker is open. */
  private async attempt(part: Batch, signal: AbortSignal): Promise<Verdict> {
    const { transport } = this.port;
    let wire: unknown;
    try {
      wire = transport.encode(part);
      if (transport.sizeOf(wire) > transport.limits.maxBytes) return { outcome: 'split', reason: 'recordTooLarge' };
    } catch (error) {
      return { outcome: part.count > 1 ? 'split' : 'reject', reason: `encode failed: ${describeError(error)}` };
    }
    let failures = 0;
    let last: Waiting = { outcome: 'retry', reason: 'not sent' };
    try {
      return await retry(
        async () => {
          const verdict = await this.send(part, wire, failures + 1, signal);
          if (verdict.outcome !== 'retry') return verdict;
          last = verdict;
          if (signal.aborted || this.port.breaker.state !== 'closed') return verdict;
          if (++failures < this.options.attempts) await this.wait(part, verdict.reason, failures, signal);
          throw new TryAgain();
        },
        { retries: this.options.attempts - 1, minTimeout: 0, maxTimeout: 0, factor: 1, randomize: false },
      );
    } catch (error) {
      if (!(error instanceof TryAgain)) this.lastError = describeError(error);
      return last;
    }
  }

  private async wait(part: Batch, reason: string, failures: number, signal: AbortSignal): Promise<void> {
    const { runtime, emitter, breaker } = this.port;
    const own = backoff(failures - 1, this.options, runtime.random);
    const waitMs = Math.min(Math.max(own, breaker.waitMs()), this.longestWaitMs);
    this.counts.retries++;
    emitter.emit('batchRetried', () => ({ batch: part.id, attempt: failures + 1, reason, waitMs }));
    const ended = new AbortController();
    const end = () => ended.abort();
    this.waits.add(end);
    signal.addEventListener('abort', end, { once: true });
    await sleep(runtime, waitMs, signal.aborted ? signal : ended.signal);
    signal.removeEventListener('abort', end);
    this.waits.delete(end);
  }

  /** One attempt: what comes back, or that nothing does, becomes a verdict, and the breaker hears of it. */
  private async send(part: Batch, wire: unknown, attempts: number, signal: AbortSignal): Promise<Verdict> {
    const { transport, sender, runtime, emitter } = this.port;
    if (signal.aborted) return { outcome: 'retry', reason: 'closing' };
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    const timer = runtime.after(this.options.timeoutMs, abort);
    signal.addEventListener('abort', abort, { once: true });
    const started = runtime.monotonic();
    this.counts.attempts++;
    let verdict: Verdict;
    try {
      const reply = await this.inTime(sender.send(wire, attempt.signal), attempt.signal);
      verdict = whole(transport.classify(reply, part), part.count);
    } catch (error) {
      verdict = attempt.signal.aborted
        ? { outcome: 'retry', reason: signal.aborted ? 'closing' : `no reply within ${this.options.timeoutMs} ms` }
        : classifyFailure(error);
    } finally {
      timer.cancel();
      signal.removeEventListener('abort', abort);
    }
    if (verdict.outcome === 'ack') {
      this.counts.wireBytes += transport.sizeOf(wire);
      const durationMs = runtime.monotonic() - started;
      const { count: records } = part;
      emitter.emit('batchAcked', () => ({ batch: part.id, records, bytes: part.bytes.length, attempts, durationMs }));
      // After a failed attempt, something may still read the bytes that were given to it.
      if (attempts === 1 && sender.letGo?.()) {
        this.port.spent(part);
        transport.recycle?.(wire);
      }
    }
    if (!signal.aborted || verdict.outcome === 'ack') this.inform(verdict);
    return verdict;
  }

  /** The reply, unless the sender does not heed the signal: one that hangs must not keep its slot, or us from closing. */
  private inTime(reply: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const stop = () => {
        timer = this.port.runtime.after(STOP_MS, () => reject(signal.reason));
      };
      signal.addEventListener('abort', stop, { once: true });
      Promise.resolve(reply)
        .then(resolve, reject)
        .finally(() => {
          timer?.cancel();
          signal.removeEventListener('abort', stop);
        });
    });
  }

  /** Tells the breaker, which judges the destination and not the batch: an answer about records means that it is up. */
  private inform(verdict: Verdict): void {
    const { breaker, emitter, runtime } = this.port;
    if (verdict.outcome === 'hold') {
      this.lastError = verdict.reason;
      if (breaker.held()) {
        emitter.emit('destinationHeld', () => ({ reason: verdict.reason, waitMs: breaker.waitMs() }));
        this.port.held(verdict.reason);
      }
    } else if (verdict.outcome === 'retry') {
      this.lastError = verdict.reason;
      if (verdict.afterMs !== undefined) breaker.delay(pushback(verdict.afterMs, runtime.random));
      if (breaker.failed()) {
        emitter.emit('breakerOpened', () => ({ reason: verdict.reason, waitMs: breaker.waitMs() }));
      }
    } else {
      if (breaker.state !== 'closed') emitter.emit('breakerClosed', () => ({}));
      breaker.succeeded();
      if (verdict.outcome === 'partial' && verdict.afterMs) breaker.delay(pushback(verdict.afterMs, runtime.random));
    }
  }
}

/** A partial reply that took nothing is a plain retry, and counts as a failure of the destination. */
function whole(verdict: Verdict, count: number): Verdict {
  if (verdict.outcome !== 'partial' || within(verdict.retry, count).length < count) return verdict;
  const { reason, afterMs } = verdict;
  return { outcome: 'retry', reason, ...(afterMs !== undefined && { afterMs }) };
}

/** The valid, distinct indices of a reply, ascending: what a server sends is not trusted. */
function within(indices: readonly number[], count: number): number[] {
  return [...new Set(indices)].filter((i) => Number.isInteger(i) && i >= 0 && i < count).sort((a, b) => a - b);
}

/** Errors of Node about JSON quote it, and what is in a record is nobody's business but the destination's. */
function describeError(error: unknown): string {
  if (error instanceof SyntaxError) return 'not valid JSON';
  return error instanceof Error ? plainReason(error.message) : 'unknown';
}
