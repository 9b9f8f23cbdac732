import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchOf, type ScriptedDestination, scriptedDestination } from '@spillway/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Backlog, type BacklogReport } from './backlog.js';
import type { PipelineInput } from './options/pipeline-options.js';
import { systemRuntime } from './runtime.js';
import { createSpool, type Spool } from './spool/spool.js';

let directory: string;
let destination: ScriptedDestination;
const spools: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-backlog-'));
  destination = scriptedDestination();
});
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const folder = () => join(directory, 'q');
function open(options: object = {}): Spool {
  const given = { directory, minFreeBytes: 0, ...options };
  const spool = createSpool(given, { runtime: systemRuntime, destination: 'test', folder: folder() });
  spools.push(spool);
  return spool;
}
const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `w1-${from + i}`);
const batch = (from: number, to: number) =>
  batchOf(
    Array.from({ length: to - from }, (_, i) => `{"level":30,"time":1700000000000,"n":${from + i}}`),
    { firstSequence: from },
  );

/** What a process left: batches of ten. */
async function left(batches: number, options: object = {}): Promise<void> {
  const spool = open(options);
  for (let i = 0; i < batches; i++) await spool.append(batch(10 * i, 10 * i + 10), 'normal');
  await spool.close();
}
const quick: PipelineInput = {
  retry: { attempts: 2, minMs: 1, maxMs: 2 },
  breaker: { failures: 2, cooldownMs: 5 },
  send: { timeoutMs: 500, maxInFlight: 1 },
};
const backlog = (options: object = {}) =>
  new Backlog({
    folder: folder(),
    transport: destination.transport,
    pipeline: quick,
    runtime: systemRuntime,
    patienceMs: 30_000,
    ...options,
  });
const drain = (options: object = {}, signal = new AbortController().signal) => backlog(options).drain(signal);
const stored = () => destination.stored.map(({ id }) => id);

/** The report's own law. */
function addsUp({ found, repeated, delivered, rejected, lost, duplicates, remaining }: BacklogReport): void {
  const parts = [delivered, rejected, lost, duplicates, remaining];
  expect(parts.reduce((sum, { records }) => sum + records, 0)).toBe(found.records + repeated);
}

it('delivers what a dead process left, byte for byte, and leaves nothing behind', async () => {
  await left(5);
  const report = await drain();
  expect(report).toMatchObject({ found: { records: 50 }, delivered: { records: 50 }, repeated: 0, requests: 5 });
  expect(report.adopted).toHaveLength(1);
  addsUp(report);
  expect(stored()).toEqual(ids(0, 50));
  expect(readdirSync(folder())).toEqual([]);
  expect(destination.closed).toBe(1);
});

it('leaves a living owner alone', async () => {
  const alive = open();
  await alive.append(batch(0, 10), 'normal');
  expect(await drain()).toMatchObject({ found: { records: 0 }, adopted: [], requests: 0 });
  expect((await alive.next())?.batch.count).toBe(10);
});

it('makes no directory where there is nothing to do', async () => {
  expect(await drain()).toMatchObject({ found: { records: 0 }, delivered: { records: 0 } });
  expect(existsSync(folder())).toBe(false);
});

it('rides out failures', async () => {
  await left(4);
  destination.behave((_, request) =>
    request < 6 ? { kind: 'reset' } : { kind: 'reply', verdict: { outcome: 'ack' } },
  );
  const report = await drain();
  expect(report).toMatchObject({ delivered: { records: 40 }, remaining: { records: 0 }, repeated: 0 });
  expect(stored().toSorted()).toEqual(ids(0, 40).toSorted());
});

it('gives up when nothing is settled for too long, and keeps everything', async () => {
  await left(3);
  destination.behave(() => ({ kind: 'reset' }));
  const report = await drain({ patienceMs: 100 });
  expect(report).toMatchObject({ delivered: { records: 0 }, remaining: { records: 30 }, repeated: 0 });
  expect(report.trouble).toContain('ECONNRESET');
  addsUp(report);
  destination.behave(() => ({ kind: 'reply', verdict: { outcome: 'ack' } }));
  expect(await drain()).toMatchObject({ delivered: { records: 30 } });
});

