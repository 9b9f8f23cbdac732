// A thread that runs and does nothing, as where a file system hangs under it: whoever waits for it is told so.

import { EventEmitter } from 'node:events';
import { expect, it, vi } from 'vitest';
import { spillway } from '../in-process.js';

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: class extends EventEmitter {
    unref() {}
    terminate() {}
  },
}));

it('a flush and a close come to an end', async () => {
  const options = { close: { deadlineMs: 100 }, warnings: 'off' } as const;
  const stream = spillway({ to: ['http', { url: 'http://127.0.0.1:9' }], worker: true, ...options });
  stream.write('{"level":30}\n');
  stream.flushSync();
  expect(await stream.report(50)).toMatchObject({ settled: false });
  const { settled, stats } = await stream.close();
  expect(settled).toBe(false);
  expect(stats).toMatchObject({ accepted: { records: 1 }, dropped: { records: 1 } });
});
