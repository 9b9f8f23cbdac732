import { createHash } from 'node:crypto';
import {
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
import { systemRuntime } from '../../runtime.js';
import { createSpool, type Spool, type SpoolPorts } from '../spool.js';
import { inspectSegment } from './frames.js';
import { spoolKeys } from './keys.js';
import { readBatches } from './records.js';
import { type FolderSurvey, surveySpools } from './survey.js';
import { verifySegment } from './verify.js';

let directory: string;
const spools: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-survey-'));
});
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

// A heart that stands still, so that whatever changes was changed by the survey.
const still = { heartbeatMs: 2 ** 31 - 1 };
function open(options: object = {}, tuning: SpoolPorts['tuning'] = still): Spool {
  const given = { directory, minFreeBytes: 0, ...options };
  const spool = createSpool(given, { runtime: systemRuntime, destination: 'test http://h/x', tuning });
  spools.push(spool);
  return spool;
}

const lines = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `{"level":30,"time":${1_700_000_000_000 + first + i},"n":${first + i}}`);
const batch = (first: number, count: number) => batchOf(lines(first, count), { firstSequence: first });

/** Everything that can be known about the files, but for access times. */
function snapshot(path = directory): string[] {
  const { mode, size, ino, mtimeMs, ctimeMs } = lstatSync(path);
  const about = `${path} ${mode} ${ino} ${mtimeMs} ${ctimeMs}`;
  if (lstatSync(path).isDirectory()) return [about, ...readdirSync(path).flatMap((name) => snapshot(join(path, name)))];
  const content = lstatSync(path).isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
  return [`${about} ${size} ${content}`];
}

/** The only segment there is. */
function onlySegment(folders: readonly FolderSurvey[]) {
  const segments = folders.flatMap(({ queues }) => queues.flatMap(({ segments }) => segments));
  expect(segments).toHaveLength(1);
  return segments[0]!;
}

it('tells what a live owner has written and settled, and changes nothing', async () => {
  const spool = open({ compression: 'none' });
  await spool.append(batch(1, 10), 'normal');
  await spool.append(batch(11, 5), 'normal');
  const first = await spool.next();
  spool.ack(first!.receipt);
  await spool.append(batch(16, 1), 'high');
  const before = snapshot();

  const [folder] = await surveySpools(directory);
  const [queue] = folder!.queues;
  expect(queue!.owner).toMatchObject({ state: 'alive', why: 'beaconLit', pid: process.pid });
  const [high, normal] = queue!.segments;
  expect(high).toMatchObject({ lane: 'high', state: 'open', waiting: { records: 1 }, damage: [] });
  expect(normal).toMatchObject({ lane: 'normal', frames: 2, records: 15, waiting: { records: 5 } });
  expect(normal).toMatchObject({ oldest: 1_700_000_000_011, newest: 1_700_000_000_015, encrypted: false });
  const { frames } = await inspectSegment(normal!);
  expect(frames).toMatchObject([
    { type: 'batch', settled: 'acked', records: 10, codec: 'none' },
    { type: 'batch', records: 5, firstSequence: 11, lastSequence: 15 },
  ]);
  await verifySegment(normal!, await spoolKeys());
  for await (const _ of readBatches(normal!, await spoolKeys()));
  expect(snapshot()).toEqual(before);
});

it('calls dead what the next process adopts, and nothing else', async () => {
  const gone = open();
  await gone.append(batch(1, 3), 'normal');
  await gone.close();
  const alive = open();
  await alive.append(batch(4, 2), 'normal');
  const owners = (await surveySpools(directory))[0]!.queues.map(({ id, owner }) => ({ id, ...owner }));
  expect(owners.map(({ state, why }) => `${state} ${why}`)).toEqual(['dead left', 'alive beaconLit']);

  const next = open();
  await next.scan();
  expect(next.stats().recovered.records).toBe(3);
  const after = (await surveySpools(directory))[0]!.queues;
  const adopted = after.find(({ id }) => id === owners[0]!.id);
  expect(adopted).toMatchObject({ owner: { state: 'alive' }, segments: [{ waiting: { records: 3 } }] });
  expect(adopted!.adoptedBy).toBeDefined();
});

