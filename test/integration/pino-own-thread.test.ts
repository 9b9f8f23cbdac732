// Our own hand-over gives the guarantees of the worker target: real processes, ended in every way.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FlushReport, imbalance, type Stats } from '@spillway/core';
import { recordingServer } from '@spillway/testing';
import { type Receiver, receiver } from '@spillway/testing/receiver';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { launch } from './pino/launch.js';

let target: Receiver;

beforeAll(async () => {
  target = await receiver();
});
beforeEach(async () => {
  await target.mode({ kind: 'ok' });
  await target.clear();
});
afterAll(() => target?.close());

const options = () => ({ to: ['http', { url: `${target.url}/logs` }] });
const arrived = (records = 1000) => target.received(records, 20_000);

describe('own hand-over delivers what was logged when the process', () => {
  it.each([
    ['exits right after logging', { code: 7, signal: null }],
    ['ends by itself', { code: 7, signal: null }],
    ['throws right after logging', { code: 1, signal: null }],
    ['flushes, then is killed', { code: null, signal: 'SIGKILL' }],
  ])('%s', async (scenario, ending) => {
    expect(await launch(`own thread, ${scenario}`, options()).ended).toMatchObject(ending);
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });

  it('exits after more than the memory between the threads can hold', async () => {
    const records = 100_000;
    const { code } = await launch('own thread, exits right after logging', options(), { records }).ended;
    expect(code).toBe(7);
    expect(await arrived(records)).toMatchObject({ unique: records, duplicates: 0 });
  });
});

it('closes with an account of everything', async () => {
  const app = launch('own thread, closes, then logs on', options());
  const { settled, counts } = await app.told<{ settled: boolean; counts: Stats }>();
  expect(settled).toBe(true);
  expect(counts).toMatchObject({ accepted: { records: 1000 }, acked: { records: 1000 } });
  expect(imbalance(counts)).toEqual({ records: 0, bytes: 0 });
  // And nothing is left that would keep the process.
  const closed = performance.now();
  expect(await app.ended).toMatchObject({ code: 0, stderr: '' });
  expect(performance.now() - closed).toBeLessThan(10_000);
});

it("takes lines with level labels of the logger's own", async () => {
  await launch('own thread, levels as labels', options()).ended;
  expect(await arrived(1)).toMatchObject({ unique: 1 });
});

it('knows these levels when it reads the first line', async () => {
  await using server = await recordingServer();
  const loki = { to: ['loki', { url: server.url, encoding: 'json' }] };
  expect(await launch('own thread, levels as labels', loki).ended).toMatchObject({ code: 0, stderr: '' });
  const { streams } = JSON.parse(server.requests[0]!.body.toString()) as {
    streams: { values: [string, string, { level?: string }][] }[];
  };
  expect(streams[0]!.values[0]![2].level).toBe('info');
});

it('throws at once what is wrong with the options', async () => {
  const told = await launch('own thread, bad options', options()).told();
  expect(told).toMatchObject({
    code: 'SPILLWAY_OPTIONS_INVALID',
    message: expect.stringContaining('did you mean `batch.lingerMs`?'),
  });
});

describe('when its thread dies', () => {
  /** Lets it die while the destination is down; answers the counts from then, those of the close, and what has arrived. */
  async function outlived(how: string, more: object, node: readonly string[] = []) {
    await target.mode({ kind: 'refuse' });
    const app = launch(`own thread, which ${how}`, { ...options(), ...more }, { node });
    const death = await app.told<Stats>();
    await target.mode({ kind: 'ok' });
    app.child.send('go on');
    const { settled, stats } = await app.told<FlushReport>();
    expect(settled).toBe(true);
    for (const counts of [death, stats]) expect(imbalance(counts)).toEqual({ records: 0, bytes: 0 });
    return { death, stats, unique: (await target.stats()).unique, stderr: (await app.ended).stderr };
  }

  it('counts everything that it had taken as lost, and delivers the rest', async () => {
    const { stats, unique, stderr } = await outlived('is terminated', {});
    const lost = stats.droppedBy.threadDied!.records;
    expect(lost).toBeGreaterThanOrEqual(500);
    expect(unique + lost).toBe(1000);
    expect(stderr).toMatch(/^spillway: the thread that ships to http \(\S+\) died, and with it \d+ records: /);
  });

  it('leaves to the spool what a journal has', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-own-thread-'));
    const spool = { directory, minFreeBytes: 0, durability: 'journal' };
    const { death, stats, unique } = await outlived('is terminated', { spool });
    expect(death.spooled.records).toBeGreaterThanOrEqual(500);
    expect(stats).toMatchObject({ dropped: { records: 0 }, spooled: death.spooled });
    expect(unique + stats.spooled.records).toBe(1000);
    rmSync(directory, { recursive: true });
  });

  it('saves everything with its last words, and the next thread delivers it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'spillway-own-thread-'));
    const loaded = new URL('pino/thread-end.mjs', import.meta.url).href;
    const { stats, unique } = await outlived('throws', { spool: { directory, minFreeBytes: 0 } }, ['--import', loaded]);
    expect(stats).toMatchObject({ dropped: { records: 0 } });
    expect(unique + stats.spooled.records).toBe(1000);
    rmSync(directory, { recursive: true });
  });
});

it('leaves to a spool what the destination does not take before the exit, and the next process delivers it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-own-thread-'));
  const withSpool = { ...options(), close: { deadlineMs: 300 }, spool: { directory, minFreeBytes: 0 } };
  await target.mode({ kind: 'refuse' });
  const { code, stderr } = await launch('own thread, exits right after logging', withSpool).ended;
  expect(code).toBe(7);
  expect(stderr).toBe('');
  await target.mode({ kind: 'ok' });
  await launch('own thread, ends by itself', { ...withSpool, close: { deadlineMs: 8000 } }, { records: 0 }).ended;
  const waiting = launch('logs for a while and watches itself', withSpool, { records: 1 });
  expect(await arrived(1000)).toMatchObject({ unique: 1000 });
  waiting.child.kill('SIGKILL');
  await waiting.ended;
  rmSync(directory, { recursive: true });
});
