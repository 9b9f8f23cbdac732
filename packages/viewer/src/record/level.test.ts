import { expect, test } from 'vitest';
import { levelName, readLevel } from './level.js';

test.each([
  [30, 30],
  [35, 35],
  ['info', 30],
  ['WARN', 40],
  ['warning', 40],
  ['err', 50],
  ['critical', 60],
  ['verbose', 20],
  ['50', 50],
  [0, 0],
  [-5, 0],
  [100, 0],
  ['', 0],
  ['loud', 0],
  ['toString', 0],
  ['__proto__', 0],
  [null, 0],
  [true, 0],
  [{}, 0],
])('%j is %i', (value, expected) => {
  expect(readLevel(value)).toBe(expected);
});

test('a level between two names has the lower one', () => {
  expect([0, 5, 10, 25, 30, 35, 40, 50, 60, 99].map(levelName)).toEqual([
    'none',
    'trace',
    'trace',
    'debug',
    'info',
    'info',
    'warn',
    'error',
    'fatal',
    'fatal',
  ]);
});
