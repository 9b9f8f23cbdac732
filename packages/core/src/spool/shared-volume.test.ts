// Directories on volumes where only silence proves a death: a process that was paused for longer comes back, and nothing
// that it writes may be lost, neither by itself nor by whoever took its queue over.

import { batchOf, SimMachine } from '@spillway/testing';
import { expect, it } from 'vitest';
import type { Runtime } from '../runtime.js';
import type { FileSystem } from './file-system.js';
import { createSpool, type Spool } from './spool.js';

const NFS = 0x6969;

/** A volume of another machine: no beacons, and a name of its own. */
function remote(fs: FileSystem): FileSystem {
  return {
    light: () => undefined,
    performSync: (call) => fs.performSync(call),
    async perform(call) {
      const result = await fs.perform(call);
      return call.name === 'info' ? { ...(result as object), type: NFS } : result;
    },
  };
}

/** A clock whose timers do not fire while its process is stopped. */
function stoppable(runtime: Runtime) {
  const state = { stopped: false };
  const after: Runtime['after'] = (ms, callback, options) =>
    runtime.after(ms, () => (state.stopped ? undefined : callback()), options);
  return { runtime: { ...runtime, after }, state };
}

function start(disk: SimMachine, hostname: string) {
  const process = disk.spawn(hostname);
  const { runtime, state } = stoppable(process.runtime);
  const spool = createSpool(
    { directory: '/data/s', minFreeBytes: 0, compression: 'none' },
    {
      runtime,
      fs: remote(process.fs),
      destination: 'd',
      env: {},
      identity: { pid: 1, hostname, bootId: hostname },
      tuning: { offload: false },
    },
  );
  return { process, spool, state };
}

const batch = (number: number) => batchOf([`{"n":${number}}`], { firstSequence: number });

/** Lets time pass until queues have been adopted, and takes out everything there is. */
async function drain(disk: SimMachine, spool: Spool): Promise<number[]> {
  const out: number[] = [];
  for (let i = 0; i < 4; i++) {
    await disk.finish(spool.scan());
    for (;;) {
      const drained = await disk.finish(spool.next());
      if (!drained) break;
      out.push(drained.batch.firstSequence);
      spool.ack(drained.receipt);
    }
    await disk.advance(65_000);
  }
  return out;
}

it('a process that was taken for dead writes into a directory of its own again', async () => {
  const disk = new SimMachine(1);
  const first = start(disk, 'a');
  await disk.finish(first.spool.append(batch(1), 'normal'));
  first.state.stopped = true;
  const second = start(disk, 'b');
  expect(await drain(disk, second.spool)).toEqual([1]);
  // It goes on, and its next heartbeat is still to come.
  expect(await disk.finish(first.spool.append(batch(2), 'normal'))).toBeDefined();
  expect(first.spool.journal(batch(3), 'normal')).toBeDefined();
  expect(first.spool.appendSync([{ batch: batch(4), lane: 'normal' }], 1000)).toHaveLength(1);
  first.process.kill();
  expect((await drain(disk, second.spool)).sort()).toEqual([2, 3, 4]);
});

it('whoever took over a queue looks again before deleting what the owner may have written since', async () => {
  const disk = new SimMachine(1);
  const first = start(disk, 'a');
  for (const n of [1, 2, 3]) await disk.finish(first.spool.append(batch(n), 'normal'));
  first.process.kill();
  const [path] = disk.files().filter((name) => name.endsWith('.seg'));
  const bytes = disk.read(path!);
  disk.corrupt(path!, () => bytes.subarray(0, bytes.indexOf('SWF1', bytes.indexOf('SWF1') + 1)));
  const second = start(disk, 'b');
  await disk.finish(second.spool.scan());
  await disk.advance(130_000);
  await disk.finish(second.spool.scan());
  const drained = (await disk.finish(second.spool.next()))!;
  expect(drained.batch.firstSequence).toBe(1);
  disk.corrupt(disk.files().find((name) => name.endsWith('.seg'))!, () => bytes);
  second.spool.ack(drained.receipt);
  expect(await drain(disk, second.spool)).toEqual([2, 3]);
  expect(second.spool.stats()).toMatchObject({
    recovered: { records: 3 },
    acked: { records: 3 },
    lost: { records: 0 },
  });
  expect(disk.files().filter((name) => name.endsWith('.seg'))).toEqual([]);
});
