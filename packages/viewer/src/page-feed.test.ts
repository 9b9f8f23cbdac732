// What the page's list holds: arrivals, what is held back while someone reads, gaps, and the bound on it all.
import { expect, test } from 'vitest';
import { CAPACITY, Feed, HELD } from '../page/feed.js';

const record = (id: number) => ({ id, time: id, level: 30, labels: null, metadata: null, record: {} });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => record(from + i));
const ids = (feed: Feed) => feed.items.map((item) => (item.kind === 'gap' ? `gap ${item.count}` : item.id));

function feedOf(...newestFirst: number[]): Feed {
  const feed = new Feed();
  feed.reset(newestFirst.map(record), { complete: true });
  return feed;
}

test('arrivals go on top, and one that is there already does not come twice', () => {
  const feed = feedOf(2, 1);
  feed.arrive(range(2, 4), 0, { hold: false });
  expect(ids(feed)).toEqual([4, 3, 2, 1]);
});

test('what the tail skipped is a gap that can be filled, in parts', () => {
  const feed = feedOf(1);
  feed.arrive(range(9, 10), 7, { hold: false });
  expect(ids(feed)).toEqual([10, 9, 'gap 7', 1]);
  const gap = feed.items[2];
  if (gap?.kind !== 'gap') throw new Error('no gap');
  expect([gap.after, gap.before]).toEqual([1, 9]);
  feed.fill(gap, [record(8), record(7)], { complete: false });
  expect(ids(feed)).toEqual([10, 9, 8, 7, 'gap 5', 1]);
  const rest = feed.items[4];
  if (rest?.kind !== 'gap') throw new Error('no gap');
  feed.fill(rest, [6, 5, 4, 3, 2].map(record), { complete: true });
  expect(ids(feed)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
});

test('ids fall from first to last, gaps too', () => {
  const feed = feedOf(1);
  for (let i = 0; i < 20; i++) feed.arrive(range(10 + i * 10, 14 + i * 10), 5, { hold: false });
  const keys = feed.items.map(({ id }) => id);
  expect(keys).toEqual([...keys].sort((a, b) => b - a));
  expect(new Set(keys).size).toBe(keys.length);
});

test('held records are counted and then shown', () => {
  const feed = feedOf(1);
  feed.arrive(range(2, 3), 0, { hold: true });
  feed.arrive(range(9, 9), 5, { hold: true });
  expect([ids(feed), feed.heldCount, feed.newestId]).toEqual([[1], 8, 9]);
  expect(feed.release()).toBe(true);
  expect([ids(feed), feed.heldCount]).toEqual([[9, 'gap 5', 3, 2, 1], 0]);
});

test('too many held records are let go, and then the list must be fetched again', () => {
  const feed = feedOf(1);
  for (let i = 0; i < 10; i++) feed.arrive(range(2 + i * 500, 501 + i * 500), 0, { hold: true });
  expect(HELD).toBeLessThan(5000);
  expect([feed.heldCount, feed.release()]).toEqual([5000, false]);
});

test('the list is bounded; what fell off its end is fetched again', () => {
  const feed = feedOf(1);
  for (let i = 0; i < 25; i++) feed.arrive(range(2 + i * 500, 501 + i * 500), 0, { hold: false });
  expect(feed.items.length).toBe(CAPACITY);
  expect(feed.complete).toBe(false);
  expect(feed.oldestId).toBe(12_501 - CAPACITY + 1);
  feed.extend([feed.oldestId, feed.oldestId - 1].map(record), { complete: true });
  expect(feed.items.length).toBe(CAPACITY + 1);
});
