import { batchOf } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type Entry, FROM_DISK } from './entry.js';
import type { Lane } from './lane.js';
import { Queue } from './queue.js';

const entry = (seal: number, lane: Lane = 'normal', at = 0): Entry => ({ batch: batchOf(['{"a":1}']), seal, lane, at });

function setUp(...seals: readonly number[]) {
  const queue = new Queue();
  for (const seal of seals) queue.push(entry(seal));
  return queue;
}

function taken(queue: Queue) {
  const seals = [];
  for (let next = queue.shift(); next; next = queue.shift()) seals.push(next.seal);
  expect(queue).toMatchObject({ length: 0, records: 0, bytes: 0, oldestSeal: Number.POSITIVE_INFINITY });
  return seals;
}

describe('queue', () => {
  it('puts back in its place what comes back, in whatever order it does', () => {
    const queue = setUp(1, 2, 3, 4, 5);
    const [one, two, three] = [queue.shift()!, queue.shift()!, queue.shift()!];
    queue.putBack([one]);
    queue.putBack([three, two]);
    expect(queue).toMatchObject({ length: 5, records: 5, oldestSeal: 1 });
    expect(taken(queue)).toEqual([1, 2, 3, 4, 5]);
  });

  it('keeps the parts of one batch in their order', () => {
    const queue = setUp(2);
    const parts = [entry(1), entry(1), entry(1)];
    queue.putBack(parts);
    const first = queue.shift()!;
    queue.putBack([first]);
    expect(queue.takeAll().slice(0, 3)).toEqual(parts);
  });

  it('has what came from the disk in front, where it hides no seal', () => {
    const queue = setUp(7, 8);
    queue.putBack([entry(FROM_DISK), entry(FROM_DISK)]);
    expect(queue.oldestSeal).toBe(7);
    expect(taken(queue)).toEqual([FROM_DISK, FROM_DISK, 7, 8]);
  });

  it('knows since when something waits, whatever came from the disk before it', () => {
    const queue = new Queue();
    expect(queue.oldestAt).toBe(Number.POSITIVE_INFINITY);
    queue.push(entry(1, 'normal', 100));
    queue.push(entry(2, 'normal', 200));
    expect(queue.oldestAt).toBe(100);
    queue.putBack([entry(FROM_DISK, 'normal', 300)]);
    expect(queue.oldestAt).toBe(100);
    queue.takeAll();
    queue.putBack([entry(FROM_DISK, 'normal', 300)]);
    expect(queue.oldestAt).toBe(300);
  });

  it('gives way by lane, the oldest first, and takes what could not go back into its place', () => {
    const queue = new Queue();
    for (const [seal, lane] of [[1, 'high'] as const, [2, 'low'] as const, [3, 'low'] as const])
      queue.push(entry(seal, lane));
    const evicted = queue.evict()!;
    expect(evicted.seal).toBe(2);
    queue.putBack([evicted]);
    expect(taken(queue)).toEqual([1, 2, 3]);
  });
});
