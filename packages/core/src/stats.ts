// What a pipeline says about itself. In: the stages. Out: plain data, so that it crosses threads and prints as one JSON
// line. Invariant: a snapshot is taken in one go, so that the conservation law holds in it.

import type { Breaker, BreakerState } from './breaker.js';
import type { Deliverer } from './deliver.js';
import type { InFlight } from './in-flight.js';
import type { Intake } from './intake.js';
import type { Ledger, Tally } from './ledger.js';
import type { Mirror } from './mirror.js';
import type { Queue } from './queue.js';
import type { SpoolStats } from './spool/spool.js';
import type { Spooler } from './spooler.js';
import type { AnyTransport } from './transport.js';

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
  /** With routes: the stats of each pipeline, in the order of the routes; all else is their sum. */
  readonly routes?: readonly Stats[];
  /** With routes: records that none of them takes. They count as not accepted. */
  readonly unrouted?: Tally;
}

/** The stages that have something to say. */
export interface StatsSources {
  readonly transport: AnyTransport;
  readonly ledger: Ledger;
  readonly intake: Intake;
  readonly queue: Queue;
  readonly inFlight: InFlight;
  readonly spooler: Spooler | undefined;
  readonly deliverer: Deliverer;
  readonly breaker: Breaker;
  readonly mirror: Mirror;
  /** Batches sealed so far. */
  readonly seals: number;
}

/** What happened so far. */
export function snapshot(sources: StatsSources): Stats {
  const { transport, ledger, intake, queue, inFlight, spooler, deliverer, breaker, mirror, seals } = sources;
  const writing = spooler?.held ?? { records: 0, bytes: 0 };
  return {
    transport: transport.name,
    destination: transport.destination,
    accepted: { ...ledger.accepted },
    acked: { ...ledger.acked },
    rejected: { ...ledger.rejected },
    dropped: { ...ledger.dropped },
    rejectedBy: byReason(ledger.rejectedBy),
    droppedBy: byReason(ledger.droppedBy),
    queued: {
      records: queue.records + intake.records + writing.records,
      bytes: queue.bytes + intake.bytes + writing.bytes,
    },
    inFlight: { records: inFlight.records, bytes: inFlight.bytes },
    spooled: spooler ? { ...spooler.spooled } : { records: 0, bytes: 0 },
    recovered: { ...ledger.recovered },
    ...(spooler && { spool: spooler.spool.stats() }),
    batches: { sealed: seals },
    mirrorDropped: mirror.dropped,
    sends: { ...deliverer.counts },
    breaker: breaker.state,
    ...(deliverer.lastError !== undefined && { lastError: deliverer.lastError }),
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
