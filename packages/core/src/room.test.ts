import { describe, expect, it } from 'vitest';
import { Room, type RoomOptions } from './room.js';

/** Memory with batches of 10 bytes, the first `movable` of which the disk takes. */
function setUp(whenFull: RoomOptions['whenFull'], { batches = 10, open = 0, movable = 0 } = {}) {
  const memory = { batches, open, moved: 0, dropped: 0 };
  const room = new Room(
    { maxBytes: 100, whenFull },
    {
      memoryBytes: () => memory.batches * 10 + memory.open,
      moveToDisk: () => {
        if (memory.batches === 0 || memory.moved === movable) return false;
        memory.batches--;
        memory.moved++;
        return true;
      },
      dropBatch: () => {
        if (memory.batches === 0) return false;
        memory.batches--;
        memory.dropped++;
        return true;
      },
    },
  );
  return { memory, room };
}

describe('room', () => {
  it.each([
    ['takes what there is', 'dropOldest', { batches: 8 }, true, { moved: 0, dropped: 0 }],
    ['moves batches to disk first', 'dropOldest', { movable: 9 }, true, { moved: 2, dropped: 0 }],
    ['drops where the disk takes no more', 'dropOldest', { movable: 1 }, true, { moved: 1, dropped: 1 }],
    ['drops the oldest unless told otherwise', undefined, {}, true, { moved: 0, dropped: 2 }],
    ['never drops with dropNewest', 'dropNewest', { movable: 1 }, false, { moved: 1, dropped: 0 }],
    ['gives up when no batch waits', 'dropOldest', { batches: 0, open: 90 }, false, { moved: 0, dropped: 0 }],
  ] as const)('%s', (_, whenFull, state, made, done) => {
    const { memory, room } = setUp(whenFull, state);
    expect(room.make(20)).toBe(made);
    expect(memory).toMatchObject(done);
  });

  it.each([
    ['dropOldest', 0, false],
    ['dropNewest', 0, false],
    ['block', Number.POSITIVE_INFINITY, true],
  ] as const)('with %s, a full memory admits %d bytes', (whenFull, admitted, holdsBack) => {
    const { room } = setUp(whenFull);
    expect(room).toMatchObject({ left: 0, admitted, holdsBack });
  });

  it('lets a writer go on when there is room, and not before', async () => {
    const { memory, room } = setUp('block');
    const gone: string[] = [];
    const first = room.drained().then(() => gone.push('first'));
    const second = room.drained().then(() => gone.push('second'));
    room.announce();
    await undefined;
    expect(gone).toEqual([]);
    memory.batches--;
    room.announce();
    await Promise.all([first, second, room.drained()]);
    expect(gone).toEqual(['first', 'second']);
  });

  it('lets everybody go at the end', async () => {
    const { room } = setUp('block');
    const drained = room.drained();
    room.release();
    await drained;
  });
});
