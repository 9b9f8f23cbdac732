import { simRuntime } from '@spillway/testing';
import { expect, it } from 'vitest';
import { Alarm } from './alarm.js';

it('rings once for all who set it, at the earliest time, and again when it is set again', async () => {
  const runtime = simRuntime();
  const rung: number[] = [];
  const alarm = new Alarm(runtime, () => {
    rung.push(runtime.monotonic() - start);
    if (rung.length === 1) alarm.set(10);
  });
  const start = runtime.monotonic();
  alarm.set(200);
  alarm.set(100);
  alarm.set(150);
  await runtime.advance(1000);
  expect(rung).toEqual([100, 110]);
  alarm.set(5);
  alarm.cancel();
  await runtime.advance(1000);
  expect(rung).toHaveLength(2);
});
