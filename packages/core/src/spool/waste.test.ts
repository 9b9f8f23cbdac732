import { expect, it } from 'vitest';
import { discard } from './waste.js';

it('empties a buffer that has its memory for itself', () => {
  const buffer = Buffer.alloc(1 << 20, 'x');
  const part = buffer.subarray(10);
  discard(part);
  expect(buffer).toHaveLength(0);
  discard(part);
  expect(part).toHaveLength(0);
});

it('does not pile memory up until the collector comes', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) discard(Buffer.alloc(1 << 20));
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10 << 20);
});

it('leaves alone what may share its memory with others', () => {
  const small = Buffer.from('abc');
  discard(small);
  expect(small.toString()).toBe('abc');
  const shared = Buffer.from(new SharedArrayBuffer(1 << 20));
  discard(shared);
  expect(shared).toHaveLength(1 << 20);
});
