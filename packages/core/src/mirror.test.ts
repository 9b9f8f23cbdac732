import { batchOf } from '@spillway/testing';
import { expect, it } from 'vitest';
import { Mirror, type MirrorMode, type MirrorWrite } from './mirror.js';

const lines = [20, 30, 50, 60].map((level) => JSON.stringify({ level, time: 1_700_000_000_123, msg: `at ${level}` }));
const batch = batchOf(lines);

function collecting(step = Number.POSITIVE_INFINITY) {
  let text = '';
  const write: MirrorWrite = (bytes, done) => {
    const part = bytes.subarray(0, step);
    text += part.toString();
    queueMicrotask(() => done(null, part.length));
  };
  return { write, text: () => text };
}

const settled = () => new Promise((done) => setImmediate(done));

it.each([
  ['off', true, []],
  ['errors', false, lines.slice(2)],
  ['all', false, lines],
  ['onFailure', false, []],
  ['onFailure', true, lines],
] as const)('%s, failing: %s', async (mode: MirrorMode, failing, expected) => {
  const { write, text } = collecting(7);
  new Mirror(mode, write).take(batch, failing);
  await settled();
  expect(text()).toBe(expected.map((line) => `${line}\n`).join(''));
});

it('drops and counts what a reader does not take, and waits for nobody', () => {
  const mirror = new Mirror('all', () => {});
  const big = batchOf([JSON.stringify({ level: 30, msg: 'x'.repeat(400_000) })]);
  for (let i = 0; i < 5; i++) mirror.take(big, false);
  expect(mirror.dropped).toBe(3);
});

it('shows batches of any size, each when the reader has taken the one before', async () => {
  const { write, text } = collecting();
  const mirror = new Mirror('all', write);
  const large = batchOf([JSON.stringify({ level: 30, msg: 'x'.repeat(3 << 20) })]);
  for (let i = 0; i < 2; i++) {
    mirror.take(large, false);
    await settled();
  }
  expect(mirror.dropped).toBe(0);
  expect(text()).toBe(large.bytes.toString().repeat(2));
});

it('gives up quietly when stdout is closed', async () => {
  let calls = 0;
  const mirror = new Mirror('all', (_, done) => {
    calls++;
    done(Object.assign(new Error('closed'), { code: 'EPIPE' }), 0);
  });
  mirror.take(batch, false);
  mirror.take(batch, false);
  await settled();
  expect(calls).toBe(1);
});
