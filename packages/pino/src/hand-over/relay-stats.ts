// Stats across threads that followed each other.
// Invariant: what a thread left on the disk and a later one finds there counts once.

import { type Stats, sumOfStats, type Tally } from '@spillway/core';
import type { Sums } from './account.js';

const none: Tally = { records: 0, bytes: 0 };

/** The stats of a pipeline and of the one that took its place. */
export function succession(earlier: Stats, later: Stats): Stats {
  const found = foundAgain(earlier, later);
  const both = sumOfStats(earlier, later);
  return {
    ...both,
    accepted: sum(both.accepted, found, -1),
    recovered: sum(both.recovered, found, -1),
    spooled: sum(both.spooled, found, -1),
    ...(earlier.routes && later.routes && { routes: pairs(earlier.routes, later.routes, succession) }),
  };
}

/** What the one left on the disk and the other one counts. */
function foundAgain(earlier: Stats, later: Stats): Tally {
  if (earlier.routes && later.routes) {
    return pairs(earlier.routes, later.routes, foundAgain).reduce((all, one) => sum(all, one), none);
  }
  const { spooled } = earlier;
  const { recovered } = later;
  return {
    records: Math.min(spooled.records, recovered.records),
    bytes: Math.min(spooled.bytes, recovered.bytes),
  };
}

function pairs<T>(earlier: readonly Stats[], later: readonly Stats[], join: (a: Stats, b: Stats) => T): T[] {
  return later.map((one, at) => join(earlier[at]!, one));
}

/**
 * The stats of a pipeline, or of several, whose thread died, and what is lost with it: all that it had taken, but for what it is
 * known to have settled, and what is on the disk. `torn` is a line of which it had the beginning. What is lost is accepted in the sum
 * alone, and in that of no route.
 */
export function lastStats(
  told: Stats,
  accounts: readonly Sums[],
  torn: Tally,
): { readonly last: Stats; readonly lost: Tally } {
  const account = accounts.reduce(sumOfSums);
  const accepted = sum(account.accepted, torn);
  const last = survived(told, account);
  const routes = told.routes?.map((route, at) => survived(route, accounts[at]!));
  return { last: { ...last, accepted, ...(routes && { routes }) }, lost: sum(accepted, last.accepted, -1) };
}

/** What is known to be settled, or on the disk. */
function survived(told: Stats, { acked, saved }: Sums): Stats {
  const accepted = [acked, saved, told.rejected, told.dropped].reduce((all, one) => sum(all, one));
  return { ...told, accepted, acked, spooled: saved, queued: none, inFlight: none };
}

function sumOfSums(a: Sums, b: Sums): Sums {
  return { accepted: sum(a.accepted, b.accepted), acked: sum(a.acked, b.acked), saved: sum(a.saved, b.saved) };
}

/** The second added to the first, any number of times. */
function sum(a: Tally, b: Tally, times = 1): Tally {
  return { records: a.records + b.records * times, bytes: a.bytes + b.bytes * times };
}
