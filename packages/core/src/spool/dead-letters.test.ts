import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchOf, linesOf } from '@spillway/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Batch } from '../batch.js';
import { systemRuntime } from '../runtime.js';
import type { SpoolEvent } from './events.js';
import { createSpool, type Spool } from './spool.js';
import { spoolKeys } from './survey/keys.js';
import { readDeadLetters } from './survey/letters.js';

let directory: string;
const spools: Spool[] = [];
let events: SpoolEvent[] = [];
beforeEach(() => {
  events = [];
  directory = mkdtempSync(join(tmpdir(), 'spillway-letters-'));
});
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const folder = () => join(directory, 'q');
const place = () => join(folder(), 'dead-letters');
function open(options: object = {}) {
  const given = { directory, minFreeBytes: 0, ...options };
  const onEvent = (event: SpoolEvent) => events.push(event);
  const spool = createSpool(given, { runtime: systemRuntime, destination: 'test', folder: folder(), onEvent });
  spools.push(spool);
  return spool.deadLetters;
}
const batch = (first: number, count: number, pad = '') =>
  batchOf(
    Array.from({ length: count }, (_, i) => `{"level":50,"time":1700000000000,"n":${first + i},"pad":"${pad}"}`),
    { firstSequence: first },
  );
const files = () => readdirSync(place()).filter((name) => !name.startsWith('.retry'));
const bytesOnDisk = () => files().reduce((sum, name) => sum + lstatSync(join(place(), name)).size, 0);
const ids = (b: Batch) => Array.from({ length: b.count }, (_, i) => b.recordId(i));
async function allIds(): Promise<string[]> {
  const found: string[] = [];
  for await (const { letters } of readDeadLetters(folder(), await spoolKeys()))
    found.push(...letters.map(({ id }) => id));
  return found;
}
const everything = async () => [];

it('keeps records with their reason, for the owner alone', async () => {
  const letters = open();
  await letters.append(batch(1, 2), 'field [n] is no text');
  const [file] = await letters.list();
  expect((await letters.read(file!.name))[1]).toMatchObject({
    reason: 'field [n] is no text',
    id: 'w1-2',
    level: 50,
    at: 1_700_000_000_000,
    line: '{"level":50,"time":1700000000000,"n":2,"pad":""}',
  });
  expect(lstatSync(place()).mode & 0o777).toBe(0o700);
  expect(lstatSync(join(place(), file!.name)).mode & 0o777).toBe(0o600);
});

it('cuts what a destination says, and keeps bytes that are no text', async () => {
  const letters = open();
  const odd = batchOf(['{"n":1}']);
  odd.bytes[5] = 0xff;
  await letters.append(odd, 'x'.repeat(10_000));
  const [letter] = await letters.read((await letters.list())[0]!.name);
  expect(letter!.reason).toHaveLength(500);
  const taken: Buffer[] = [];
  await letters.retry(async (b) => {
    taken.push(Buffer.from(b.bytes));
    return [];
  });
  expect(taken).toEqual([Buffer.from(odd.bytes)]);
});

it('rotates its files and stays under its cap, the oldest go first', async () => {
  const maxBytes = 64 * 1024;
  const letters = open({ deadLetters: { maxBytes } });
  for (let i = 0; i < 200; i++) {
    await letters.append(batch(i * 10, 10, 'x'.repeat(100)), 'no');
    expect(bytesOnDisk()).toBeLessThanOrEqual(maxBytes);
  }
  expect(files().length).toBeGreaterThan(3);
  expect(bytesOnDisk()).toBeGreaterThan(maxBytes / 2);
  const kept = await allIds();
  expect(kept).toContain('w1-1999');
  expect(kept).not.toContain('w1-0');
});

it('keeps nothing that is larger than the cap, and nothing at all where the cap is 0', async () => {
  expect(await open({ deadLetters: { maxBytes: 1000 } }).append(batch(1, 100), 'no')).toBe(false);
  expect(await open({ deadLetters: { maxBytes: 0 } }).append(batch(1, 1), 'no')).toBe(false);
  expect(existsSync(place()) ? files() : []).toEqual([]);
});

it('tells and counts what it cannot keep, and what goes to make room', async () => {
  const told = (type: SpoolEvent['type']) => events.filter((event) => event.type === type);
  const small = open({ deadLetters: { maxBytes: 4000 } });
  for (let i = 0; i < 20; i++) await small.append(batch(i * 3, 3), 'no');
  const { kept, notKept, evictedBytes } = small.stats();
  expect([kept.records, notKept.records]).toEqual([60, 0]);
  expect(evictedBytes).toBeGreaterThan(0);
  const evicted = told('deadLettersEvicted').map((event) => 'diskBytes' in event && event.diskBytes);
  expect(evicted.reduce((sum: number, bytes) => sum + Number(bytes), 0)).toBe(evictedBytes);

  const large = batch(100, 100);
  await small.append(large, 'no');
  rmSync(place(), { recursive: true });
  writeFileSync(place(), 'in the way');
  await small.append(batch(1, 2), 'bad');
  expect(small.stats()).toMatchObject({ kept: { records: 60 }, notKept: { records: 102 } });
  expect(told('deadLettersNotKept')).toEqual([
    { type: 'deadLettersNotKept', records: 100, bytes: large.bytes.length, reason: 'no', code: 'tooLarge' },
    {
      type: 'deadLettersNotKept',
      records: 2,
      bytes: batch(1, 2).bytes.length,
      reason: 'bad',
      code: expect.any(String),
    },
  ]);

  const none = open({ deadLetters: { maxBytes: 0 } });
  await none.append(batch(1, 1), 'no');
  expect(none.stats().notKept.records).toBe(0);
});

