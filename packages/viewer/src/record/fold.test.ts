import { expect, test } from 'vitest';
import { contains, words } from './fold.js';

test.each([
  ['Payment FAILED: code=42', ['payment', 'failed', 'code', '42']],
  ['/api/orders/17?x=y', ['api', 'orders', '17', 'x', 'y']],
  ['Zürich Café naïve', ['zurich', 'cafe', 'naive']],
  ['订单失败 order', ['订', '单', '失', '败', 'order']],
  ['주문 실패', ['주문', '실패']],
  ['ΟΔΟΣ οδός', ['οδοσ', 'οδοσ']],
  ['🚀 → done', ['done']],
  ['a\u0000b\u202ec', ['a', 'b', 'c']],
  ['', []],
])('the words of %j', (text, expected) => {
  expect(words(text)).toEqual(expected);
});

test('a phrase is whole words next to each other, the last one perhaps begun', () => {
  const text = 'connection reset by peer';
  expect(contains(text, ['reset', 'by'], { prefix: false })).toBe(true);
  expect(contains(text, ['reset', 'b'], { prefix: true })).toBe(true);
  expect(contains(text, ['reset', 'b'], { prefix: false })).toBe(false);
  expect(contains(text, ['reset', 'peer'], { prefix: true })).toBe(false);
  expect(contains(text, ['set'], { prefix: true })).toBe(false);
});
