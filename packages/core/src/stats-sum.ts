// Sums of stats: of pipelines side by side, and of those that followed each other.
// In: stats. Out: stats of the same shape. Invariant: what balances in each part balances in the sum.

import type { Tally } from './ledger.js';
import type { Stats } from './stats.js';

const none: Tally = { records: 0, bytes: 0 };

/** The stats of a pipeline in which nothing happened yet. */
export function noStats({ transport, destination }: Pick<Stats, 'transport' | 'destination'>): Stats {
  return {
    transport,
    destination,
    accepted: none,
    acked: none,
    rejected: none,
    dropped: none,
    queued: none,
    inFlight: none,
    spooled: none,
    recovered: none,
    rejectedBy: {},
    droppedBy: {},
    batches: { sealed: 0 },
    mirrorDropped: 0,
    sends: { attempts: 0, retries: 0, splits: 0, wireBytes: 0 },
    breaker: 'closed',
  };
}

/** Both together. What is a state and not a count is the later one's. */
export function sumOfStats(earlier: Stats, later: Stats): Stats {
  const tallies = ['accepted', 'acked', 'rejected', 'dropped', 'queued', 'inFlight', 'spooled', 'recovered'] as const;
  return {
    ...later,
    ...Object.fromEntries(tallies.map((name) => [name, sum(earlier[name], later[name])])),
    rejectedBy: byReason(earlier.rejectedBy, later.rejectedBy),
    droppedBy: byReason(earlier.droppedBy, later.droppedBy),
    batches: { sealed: earlier.batches.sealed + later.batches.sealed },
    mirrorDropped: earlier.mirrorDropped + later.mirrorDropped,
    sends: {
      attempts: earlier.sends.attempts + later.sends.attempts,
      retries: earlier.sends.retries + later.sends.retries,
      splits: earlier.sends.splits + later.sends.splits,
      wireBytes: earlier.sends.wireBytes + later.sends.wireBytes,
    },
    ...ofRoutes(earlier, later),
  };
}

/** What only the stats of a router have. */
function ofRoutes(earlier: Stats, later: Stats): Pick<Stats, 'routes' | 'unrouted'> {
  const routes = later.routes ?? earlier.routes;
  if (routes === undefined) return {};
  const before = later.routes === undefined ? undefined : earlier.routes;
  return {
    routes: routes.map((route, at) => (before?.[at] === undefined ? route : sumOfStats(before[at], route))),
    unrouted: sum(earlier.unrouted ?? none, later.unrouted ?? none),
  };
}

function sum(a: Tally, b: Tally): Tally {
  return { records: a.records + b.records, bytes: a.bytes + b.bytes };
}

function byReason(a: Readonly<Record<string, Tally>>, b: Readonly<Record<string, Tally>>): Record<string, Tally> {
  const reasons = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...reasons].map((reason) => [reason, sum(a[reason] ?? none, b[reason] ?? none)]));
}
