import { describe, expect, it } from 'vitest';
import { DrainOrder, type Supply } from './drain-order.js';

const supply: Supply = { live: true, disk: 'ready', room: true, drainInFlight: false };

describe('drain order', () => {
  it.each([
    ['both', {}, 'disk', 'disk'],
    ['both, one from the disk in flight', { drainInFlight: true }, 'memory', 'disk'],
    ['no room for one from the disk', { room: false }, 'memory', 'memory'],
    ['the rate holds the disk back', { disk: 'paced' }, 'memory', undefined],
    ['only memory', { disk: 'empty' }, 'memory', 'memory'],
    ['only the disk', { live: false }, 'disk', 'disk'],
    ['only the disk, one from it in flight', { live: false, drainInFlight: true }, 'disk', 'disk'],
    ['only the disk, without room', { live: false, room: false }, undefined, undefined],
    ['only the disk, held back', { live: false, disk: 'paced' }, undefined, undefined],
    ['nothing', { live: false, disk: 'empty' }, undefined, undefined],
  ] as const)('%s', (_, differing, liveFirst, oldestFirst) => {
    const at = (first: boolean) =>
      new DrainOrder({ oldestFirst: first, maxInFlight: 2 }).next({ ...supply, ...differing });
    expect([at(false), at(true)]).toEqual([liveFirst, oldestFirst]);
  });

  it('takes turns where there is one slot, and goes on with the turn that it left', () => {
    const order = new DrainOrder({ oldestFirst: false, maxInFlight: 1 });
    const taken = [{}, {}, { disk: 'empty' as const }, {}, {}].map((differing) =>
      order.next({ ...supply, ...differing }),
    );
    expect(taken).toEqual(['disk', 'memory', 'memory', 'disk', 'memory']);
  });
});