it('gives up at once when the destination refuses us', async () => {
  await left(2);
  destination.behave(() => ({ kind: 'reply', verdict: { outcome: 'hold', reason: '401: wrong token' } }));
  const report = await drain();
  expect(report).toMatchObject({ trouble: '401: wrong token', remaining: { records: 20 }, requests: 1 });
});

it('stops when told to; what was delivered is not sent again', async () => {
  await left(10);
  const stopping = new AbortController();
  destination.behave((_, request) => {
    if (request < 4) return { kind: 'reply', verdict: { outcome: 'ack' } };
    setImmediate(() => stopping.abort());
    return { kind: 'hang' };
  });
  const first = await drain({}, stopping.signal);
  expect(first.delivered.records + first.remaining.records).toBe(100);
  expect(first.remaining.records).toBe(70);
  addsUp(first);
  destination.behave(() => ({ kind: 'reply', verdict: { outcome: 'ack' } }));
  const second = await drain();
  expect(second).toMatchObject({ found: { records: 70 }, delivered: { records: 70 } });
  expect(stored().toSorted()).toEqual(ids(0, 100).toSorted());
});

it('keeps what is refused as dead letters, and retries them as what they were', async () => {
  await left(3);
  destination.behave((_, request) =>
    request === 2
      ? { kind: 'reply', verdict: { outcome: 'partial', retry: [], reject: [3, 4], reason: 'too old' } }
      : { kind: 'reply', verdict: { outcome: 'ack' } },
  );
  const report = await drain();
  expect(report).toMatchObject({ delivered: { records: 28 }, rejected: { records: 2 }, remaining: { records: 0 } });
  addsUp(report);
  expect(readdirSync(folder())).toEqual(['dead-letters']);

  destination.behave((b) =>
    b.sequence(0) === 13
      ? { kind: 'reply', verdict: { outcome: 'partial', retry: [], reject: [0], reason: 'still too old' } }
      : { kind: 'reply', verdict: { outcome: 'ack' } },
  );
  const retried = await backlog().retryDeadLetters(new AbortController().signal);
  expect(retried).toEqual({ taken: 2, remaining: 0, unreadable: 0 });
  expect(stored()).toHaveLength(29);
  const [file] = await open().deadLetters.list();
  expect(await open().deadLetters.read(file!.name)).toMatchObject([{ id: 'w1-13', reason: 'still too old' }]);
});

it('hands back what is refused and cannot be kept', async () => {
  await left(1);
  writeFileSync(join(folder(), 'dead-letters'), 'not a directory');
  destination.behave(() => ({
    kind: 'reply',
    verdict: { outcome: 'partial', retry: [], reject: [0, 1], reason: 'no' },
  }));
  const report = await drain();
  // The disk refused: what was delivered cannot be told from the rest there, so that all of it comes again.
  expect(report).toMatchObject({ delivered: { records: 8 }, rejected: { records: 0 }, remaining: { records: 10 } });
  expect(report.repeated).toBe(8);
  expect(report.trouble).toContain('dead letters');
  addsUp(report);
});

it('leaves alone what it has no key for, and says so', async () => {
  const key = 'ab'.repeat(32);
  await left(2, { encryption: { key } });
  const report = await drain();
  expect(report).toMatchObject({ delivered: { records: 0 }, remaining: { records: 20 }, locked: { key: 1 } });
  addsUp(report);
  const found = await drain({ encryption: { keyEnv: 'KEY' }, env: { KEY: key } });
  expect(found).toMatchObject({ delivered: { records: 20 }, locked: {} });
});

it('drops nothing for its age or for a quota', async () => {
  await left(2);
  const later = { ...systemRuntime, now: () => Date.now() + 400 * 86_400_000 };
  const env = { SPILLWAY_EPHEMERAL_STORAGE_LIMIT: '1' };
  expect(await drain({ runtime: later, env })).toMatchObject({ delivered: { records: 20 } });
});