it('finds spools below a directory, in a folder, a queue, and a segment', async () => {
  const spool = open();
  await spool.append(batch(1, 3), 'normal');
  const [folder] = await surveySpools(directory);
  const { path } = onlySegment([folder!]);
  for (const named of [folder!.path, folder!.queues[0]!.path, path]) {
    expect(onlySegment(await surveySpools(named)).path).toBe(path);
  }
  mkdirSync(join(directory, 'empty'));
  expect(await surveySpools(join(directory, 'empty'))).toEqual([]);
  await expect(surveySpools(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});

it('follows no link, and lists what is not the spool’s', async () => {
  const spool = open();
  await spool.append(batch(1, 3), 'normal');
  const [folder] = await surveySpools(directory);
  const [queue] = folder!.queues;
  const outside = mkdtempSync(join(tmpdir(), 'spillway-outside-'));
  writeFileSync(join(outside, 'secret'), 'secret');
  symlinkSync(join(outside, 'secret'), join(queue!.path, 'n-0000000000000099.seg'));
  symlinkSync(outside, join(folder!.path, `q-${'a'.repeat(32)}`));
  writeFileSync(join(folder!.path, 'notes.txt'), '');
  const [after] = await surveySpools(directory);
  expect(after!.strange).toEqual(['notes.txt']);
  expect(after!.queues).toHaveLength(1);
  expect(after!.queues[0]!.segments.at(-1)).toMatchObject({ state: 'unreadable', code: 'ELOOP', records: 0 });
  rmSync(outside, { recursive: true });
});

/** Three batches of 4, 5 and 6 records in one closed segment. */
async function threeBatches(options: object = {}) {
  const spool = open({ compression: 'none', ...options });
  for (const [first, count] of [
    [1, 4],
    [5, 5],
    [10, 6],
  ] as const) {
    await spool.append(batch(first, count), 'normal');
  }
  await spool.close();
  const segment = onlySegment(await surveySpools(directory));
  return { segment, frames: (await inspectSegment(segment)).frames };
}

async function damaged(change: (bytes: Buffer, offsets: number[]) => Buffer | undefined) {
  const { segment, frames } = await threeBatches();
  const bytes = readFileSync(segment.path);
  writeFileSync(
    segment.path,
    change(
      bytes,
      frames.map(({ offset }) => offset),
    ) ?? bytes,
  );
  return { ...(await verifySegment(segment, await spoolKeys())), offsets: frames.map(({ offset }) => offset) };
}

it('verifies a sound segment', async () => {
  const { segment } = await threeBatches();
  const checked = await verifySegment(segment, await spoolKeys());
  expect(checked).toMatchObject({ faults: [], intactFrames: 3, decodedFrames: 3, lostRecords: 0 });
  expect(checked.segment.state).toBe('closed');
});

it('finds a flipped bit of a payload, and its records', async () => {
  const { faults, lostRecords, offsets } = await damaged((bytes, [, second]) => {
    bytes[second! + 200]! ^= 1;
    return undefined;
  });
  expect(faults).toMatchObject([{ kind: 'payload', offset: offsets[1], records: 5 }]);
  expect(lostRecords).toBe(5);
});

it('finds a frame that is gone by what the next one says', async () => {
  const { faults, lostRecords, offsets } = await damaged((bytes, [, second, third]) => bytes.fill(0, second, third));
  const bytes = offsets[2]! - offsets[1]!;
  expect(faults).toEqual([{ kind: 'region', offset: offsets[1], bytes, records: 5 }]);
  expect(lostRecords).toBe(5);
});

it('finds where a file was cut off', async () => {
  const { faults, lostRecords, offsets } = await damaged((bytes, [, , third]) => bytes.subarray(0, third! + 150));
  expect(faults).toMatchObject([{ kind: 'torn', offset: offsets[2], bytes: 150, records: 6 }]);
  expect(lostRecords).toBe(6);
});

it('finds a lost header, and every frame behind it', async () => {
  const { faults, lostRecords, intactFrames } = await damaged((bytes) => bytes.fill(0, 0, 64));
  expect(faults).toEqual([{ kind: 'header', offset: 0, bytes: 128, records: 0 }]);
  expect({ lostRecords, intactFrames }).toEqual({ lostRecords: 0, intactFrames: 3 });
});

it('survives a file of any length', async () => {
  const { segment } = await threeBatches();
  for (let size = segment.bytes - 1; size >= 0; size -= 37) {
    truncateSync(segment.path, size);
    const { segment: seen, intactFrames, lostRecords } = await verifySegment(segment, await spoolKeys());
    expect(seen.records + lostRecords).toBeLessThanOrEqual(15);
    expect(intactFrames).toBeLessThanOrEqual(3);
  }
});

it('reads records back, those that wait and those that were settled, and needs the key for it', async () => {
  const key = 'ab'.repeat(32);
  const { segment } = await threeBatches({ encryption: { key }, compression: 'brotli' });
  expect(segment.encrypted).toBe(true);
  const keys = await spoolKeys({ key });
  const read: string[] = [];
  for await (const { batch, settled } of readBatches(segment, keys)) {
    expect(settled).toBe(false);
    read.push(...linesOf(batch!));
  }
  expect(read).toEqual(lines(1, 15));
  expect(await verifySegment(segment, keys)).toMatchObject({ decodedFrames: 3, lostRecords: 0 });
  // Checksums can be checked without it.
  const without = await spoolKeys();
  expect(await verifySegment(segment, without)).toMatchObject({ intactFrames: 3, decodedFrames: 0, locked: 'key' });
  const refused: unknown[] = [];
  for await (const found of readBatches(segment, without)) refused.push(found);
  expect(refused).toEqual([{ settled: false, lost: 0, locked: 'key' }]);
});
