// A disk that hangs: nobody waits for it longer than it takes to find that out, and what it gives later is not lost.

import { batchOf, SimMachine } from '@spillway/testing';
import { expect, it } from 'vitest';
import type { Call, FileSystem } from './file-system.js';
import { createSpool } from './spool.js';

const STALL_MS = 1000;

/** A spool on a simulated disk that can be made to hang: calls of one kind wait until it goes on. */
function start(disk: SimMachine) {
  const { runtime, fs: works } = disk.spawn('p');
  let [hangs, goOn] = ['', () => {}];
  let until: Promise<void> = Promise.resolve();
  const fs: FileSystem = {
    ...works,
    perform: async (call: Call) => {
      if (call.name === hangs) await until;
      return works.perform(call);
    },
  };
  const spool = createSpool(
    { directory: '/data/s', minFreeBytes: 0, compression: 'none', sync: 'none' },
    {
      ...{ runtime, fs, destination: 'd', env: {} },
      identity: { pid: 1, hostname: 'h', bootId: 'b' },
      tuning: { stallMs: STALL_MS, offload: false },
    },
  );
  const hang = (name: Call['name']) => {
    hangs = name;
    until = new Promise((resolve) => {
      goOn = () => {
        hangs = '';
        resolve();
      };
    });
  };
  return { spool, runtime, hang, goOn: () => goOn() };
}

const batch = batchOf(['{"level":30,"time":1700000000000,"msg":"a"}']);

it('gives no batch, and the same one when it goes on', async () => {
  const disk = new SimMachine(1);
  const { spool, hang, goOn } = start(disk);
  await disk.finish(spool.append(batch, 'normal'));
  hang('read');
  const next = spool.next();
  await disk.advance(STALL_MS);
  expect(await next).toBeUndefined();
  expect(spool.stats()).toMatchObject({ state: 'stalled', waiting: { records: 1 } });
  goOn();
  await disk.advance(0);
  const drained = await disk.finish(spool.next());
  expect(drained?.batch.id).toBe(batch.id);
  spool.ack(drained!.receipt);
  expect(spool.stats()).toMatchObject({ acked: { records: 1 }, waiting: { records: 0 } });
});

it('is left behind at once by whoever closes, if it is known to hang', async () => {
  const disk = new SimMachine(1);
  const { spool, runtime, hang } = start(disk);
  await disk.finish(spool.append(batch, 'normal'));
  hang('read');
  void spool.next();
  await disk.advance(STALL_MS);
  const began = runtime.monotonic();
  await disk.finish(spool.close());
  expect(runtime.monotonic()).toBe(began);
});

it('is not touched by last words for which there is no time', async () => {
  const disk = new SimMachine(1);
  const { spool } = start(disk);
  await disk.finish(spool.append(batch, 'normal'));
  const { calls } = disk;
  expect(spool.appendSync([{ batch, lane: 'normal' }], 0)).toEqual([]);
  expect(disk.calls).toBe(calls);
});

it.each([
  ['works', true],
  ['hangs', false],
])('says within a time whether it answers: one that %s', async (_, works) => {
  const disk = new SimMachine(1);
  const { spool, hang } = start(disk);
  await disk.finish(spool.append(batch, 'normal'));
  if (!works) hang('read');
  void spool.next();
  expect(await disk.finish(spool.answers(STALL_MS / 2))).toBe(works);
});