it('loses one record at most to a crash in the middle of a write, and never the next one', async () => {
  await open().append(batch(1, 3), 'no');
  const [name] = files();
  const path = join(place(), name!);
  const whole = lstatSync(path).size;
  for (const size of [whole - 1, whole - 40, Math.floor(whole / 2), 3, 0]) {
    truncateSync(path, size);
    const before = (await allIds()).length;
    expect(before).toBe(size === whole - 1 ? 3 : size === whole - 40 ? 2 : size > 3 ? 1 : 0);
  }
  const letters = open();
  await letters.append(batch(1, 3), 'no');
  const first = (await letters.list()).at(-1)!;
  truncateSync(join(place(), first.name), first.bytes - 20);
  await letters.append(batch(4, 1), 'no');
  expect(await allIds()).toEqual(['w1-1', 'w1-2', 'w1-4']);
});

it('refuses links, in the place of a file and of the directory', async () => {
  const outside = join(directory, 'outside');
  mkdirSync(outside);
  mkdirSync(folder());
  symlinkSync(outside, place());
  expect(await open().append(batch(1, 1), 'no')).toBe(false);
  expect(readdirSync(outside)).toEqual([]);
  rmSync(place());

  const letters = open();
  await letters.append(batch(1, 1), 'no');
  const [name] = files();
  const path = join(place(), name!);
  rmSync(path);
  symlinkSync(join(outside, 'target'), path);
  expect(await letters.append(batch(2, 1), 'no')).toBe(false);
  expect(readdirSync(outside)).toEqual([]);
  expect(await letters.retry(everything)).toEqual({ taken: 0, remaining: 0, unreadable: 0 });
});

it('is unreadable without the key, and a retry without it loses nothing', async () => {
  const key = 'ab'.repeat(32);
  await open({ encryption: { key } }).append(batch(1, 2, 'secret'), 'because');
  const text = readFileSync(join(place(), files()[0]!), 'utf8');
  expect(text).not.toMatch(/secret|because|w1-/);
  expect(text).not.toContain(key);
  expect(await open().retry(everything)).toEqual({ taken: 0, remaining: 0, unreadable: 2 });
  const taken: string[] = [];
  const report = await open({ encryption: { key } }).retry(async (b) => {
    taken.push(...ids(b));
    return [];
  });
  expect(report).toEqual({ taken: 2, remaining: 0, unreadable: 0 });
  expect([taken, files()]).toEqual([['w1-1', 'w1-2'], []]);
});

it('hands letters out as the batches they were, and removes only what was taken', async () => {
  const letters = open();
  await letters.append(batch(1, 5), 'no');
  await letters.append(batch(10, 3), 'no');
  const report = await letters.retry(async (b) => [b.pick([0, b.count - 1])]);
  expect(report).toEqual({ taken: 6, remaining: 2, unreadable: 0 });
  expect(await allIds()).toEqual(['w1-1', 'w1-12']);
  const lines: string[] = [];
  await letters.retry(async (b) => {
    lines.push(...linesOf(b));
    return [];
  });
  expect(lines).toEqual([...linesOf(batch(1, 1)), ...linesOf(batch(12, 1))]);
  expect(files()).toEqual([]);
});

it('a retry that is interrupted has removed what was taken before', async () => {
  const letters = open();
  await letters.append(batch(1, 2), 'no');
  await letters.append(batchOf(['{}'], { writer: 'w2' }), 'no');
  let calls = 0;
  const dying = letters.retry(async () => {
    if (++calls === 2) throw new Error('the process ends here');
    return [];
  });
  await expect(dying).rejects.toThrow('ends here');
  expect(await allIds()).toEqual(['w2-1']);
  expect(await open().retry(everything)).toEqual({ taken: 1, remaining: 0, unreadable: 0 });
});

it('loses nothing that is written meanwhile, to the same file or a new one of its name', async () => {
  const letters = open();
  await letters.append(batch(1, 1), 'no');
  const path = join(place(), files()[0]!);
  const late = readFileSync(path, 'utf8').replaceAll('w1-1', 'w1-7');
  const seen: string[] = [];
  const report = await letters.retry(async (b) => {
    if (seen.length === 0) {
      // A writer that had the file open, and one that comes later.
      appendFileSync(join(place(), readdirSync(place()).find((name) => name.endsWith('.ndjson'))!), late);
      expect(await letters.append(batch(2, 1), 'no')).toBe(true);
    }
    seen.push(...ids(b));
    return [];
  });
  expect([seen, report.taken]).toEqual([['w1-1', 'w1-7'], 2]);
  expect(await allIds()).toEqual(['w1-2']);
});

it('is retried by one at a time', async () => {
  const letters = open();
  await letters.append(batch(1, 1), 'no');
  await letters.append(batch(2, 1), 'no');
  await letters.retry(async () => {
    await expect(open().retry(everything)).rejects.toMatchObject({ code: 'EBUSY' });
    return [];
  });
  expect(await open().retry(everything)).toEqual({ taken: 0, remaining: 0, unreadable: 0 });
});

it('purges all files, or one', async () => {
  await open().append(batch(1, 1), 'no');
  const letters = open();
  await letters.append(batch(2, 1), 'no');
  const [first] = await letters.list();
  expect(await letters.purge(first!.name)).toBe(first!.bytes);
  expect(await allIds()).toEqual(['w1-2']);
  await letters.purge();
  expect(files()).toEqual([]);
});
