// Losses: records that are dropped, or that cannot come in at all.
// In: how many, and why. Out: each is counted in the ledger, published as an event and said on stderr; and as lines for
// the destination, so that whoever reads there can see the hole.
// Invariants: nothing is lost without a reason; the destination is told of every loss, but not more than once a second
// before the end.

import type { Emitter } from './events.js';
import type { DropReason, Ledger, Loss } from './ledger.js';
import type { Runtime } from './runtime.js';
import type { Warnings } from './warnings.js';

/** Who hears of losses. */
export interface LossesPort {
  /** The destination's name, for people. */
  readonly name: string;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly warnings: Pick<Warnings, 'say'>;
  readonly runtime: Pick<Runtime, 'now' | 'monotonic'>;
}

/** Losses are told to the destination at most this often. */
const REPORT_MS = 1000;

/** Counts and tells what is lost. */
export class Losses {
  private reportedAt = Number.NEGATIVE_INFINITY;
  private readonly port: LossesPort;

  constructor(port: LossesPort) {
    this.port = port;
  }

  drop(reason: DropReason, records: number, bytes: number): void {
    const { name, ledger, emitter, warnings, runtime } = this.port;
    ledger.drop(reason, records, bytes, runtime.now());
    emitter.emit('recordsDropped', () => ({ records, bytes, reason }));
    warnings.say(`dropped records for ${name}: ${reason}, ${ledger.dropped.records} so far`);
  }

  /** A chunk came when there was no pipeline any more: its lines are accepted and dropped in one. */
  late(chunk: string | Uint8Array): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const newlines = bytes.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 0);
    const records = Math.max(1, newlines);
    this.port.ledger.accept(records, bytes.length);
    this.drop('closed', records, bytes.length);
  }

  /** An accepted line is larger than the destination ever takes. */
  tooLarge(reason: string, bytes: number): void {
    const { name, ledger, emitter, warnings } = this.port;
    ledger.reject(reason, 1, bytes);
    emitter.emit('recordsRejected', () => ({ batch: '', records: 1, reason }));
    warnings.say(`a record of ${bytes} bytes is too large for ${name}`);
  }

  /** The records that tell the destination about its hole, as lines, if it is time to. */
  report(): string | undefined {
    const early = this.port.runtime.monotonic() - this.reportedAt < REPORT_MS;
    return early ? undefined : this.lastReport();
  }

  /** The same at the end, when there is no later time: what was not told yet. */
  lastReport(): string | undefined {
    const { ledger, runtime } = this.port;
    if (!ledger.hasLosses) return undefined;
    this.reportedAt = runtime.monotonic();
    const time = runtime.now();
    const lines = ledger.takeLosses().map((loss) => lossLine(time, loss));
    return lines.join('');
  }
}

/** The record that tells a destination about its hole, as a line. */
export function lossLine(time: number, { reason, records, bytes, fromMs, toMs }: Loss): string {
  const spillway = { event: 'recordsDropped', reason, records, bytes, from: iso(fromMs), to: iso(toMs) };
  return `${JSON.stringify({ level: 40, time, msg: `${records} records dropped: ${reason}`, spillway })}\n`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
