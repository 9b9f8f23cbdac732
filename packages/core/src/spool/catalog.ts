// All segments of a spool, its own and those it found, sorted by age inside each lane, and their sums.
// Sums are recomputed from the segments whenever they are asked for: there is no counter that could drift.

import { LANES, type Lane } from '../lane.js';
import type { Segment } from './segment.js';

/** How often each lane comes first when batches are drained, of ten times. */
const turns: Record<Lane, number> = { high: 6, normal: 3, low: 1 };

export class Catalog {
  readonly #lanes: Record<Lane, Segment[]> = { high: [], normal: [], low: [] };
  readonly #credit: Record<Lane, number> = { high: 0, normal: 0, low: 0 };

  add(segment: Segment): void {
    const list = this.#lanes[segment.lane];
    let at = list.length;
    while (at > 0 && older(segment, list[at - 1]!)) at--;
    list.splice(at, 0, segment);
  }

  remove(segment: Segment): void {
    const list = this.#lanes[segment.lane];
    const at = list.indexOf(segment);
    if (at !== -1) list.splice(at, 1);
  }

  /** Oldest first. */
  of(lane: Lane): readonly Segment[] {
    return this.#lanes[lane];
  }

  *all(): Generator<Segment> {
    for (const lane of LANES) yield* this.#lanes[lane];
  }

  get size(): number {
    return LANES.reduce((sum, lane) => sum + this.#lanes[lane].length, 0);
  }

  sum(of: (segment: Segment) => number): number {
    let sum = 0;
    for (const segment of this.all()) sum += of(segment);
    return sum;
  }

  /** The order in which to try the lanes for the next batch: by credit, so that none starves. */
  turn(): Lane[] {
    for (const lane of LANES) this.#credit[lane] += turns[lane];
    return [...LANES].sort((a, b) => this.#credit[b] - this.#credit[a]);
  }

  /** Notes that a lane had its turn. */
  took(lane: Lane): void {
    this.#credit[lane] -= 10;
    // A lane that was empty for long must not make the others wait for as long.
    for (const each of LANES) this.#credit[each] = Math.max(-20, Math.min(20, this.#credit[each]));
  }
}

function older(a: Segment, b: Segment): boolean {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt;
  if (a.queueId !== b.queueId) return a.queueId < b.queueId;
  return a.number < b.number;
}
