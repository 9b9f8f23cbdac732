// Sums of records and of the bytes of their lines.

import type { Tally } from '../ledger.js';

export type { Tally };

/** A sum that starts at nothing. */
export function tally(): Tally {
  return { records: 0, bytes: 0 };
}

/** Adds the second to the first, any number of times. */
export function add(to: Tally, what: Readonly<Tally>, times = 1): void {
  to.records += what.records * times;
  to.bytes += what.bytes * times;
}

export function isNothing({ records, bytes }: Readonly<Tally>): boolean {
  return records === 0 && bytes === 0;
}

/** A copy. */
export function copyOf({ records, bytes }: Readonly<Tally>): Tally {
  return { records, bytes };
}
