// The ledger: what became of every record, so that the conservation law can be checked at any moment:
//   accepted = acked + rejected + dropped + queued + inFlight + spooled      (records, and bytes)
// In: one call for each thing that happens to a batch. Out: totals, by reason where something was lost.

/** Records and their bytes, newlines included. */
export interface Tally {
  records: number;
  bytes: number;
}

/** Why records were dropped by policy. */
export type DropReason = 'queueFull' | 'closed' | 'spoolFull' | 'spoolExpired' | 'spoolLost';

/** A loss that was not yet told to the destination. */
export interface Loss extends Tally {
  readonly reason: string;
  readonly fromMs: number;
  toMs: number;
}

const tally = (): Tally => ({ records: 0, bytes: 0 });

/** Most reasons kept apart; further ones are counted as 'other'. */
const MAX_REASONS = 32;

/** Counters of one pipeline. */
export class Ledger {
  readonly accepted = tally();
  /** The part of the accepted that earlier processes had left on disk. */
  readonly recovered = tally();
  readonly acked = tally();
  readonly rejected = tally();
  readonly dropped = tally();
  readonly droppedBy = new Map<string, Tally>();
  readonly rejectedBy = new Map<string, Tally>();
  private losses = new Map<string, Loss>();

  accept(records: number, bytes: number): void {
    add(this.accepted, records, bytes);
  }

  /** Accepts records that an earlier process had left on disk. */
  recover(records: number, bytes: number): void {
    this.accept(records, bytes);
    add(this.recovered, records, bytes);
  }

  ack(records: number, bytes: number): void {
    add(this.acked, records, bytes);
  }

  reject(reason: string, records: number, bytes: number): void {
    add(this.rejected, records, bytes);
    add(entry(this.rejectedBy, reason, tally), records, bytes);
  }

  drop(reason: DropReason, records: number, bytes: number, nowMs: number): void {
    add(this.dropped, records, bytes);
    add(entry(this.droppedBy, reason, tally), records, bytes);
    const loss = entry(this.losses, reason, () => ({ reason, ...tally(), fromMs: nowMs, toMs: nowMs }));
    add(loss, records, bytes);
    loss.toMs = nowMs;
  }

  get hasLosses(): boolean {
    return this.losses.size > 0;
  }

  /** The losses since the last call, for the record that reports them. */
  takeLosses(): Loss[] {
    const losses = [...this.losses.values()];
    this.losses = new Map();
    return losses;
  }
}

function add(to: Tally, records: number, bytes: number): void {
  to.records += records;
  to.bytes += bytes;
}

function entry<T>(map: Map<string, T>, reason: string, make: () => T): T {
  const key = map.has(reason) || map.size < MAX_REASONS ? reason : 'other';
  let value = map.get(key);
  if (!value) {
    value = make();
    map.set(key, value);
  }
  return value;
}
