// The bounds of the disk, by properties: whatever is written, to whichever lanes, the spool stays within its bytes, gives
// way in the right order, and counts exactly what it gave up.

import { batchOf, SimMachine, startSpool } from '@spillway/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LANES, type Lane } from '../lane.js';
import type { SpoolEvent } from './events.js';

const maxBytes = 2 ** 20;
const segmentBytes = 32 * 1024;

/** Segments that are not being written, by what the spool tells. */
class Shelves {
  readonly closed = new Set<string>();
  readonly wrong: string[] = [];

  hear(event: SpoolEvent): void {
    if (event.type === 'segmentClosed') this.closed.add(event.segment);
    if (event.type === 'segmentDeleted') this.closed.delete(event.segment);
    if (event.type !== 'segmentEvicted' || event.reason !== 'quota') return;
    const given = event.segment;
    for (const other of this.closed) {
      const order = laneOf(other) - laneOf(given);
      // A lower lane goes first; in a lane, the older one, whose number is smaller.
      if (order > 0 || (order === 0 && other < given)) this.wrong.push(`${given} went before ${other}`);
    }
    if (!this.closed.has(given)) this.wrong.push(`${given} was being written`);
  }
}

const laneOf = (path: string) => ['h', 'n', 'l'].indexOf(path.split('/').at(-1)![0]!);

const writes = fc.array(fc.tuple(fc.constantFrom(...LANES), fc.integer({ min: 1, max: 20 })), {
  minLength: 120,
  maxLength: 250,
});

it.each(['dropOldest', 'dropNewest'])(
  'keeps its bounds and its order with %s',
  { timeout: 120_000 },
  async (whenFull) => {
    let evicted = 0;
    await fc.assert(
      fc.asyncProperty(writes, async (all) => {
        const disk = new SimMachine(1);
        const shelves = new Shelves();
        const { spool } = startSpool(disk, {
          options: { maxBytes, whenFull },
          tuning: { segmentBytes },
          onEvent: (event) => shelves.hear(event),
        });
        const taken: Record<Lane, number[]> = { high: [], normal: [], low: [] };
        for (const [n, [lane, kib]] of all.entries()) {
          const lines = Array.from({ length: kib }, () => `{"pad":"${'x'.repeat(1000)}"}`);
          const batch = batchOf(lines, { writer: lane, firstSequence: 1000 * n });
          if (await disk.finish(spool.append(batch, lane))) taken[lane].push(1000 * n);
          const { diskBytes, appended, waiting, evicted } = spool.stats();
          expect(diskBytes).toBeLessThanOrEqual(maxBytes);
          expect(appended.records).toBe(waiting.records + evicted.quota.records);
          expect(appended.bytes).toBe(waiting.bytes + evicted.quota.bytes);
        }
        expect(shelves.wrong).toEqual([]);
        evicted += spool.stats().evicted.quota.records;
        const left: Record<Lane, number[]> = { high: [], normal: [], low: [] };
        for (;;) {
          const drained = await disk.finish(spool.next());
          if (!drained) break;
          left[drained.batch.writer as Lane].push(drained.batch.firstSequence);
          spool.ack(drained.receipt);
        }
        // Of each lane the newest are left, without a gap.
        for (const lane of LANES) expect(left[lane]).toEqual(taken[lane].slice(taken[lane].length - left[lane].length));
        // The highest lane only gives way to itself, and only where that was asked for.
        if (whenFull === 'dropNewest') expect(left.high).toEqual(taken.high);
      }),
      { numRuns: 15 },
    );
    expect(evicted).toBeGreaterThan(1000);
  },
);
