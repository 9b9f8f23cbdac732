import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { scriptedDestination } from '@spillway/testing';
import pino from 'pino';
import { expect, it } from 'vitest';
import { spillway } from './in-process.js';
import type { StreamOptions } from './options.js';

/** A destination in memory, and what it has: fields of the lines, and level and time as the pipeline read them. */
function destination() {
  const scripted = scriptedDestination();
  const records = () =>
    scripted.stored.map(({ line, level, time }) => ({
      ...(JSON.parse(line) as { level: number | string; msg: string; i?: number }),
      readLevel: level,
      readTime: time,
    }));
  return { to: scripted.transport, behave: scripted.behave, records };
}

it('delivers what pino logged, in order, once closed', async () => {
  const { to, records } = destination();
  const stream = spillway({ to });
  const log = pino(stream);
  for (let i = 0; i < 2000; i++) log.info({ i }, 'hello');
  const { settled, stats } = await stream.close();
  expect(settled).toBe(true);
  expect(stats.acked.records).toBe(2000);
  expect(records().map(({ i }) => i)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
});

it("calls pino's flush back when the records are delivered", async () => {
  const { to, records } = destination();
  const stream = spillway({ to, batch: { lingerMs: 3_600_000 } });
  const log = pino(stream);
  log.info('first');
  await new Promise((resolve) => log.flush(resolve));
  expect(records().map(({ msg }) => msg)).toEqual(['first']);
  await stream.close();
});

it("learns pino's custom levels, also where lines carry labels", async () => {
  const { to, records } = destination();
  const stream = spillway({ to });
  const log = pino(
    { customLevels: { audit: 35 }, formatters: { level: (label) => ({ level: label.toUpperCase() }) } },
    stream,
  );
  log.audit('who did what');
  log.error('broken');
  await stream.close();
  expect(records()).toMatchObject([
    { level: 'AUDIT', readLevel: 35 },
    { level: 'ERROR', readLevel: 50 },
  ]);
});

it.each([
  ['numbers', pino.stdTimeFunctions.epochTime],
  ['seconds', pino.stdTimeFunctions.unixTime],
  ['ISO', pino.stdTimeFunctions.isoTime],
  ['ISO with nanoseconds', pino.stdTimeFunctions.isoTimeNano],
])('reads times as %s', async (_, timestamp) => {
  const { to, records } = destination();
  const stream = spillway({ to });
  const before = Date.now();
  pino({ timestamp }, stream).info('now');
  await stream.close();
  // pino rounds to whole seconds, up or down.
  expect(records()[0]!.readTime).toBeGreaterThanOrEqual(before - 500);
  expect(records()[0]!.readTime).toBeLessThanOrEqual(Date.now() + 500);
});

it('counts what is still buffered, and is bounded while the destination hangs', async () => {
  const { to, behave } = destination();
  behave(() => ({ kind: 'hang' }));
  const stream = spillway({ to, queue: { maxBytes: '128kb' }, close: { deadlineMs: 10 }, warnings: 'off' });
  const log = pino(stream);
  for (let i = 0; i < 5000; i++) log.info({ i }, 'hello');
  const { accepted, queued, inFlight, dropped } = stream.stats();
  expect(accepted.records).toBe(5000);
  expect(queued.bytes + inFlight.bytes).toBeLessThanOrEqual(128 * 1024);
  expect(accepted.records - dropped.records).toBe(queued.records + inFlight.records);
  const { settled, stats } = await stream.close();
  expect(settled).toBe(false);
  expect(stats.dropped.records).toBe(5000);
});

it('is a Writable that Node can pipe into, and ends when everything is delivered', async () => {
  const { to, records } = destination();
  const stream = spillway({ to });
  await pipeline(Readable.from(['{"level":30,"msg":"a"}\n{"lev', 'el":30,"msg":"b"}\n']), stream);
  expect(records().map(({ msg }) => msg)).toEqual(['a', 'b']);
});

it('delivers what it had gathered when it is destroyed', async () => {
  const { to, records } = destination();
  const stream = spillway({ to });
  pino(stream).info('last words');
  await new Promise((resolve) => stream.once('close', resolve).destroy());
  expect(records().map(({ msg }) => msg)).toEqual(['last words']);
});

it('closes at the end of an `await using` block', async () => {
  const { to, records } = destination();
  {
    await using stream = spillway({ to });
    pino(stream).info('last words');
  }
  expect(records().map(({ msg }) => msg)).toEqual(['last words']);
});

it('refuses writes after the end like any Writable', async () => {
  const { to } = destination();
  const stream = spillway({ to });
  await stream.close();
  const refused = new Promise((resolve) => stream.once('error', resolve));
  stream.write('late\n');
  expect(await refused).toMatchObject({ code: expect.stringMatching(/ERR_STREAM/) });
});

it('names every wrong option at once', () => {
  const options = { batch: { lingerMS: 5 }, queue: { maxBytes: '32 parsecs' } } as unknown as StreamOptions;
  expect(() => spillway(options)).toThrowErrorMatchingInlineSnapshot(`
    [SpillwayError: Expected \`to\` to be a transport's name and its options, as in ['loki', { url: 'http://loki:3100' }], got nothing
    Expected \`queue.maxBytes\` to be a number of bytes or a string such as '512kb' or '32mb', from '64kb' to '4gb', got '32 parsecs' (string)
    Unknown option \`batch.lingerMS\`: did you mean \`batch.lingerMs\`? Expected one of maxBytes, maxRecords, lingerMs]
  `);
});

it('gives each route a spool of its own, also in one directory, and takes up what each has left', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spillway-routes-'));
  const [audit, all] = [destination(), destination()];
  const routes = (name: string) => [
    { kind: 'audit', to: { ...audit.to, destination: `${name}-audit` } },
    { to: { ...all.to, destination: `${name}-all` } },
  ];
  const open = () =>
    spillway({
      routes: routes('memory'),
      spool: { directory, minFreeBytes: 0 },
      close: { deadlineMs: 100 },
      warnings: 'off',
    });
  for (const { behave } of [audit, all]) behave(() => ({ kind: 'reset' }));
  const down = open();
  const log = pino(down);
  log.child({ kind: 'audit' }).info('who did what');
  for (let i = 0; i < 10; i++) log.info({ i }, 'hello');
  const { stats } = await down.close();
  expect(stats.routes?.map(({ spooled }) => spooled.records)).toEqual([1, 10]);
  expect(stats).toMatchObject({ spooled: { records: 11 }, dropped: { records: 0 } });

  for (const { behave } of [audit, all]) behave(() => ({ kind: 'reply', verdict: { outcome: 'ack' } }));
  await using up = open();
  await expect.poll(() => up.stats().acked.records).toBe(11);
  expect(audit.records().map(({ msg }) => msg)).toEqual(['who did what']);
  expect(all.records().map(({ i }) => i)).toEqual(Array.from({ length: 10 }, (_, i) => i));
  await up.close();
  await rm(directory, { recursive: true });
});
