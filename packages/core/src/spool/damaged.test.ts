// Segments with wrong bytes: what is good in them is delivered, what is not is counted, and the file is kept for people,
// within bounds. Files that are merely unfinished are not kept.

import { batchOf, SimMachine, type SimProcess, startSpool } from '@spillway/testing';
import { expect, it, describe as suite } from 'vitest';
import type { Batch } from '../batch.js';
import type { SpoolEvent } from './events.js';
import type { Spool } from './spool.js';

const machine = () => new SimMachine(1);
const pad = 'x'.repeat(200);

function start(disk: SimMachine, options: object = {}, segmentBytes = 2 ** 20) {
  const events: SpoolEvent[] = [];
  const onEvent = (event: SpoolEvent) => events.push(event);
  return { events, ...startSpool(disk, { options, tuning: { segmentBytes }, onEvent }) };
}

const batch = (number: number) => batchOf([`{"n":${number},"pad":"${pad}"}`, '{}'], { firstSequence: 10 * number });

/** A process that writes batches and dies. */
async function write(disk: SimMachine, count: number, segmentBytes?: number): Promise<void> {
  const { process, spool } = start(disk, {}, segmentBytes);
  for (let i = 0; i < count; i++) expect(await disk.finish(spool.append(batch(i), 'normal'))).toBeDefined();
  process.kill();
}

async function drain(disk: SimMachine, spool: Spool): Promise<Batch[]> {
  await disk.finish(spool.scan());
  await disk.advance(20_000);
  await disk.finish(spool.scan());
  const out: Batch[] = [];
  for (;;) {
    const drained = await disk.finish(spool.next());
    if (!drained) return out;
    out.push(drained.batch);
    spool.ack(drained.receipt);
  }
}

async function close(disk: SimMachine, { spool, process }: { spool: Spool; process: SimProcess }): Promise<void> {
  await disk.finish(spool.close());
  process.kill();
}

const segments = (disk: SimMachine) =>
  disk.files().filter((path) => path.endsWith('.seg') && !path.includes('damaged'));
const damaged = (disk: SimMachine) => disk.files().filter((path) => path.includes('/damaged/'));
const flip = (at: number) => (bytes: Buffer) => {
  bytes[at]! ^= 1;
  return bytes;
};

suite('a damaged segment', () => {
  it('is delivered but for the wrong bytes, counted, and set aside', async () => {
    const disk = machine();
    await write(disk, 5);
    const [path] = segments(disk);
    const bytes = disk.read(path!);
    // In the third frame's lines.
    disk.corrupt(path!, flip(bytes.indexOf('{"n":2') + 3));
    const next = start(disk);
    const out = await drain(disk, next.spool);
    expect(out.map(({ firstSequence }) => firstSequence)).toEqual([0, 10, 30, 40]);
    await disk.advance(10_000);
    expect(next.spool.stats()).toMatchObject({ lost: { records: 2 }, acked: { records: 8 }, waiting: { records: 0 } });
    expect(next.events).toContainEqual(
      expect.objectContaining({ type: 'segmentSetAside', segment: expect.any(String) }),
    );
    expect(damaged(disk)).toHaveLength(1);
    expect(damaged(disk)[0]).toMatch(/damaged\/[0-9a-f]{32}-n-\d{16}\.seg$/);
    expect(disk.read(damaged(disk)[0]!).length).toBe(bytes.length);
    expect(next.spool.stats().diskBytes).toBe(bytes.length);
    await close(disk, next);
    expect(disk.files()).toEqual(damaged(disk));
    // Nothing in it is sent again, and it counts for those who come later.
    const last = start(disk);
    expect(await drain(disk, last.spool)).toEqual([]);
    await disk.finish(last.spool.append(batch(9), 'normal'));
    expect(last.spool.stats().diskBytes).toBeGreaterThan(bytes.length);
  });

  it.each([
    ['cut off in a frame', (bytes: Buffer) => bytes.subarray(0, bytes.length - 20)],
    ['cut off in its header', (bytes: Buffer) => bytes.subarray(0, 100)],
    ['empty', (bytes: Buffer) => bytes.subarray(0, 0)],
    ['zeros', (bytes: Buffer) => bytes.fill(0)],
    ['longer by zeros', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1000)])],
  ])('is not what was only left unfinished: %s', async (_, change) => {
    const disk = machine();
    await write(disk, 3);
    disk.corrupt(segments(disk)[0]!, change);
    const next = start(disk);
    await drain(disk, next.spool);
    await close(disk, next);
    expect(disk.files()).toEqual([]);
  });

  it('is kept only as far as the bounds allow, the newest longest', async () => {
    const disk = machine();
    // A quota of 1 MiB leaves 64 KiB for damaged ones; these are about 1 KiB each.
    await write(disk, 400, 1024);
    const paths = segments(disk);
    expect(paths.length).toBeGreaterThan(90);
    for (const path of paths) disk.corrupt(path, flip(disk.read(path).indexOf('{"n":') + 3));
    const next = start(disk, { maxBytes: '1mb' });
    await drain(disk, next.spool);
    await disk.advance(10_000);
    expect(damaged(disk).length).toBeGreaterThan(30);
    expect(damaged(disk).length).toBeLessThanOrEqual(64);
    expect(next.spool.stats().diskBytes).toBeLessThanOrEqual(64 * 1024);
    expect(damaged(disk).at(-1)).toContain(paths.at(-1)!.split('/').at(-1)!);
  });

  it('makes room like any other when the quota is used up', async () => {
    const disk = machine();
    await write(disk, 3);
    disk.corrupt(segments(disk)[0]!, flip(disk.read(segments(disk)[0]!).indexOf('{"n":1') + 3));
    const next = start(disk, { maxAgeMs: 1000 });
    await disk.finish(next.spool.scan());
    await disk.advance(150_000);
    expect(next.spool.stats().evicted.expired.records + next.spool.stats().lost.records).toBe(6);
    expect(damaged(disk)).toEqual([]);
  });
});
