// Where no thread can be had, the stream with `worker: true` ships from the thread that it is in: started from its sources
// it finds no thread to start, as in some bundles.

import { writeSync } from 'node:fs';
import { imbalance } from '@spillway/core';
import { recordingServer } from '@spillway/testing';
import pino from 'pino';
import { expect, it, vi } from 'vitest';
import { spillway } from '../in-process.js';

vi.mock('node:fs', { spy: true });

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

const line = `${JSON.stringify({ level: 30, time: 1_700_000_000_000, pad: 'x'.repeat(200) })}\n`;
const THOUSAND = line.repeat(1000);

it('takes more in one turn than the memory between the threads holds', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['http', { url: server.url }], worker: true });
  await stream.ready();
  for (let i = 0; i < 40; i++) stream.write(THOUSAND);
  const { stats } = await stream.close();
  expect(stats).toMatchObject({ acked: { records: 40_000 }, dropped: { records: 0 } });
});

it('waits once for a thread that takes nothing, not at each write, and counts what it loses', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['http', { url: server.url }], worker: true });
  const began = performance.now();
  // Before the missing thread can be noticed.
  for (let i = 0; i < 40; i++) stream.write(THOUSAND);
  expect(stream.stats().dropped.records).toBeGreaterThan(0);
  expect(performance.now() - began).toBeLessThan(9000);
  await stream.ready();
  stream.write('{"level":30,"msg":"hello"}\n');
  const { stats } = await stream.close();
  const { records } = stats.dropped;
  // Beside these there is the record of the loss.
  expect(stats.acked.records + records).toBe(40_002);
  const said = server.requests.map(({ body }) => body.toString()).join('');
  expect(said).toContain(`"msg":"${records} records dropped: handOverStalled","spillway":{"event":"recordsDropped"`);
  expect(writeSync).toHaveBeenCalledWith(
    2,
    expect.stringMatching(/^spillway: dropped records for http .*: handOverStalled/),
  );
  expect(stats.acked.records).toBeGreaterThan(10_000);
  expect(stats.droppedBy).toMatchObject({ handOverStalled: { records: stats.dropped.records } });
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
});

it('has in its last words what is still between the threads', async () => {
  const options = { to: ['http', { url: 'http://127.0.0.1:9' }], close: { deadlineMs: 10 }, warnings: 'off' } as const;
  const ready = spillway({ ...options, worker: true });
  await ready.ready();
  const early = spillway({ ...options, worker: true });
  for (const stream of [ready, early]) {
    stream.write(line);
    stream.lastWords();
    expect(stream.stats()).toMatchObject({ accepted: { records: 1 }, queued: { records: 1 } });
    await stream.close();
  }
});

it('knows the levels that the logger named before anything could hear it', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['loki', { url: server.url, encoding: 'json' }], worker: true });
  const log = pino({ customLevels: { audit: 55 }, formatters: { level: (label) => ({ level: label }) } }, stream);
  log.audit('who did what');
  await stream.close();
  const { streams } = JSON.parse(server.requests[0]!.body.toString()) as {
    streams: { values: [string, string, { level?: string }][] }[];
  };
  expect(streams[0]!.values[0]![2].level).toBe('error');
});

it('takes bytes as they are, also where a chunk ends within a letter', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['http', { url: server.url }], worker: true });
  const bytes = Buffer.from('{"level":30,"msg":"漢字 😀"}\n');
  for (const byte of bytes) stream.write(Buffer.of(byte));
  await stream.close();
  expect(server.requests.map(({ body }) => body.toString()).join('')).toContain('漢字 😀');
});

it("closes within the deadline where `whenFull: 'block'` holds back and the destination is down", async () => {
  await using server = await recordingServer();
  server.script({ hang: true });
  const stream = spillway({
    to: ['http', { url: server.url }],
    worker: true,
    queue: { maxBytes: '64kb', whenFull: 'block' },
    close: { deadlineMs: 200 },
    warnings: 'off',
  });
  await stream.ready();
  for (let i = 0; i < 4; i++) stream.write(THOUSAND);
  // Until there is no room any more.
  await vi.waitFor(() => expect(stream.stats().accepted.records).toBeGreaterThan(0));
  const { settled, stats } = await stream.close();
  expect(settled).toBe(false);
  expect(stats).toMatchObject({ accepted: { records: 4000 }, dropped: { records: 4000 } });
});

it('flushes what is still between the threads, and is not idle before', async () => {
  await using server = await recordingServer();
  const stream = spillway({ to: ['http', { url: server.url }], worker: true });
  await stream.ready();
  stream.write(line);
  stream.flushSync();
  expect(stream.idle).toBe(false);
  const { settled, stats } = await stream.report(5000);
  expect({ settled, acked: stats.acked.records }).toEqual({ settled: true, acked: 1 });
  expect(stream.idle).toBe(true);
  await stream.close();
});
