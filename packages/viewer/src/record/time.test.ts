import { expect, test } from 'vitest';
import { readTime } from './time.js';

const MS = 1_700_000_000_123;

test.each([
  ['milliseconds', MS, MS],
  ['seconds', 1_700_000_000, 1_700_000_000_000],
  ['seconds with a fraction', 1_700_000_000.5, 1_700_000_000_500],
  ['microseconds', MS * 1000, MS],
  ['nanoseconds', MS * 1e6, MS],
  ['digits', '1700000000123', MS],
  ['nanoseconds as digits', '1700000000123000000', MS],
  ['ISO', '2023-11-14T22:13:20.123Z', MS],
  ['ISO with nanoseconds', '2023-11-14T22:13:20.123456789Z', MS],
  ['ISO with an offset', '2023-11-14T23:13:20.123+01:00', MS],
])('reads %s', (_, value, expected) => {
  expect(readTime(value)).toBe(expected);
});

test.each([
  [0],
  [-1],
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [''],
  ['soon'],
  ['2023'],
  [20_231_114],
  [20_231_114_221_320],
  ['20231114221320'],
  ['20231114221320123'],
  ['2023-99-99T00:00:00Z'],
  [null],
  [true],
  [{}],
  ['9'.repeat(50)],
])('%j is no time', (value) => {
  expect(readTime(value)).toBeUndefined();
});
