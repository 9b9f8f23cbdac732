// What became of the records that a shipping thread took, in memory that outlives it: a thread that runs out of memory, or is
// ended from outside, says nothing any more.
// In: the counts of its pipelines, whenever they changed. Out: three sums of each, for who has to account for the dead.
// Invariants: written in one go, so that the sums belong together; what is taken from the ring is accepted here before the ring
// lets go of it.

import type { Stats, Tally } from '@spillway/core';

/** The sums of one pipeline. */
export interface Sums {
  readonly accepted: Tally;
  readonly acked: Tally;
  /** Accepted, waiting, and on the disk, be it in memory too or not. */
  readonly saved: Tally;
}

const KEYS = ['records', 'bytes'] as const;
const NUMBERS = 3 * KEYS.length;

/** Memory for the account of a thread with so many pipelines. */
export function accountMemory(pipelines: number): SharedArrayBuffer {
  return new SharedArrayBuffer(pipelines * NUMBERS * Float64Array.BYTES_PER_ELEMENT);
}

/** The account of one thread. */
export class Account {
  private readonly sums: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.sums = new Float64Array(memory);
  }

  write(stats: Stats): void {
    for (const [at, part] of (stats.routes ?? [stats]).entries()) {
      const { accepted, acked } = part;
      const saved = savedOf(part);
      const numbers = [accepted.records, accepted.bytes, acked.records, acked.bytes, saved.records, saved.bytes];
      this.sums.set(numbers, at * NUMBERS);
    }
  }

  /** The sums of each pipeline, in the order of the routes. */
  read(): readonly Sums[] {
    return Array.from({ length: this.sums.length / NUMBERS }, (_, part) => {
      const tally = (at: number): Tally => {
        const [records = 0, bytes = 0] = this.sums.subarray(part * NUMBERS + at);
        return { records, bytes };
      };
      return { accepted: tally(0), acked: tally(2), saved: tally(4) };
    });
  }
}

/** The spool knows all that waits on the disk; what it found there and did not hand out yet, nobody has accepted. */
function savedOf({ spool, recovered, spooled, queued, inFlight }: Stats): Tally {
  if (!spool) return spooled;
  const saved = { records: 0, bytes: 0 };
  for (const key of KEYS) {
    const onDisk = spool.waiting[key] - Math.max(0, spool.recovered[key] - recovered[key]);
    saved[key] = Math.max(spooled[key], Math.min(onDisk, spooled[key] + queued[key] + inFlight[key]));
  }
  return saved;
}
