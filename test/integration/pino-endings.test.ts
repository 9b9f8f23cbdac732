// How a process ends must not decide whether its last records arrive, nor may they change how it ends.

import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Receiver, receiver } from '@spillway/testing/receiver';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
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
const arrived = () => target.received(1000, 10_000);

describe('the worker target delivers what was logged when the process', () => {
  it.each([
    ['exits before the worker is up', { code: 7, signal: null }],
    ['exits right after logging', { code: 7, signal: null }],
    ['ends by itself', { code: 7, signal: null }],
    ['throws right after logging', { code: 1, signal: null }],
    ['rejects right after logging', { code: 1, signal: null }],
    ['logs the exception, then exits as pino advises', { code: 7, signal: null }],
    ['flushes, then is killed', { code: null, signal: 'SIGKILL' }],
  ])('%s', async (scenario, ending) => {
    expect(await launch(scenario, options()).ended).toMatchObject(ending);
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });

  it('exits right after logging to a destination that fails at first', async () => {
    await target.mode({ kind: 'status', status: 503, requests: 2 });
    const { code } = await launch('exits right after logging', options()).ended;
    expect(code).toBe(7);
    expect(await arrived()).toMatchObject({ unique: 1000, faulted: 2 });
  });
});

it('a destination that is down delays the exit by no more than the deadline, and the loss is said', async () => {
  await target.mode({ kind: 'refuse' });
  const began = performance.now();
  const app = launch('exits right after logging', { ...options(), close: { deadlineMs: 300 } });
  const { code, stderr } = await app.ended;
  expect(code).toBe(7);
  // Far below pino's own ten seconds, with room for a busy machine.
  expect(performance.now() - began).toBeLessThan(8000);
  expect(stderr).toMatch(/^spillway: dropped records for http \(.*\): closed, 1000 so far$/m);
});

it('the loss at the end is said, also right after another warning', async () => {
  await target.mode({ kind: 'status', status: 401 });
  const { code, stderr } = await launch('exits right after logging', { ...options(), close: { deadlineMs: 300 } })
    .ended;
  expect(code).toBe(7);
  expect(stderr).toMatch(/^spillway: http \(.*\) refuses us, keeping the records: 401$/m);
  expect(stderr).toMatch(/^spillway: dropped records for http \(.*\): closed, 1000 so far$/m);
});

describe('the in-process stream', () => {
  it('delivers at a natural end', async () => {
    expect(await launch('in process, ends by itself', options()).ended).toMatchObject({ code: 0, stderr: '' });
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });

  it('says what process.exit cut off, and leaves the exit code alone', async () => {
    const { code, stderr } = await launch('in process, exits right after logging', options()).ended;
    expect(code).toBe(7);
    expect(stderr).toMatch(/^spillway: the process ended with 1000 records unsent to http \(.*\)$/m);
  });

  it('says nothing of it with warnings off', async () => {
    const quiet = { ...options(), warnings: 'off' };
    expect(await launch('in process, exits right after logging', quiet).ended).toMatchObject({ code: 7, stderr: '' });
  });

  it.each([{}, { worker: true }])('says that what was logged during the exit is lost, with %j', async (how) => {
    const { code, stderr } = await launch('in process, logs while it exits', { ...options(), ...how }).ended;
    expect(code).toBe(7);
    expect(stderr.match(/^spillway: records that were logged during the exit are lost to http \(.*\)$/gm)).toHaveLength(
      1,
    );
  });

  it('gives up at a natural end when the destination stays down', async () => {
    await target.mode({ kind: 'refuse' });
    const short = { ...options(), close: { deadlineMs: 300 } };
    const { code, stderr } = await launch('in process, ends by itself', short).ended;
    expect(code).toBe(0);
    expect(stderr).toContain('the process ended with 1000 records unsent');
  });
});

describe('at SIGTERM', () => {
  it.each([
    ['closes on SIGTERM', { code: null, signal: 'SIGTERM' }],
    ['has its own SIGTERM listener beside ours', { code: 7, signal: null }],
    ['in process, shutdown auto', { code: null, signal: 'SIGTERM' }],
    ['in process, shutdown auto beside a listener of the application', { code: 7, signal: null }],
    ['in process, two streams with shutdown auto', { code: null, signal: 'SIGTERM', stderr: '' }],
    ['in process, a listener for once before shutdown auto', { code: 7, signal: null }],
  ])('%s', async (scenario, ending) => {
    const app = launch(scenario, options());
    expect(await app.told()).toBe('logged');
    app.child.kill('SIGTERM');
    expect(await app.ended).toMatchObject(ending);
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });

  it.each(['in process, shutdown auto, logs on', 'closes on SIGTERM, logs on'])(
    '%s, which does not change how it ends',
    async (scenario) => {
      // The delivery takes a while, in which the application goes on.
      await target.mode({ kind: 'slow', ms: 100 });
      const app = launch(scenario, options());
      expect(await app.told()).toBe('logged');
      app.child.kill('SIGTERM');
      const { stderr, ...ending } = await app.ended;
      expect(ending).toEqual({ code: null, signal: 'SIGTERM' });
      expect(stderr).not.toContain('Error');
      expect((await arrived()).unique).toBe(1000);
    },
  );

  it('ends also where it is the first process of a container', async () => {
    const app = launch('in process, shutdown auto', options(), { first: true });
    expect(await app.told()).toBe('logged');
    const [pid] = readFileSync(`/proc/${app.child.pid}/task/${app.child.pid}/children`, 'utf8').split(' ');
    process.kill(Number(pid), 'SIGTERM');
    expect(await app.ended).toMatchObject({ code: 143, signal: null, stderr: '' });
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });
});

describe('the stream with a thread of its own delivers what was logged', () => {
  it.each([
    ['in process, ends by itself', { code: 0 }],
    ['in process, exits right after logging', { code: 7 }],
    ['in process, throws right after logging', { code: 1 }],
  ])('%s', async (scenario, ending) => {
    const { stderr, ...ended } = await launch(scenario, { ...options(), worker: true }).ended;
    expect(ended).toMatchObject(ending);
    expect(stderr).not.toContain('spillway:');
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
  });
});

describe('with a spool, what could not be sent is sent by the next process', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'spillway-endings-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it.each([
    ['the worker, with the destination down', 'exits right after logging', { kind: 'refuse' } as const],
    ['the worker, with a destination that hangs', 'throws right after logging', { kind: 'hang' } as const],
    ['the stream, after process.exit', 'in process, exits right after logging', { kind: 'ok' } as const],
    ['the stream, with lines of a listener for the exit', 'in process, logs while it exits', { kind: 'ok' } as const],
  ])('%s', async (_, scenario, mode) => {
    await target.mode(mode);
    const spooling = { ...options(), spool: { directory }, close: { deadlineMs: 300 } };
    const { stderr } = await launch(scenario, spooling).ended;
    expect(stderr).not.toContain('spillway:');
    expect((await target.stats()).unique).toBe(0);

    await target.mode({ kind: 'ok' });
    const next = launch('in process, shutdown auto', spooling, { records: 0 });
    expect(await arrived()).toMatchObject({ unique: 1000, duplicates: 0 });
    next.child.kill('SIGTERM');
    expect(await next.ended).toMatchObject({ signal: 'SIGTERM', stderr: '' });
  });
});
