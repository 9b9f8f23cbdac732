// Where no thread can be had, the stream with `worker: true` ships from the thread that it is in: started from its sources
// it finds no thread to start, as in some bundles.

import { recordingServer } from '@spillway/testing';
import pino from 'pino';
import { expect, it } from 'vitest';
import { spillway } from '../in-process.js';

it('becomes ready and delivers without a thread', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['http', { url: server.url }], worker: true });
  await stream.ready();
  pino(stream).info('hello');
  const { settled, stats } = await stream.close();
  expect(settled).toBe(true);
  expect(stats.acked.records).toBe(1);
  expect(server.requests).toHaveLength(1);
});
