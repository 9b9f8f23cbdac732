// What a pipeline says about itself. Plain data, so that it crosses threads and prints as one JSON line.

import type { BreakerState } from './breaker.js';
import type { Ledger, Tally } from './ledger.js';
import type { SpoolStats } from './spool/spool.js';

/** A snapshot of a pipeline. Records and bytes always obey
 * `accepted = acked + rejected + dropped + queued + inFlight + spooled`. */
export interface Stats {
  readonly transport: string;
  readonly destination: string;
  readonly accepted: Tally;
  readonly acked: Tally;
  /** Refused by the destination, or impossible to send. */
  readonly rejected: Tally;
  /** Discarded by policy. */
  readonly dropped: Tally;
  readonly queued: Tally;
  readonly inFlight: Tally;
  /** On disk and not in memory. */
  readonly spooled: Tally;
  /** The part of the accepted that earlier processes had left on disk. */
  readonly recovered: Tally;
  /** The spool's own account. */
  readonly spool?: SpoolStats;
  readonly rejectedBy: Readonly<Record<string, Tally>>;
  readonly droppedBy: Readonly<Record<string, Tally>>;
  readonly batches: { readonly sealed: number };
  /** Records that stdout was too slow to be shown. */
  readonly mirrorDropped: number;
  /** Requests: all, repeated ones, batches halved, and the bytes of acked bodies before compression. */
  readonly sends: {
    readonly attempts: number;
    readonly retries: number;
    readonly splits: number;
    readonly wireBytes: number;
  };
  readonly breaker: BreakerState;
  /** The last thing that went wrong, in the destination's or the network's words, shortened. */
  readonly lastError?: string;
}

/** The counted part of the stats. */
export function totals(
  ledger: Ledger,
): Pick<Stats, 'accepted' | 'acked' | 'rejected' | 'dropped' | 'rejectedBy' | 'droppedBy'> {
  return {
    accepted: { ...ledger.accepted },
    acked: { ...ledger.acked },
    rejected: { ...ledger.rejected },
    dropped: { ...ledger.dropped },
    rejectedBy: byReason(ledger.rejectedBy),
    droppedBy: byReason(ledger.droppedBy),
  };
}

function byReason(map: ReadonlyMap<string, Tally>): Record<string, Tally> {
  return Object.fromEntries([...map].map(([reason, count]) => [reason, { ...count }]));
}

/** How far the stats are from the conservation law: zero records and bytes in a correct pipeline. */
export function imbalance(stats: Stats): Tally {
  const off = (key: keyof Tally) =>
    stats.accepted[key] -
    stats.acked[key] -
    stats.rejected[key] -
    stats.dropped[key] -
    stats.queued[key] -
    stats.inFlight[key] -
    stats.spooled[key];
  return { records: off('records'), bytes: off('bytes') };
}
