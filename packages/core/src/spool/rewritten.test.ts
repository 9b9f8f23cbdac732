// A process that dies while it writes a batch of the journal again as a whole, at every call that this takes.

import { batchOf, SimMachine, startSpool } from '@spillway/testing';
import { expect, it } from 'vitest';
import type { Batch } from '../batch.js';

const start = (disk: SimMachine, name: string, options: object = {}) =>
  startSpool(disk, { name, options, tuning: { segmentBytes: 600 } });

const lines = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => `{"n":${first + i},"pad":"${'x'.repeat(40)}"}`);

/** Records 0 to 23, as pieces of three and as the whole batch. */
const piecesOf = (writer: string) =>
  [0, 3, 6, 9, 12, 15, 18, 21].map((firstSequence) => batchOf(lines(firstSequence, 3), { writer, firstSequence }));
const wholeOf = (writer: string) => batchOf(lines(0, 24), { writer, firstSequence: 0 });
const all = Array.from({ length: 24 }, (_, n) => n);

/** Takes over what is left and takes it out, without settling it: what each batch holds. */
async function left(disk: SimMachine, options: object = {}) {
  const { spool } = start(disk, 'adopter', options);
  await disk.finish(spool.scan());
  await disk.advance(20_000);
  await disk.finish(spool.scan());
  const batches: Batch[] = [];
  for (let next = await disk.finish(spool.next()); next; next = await disk.finish(spool.next()))
    batches.push(next.batch);
  return {
    spool,
    batches,
    records: batches.flatMap(({ count, ...b }) => Array.from({ length: count }, (_, i) => b.firstSequence + i)),
  };
}

/** Journals more pieces than a segment takes, and binds them. Dies before a call; returns how many there were. */
function life(disk: SimMachine, dieAt: number, options: object = {}): number {
  const { process, spool } = start(disk, 'first', options);
  for (const piece of piecesOf('w')) spool.journal(piece, 'normal');
  const before = disk.calls;
  disk.beforeCall = () => {
    if (disk.calls === before + dieAt) process.kill();
  };
  // What a dead process would have gone on to do does not count.
  spool.seal(wholeOf('w'), 'normal');
  const calls = disk.calls - before;
  disk.beforeCall = () => {};
  process.kill();
  return calls;
}

it.each([{}, { encryption: { key: '0f'.repeat(32) } }, { sync: 'none' }, { sync: 'always' }])(
  'leaves each record once (%j)',
  async (options) => {
    const calls = life(new SimMachine(1), Number.POSITIVE_INFINITY, options);
    expect(calls).toBeGreaterThan(8);
    let whole = 0;
    for (let dieAt = 1; dieAt <= calls + 1; dieAt++) {
      const disk = new SimMachine(1);
      life(disk, dieAt, options);
      const { records, batches, spool } = await left(disk, options);
      expect(
        records.sort((a, b) => a - b),
        `died at call ${dieAt}`,
      ).toEqual(all);
      const { recovered, duplicatesSuppressed, waiting } = spool.stats();
      expect(recovered.records).toBe(24 + duplicatesSuppressed.records);
      expect(waiting.records).toBe(24);
      if (batches.length === 1) whole++;
    }
    expect(whole).toBeGreaterThan(3);
  },
);

it('passes over no record of another writer', async () => {
  const disk = new SimMachine(1);
  const { process, spool } = start(disk, 'first');
  for (const each of piecesOf('w')) spool.journal(each, 'normal');
  for (const each of piecesOf('v')) spool.journal(each, 'normal');
  expect(spool.seal(wholeOf('v'), 'normal')).toBeDefined();
  process.kill();
  const { batches } = await left(disk);
  const ids = batches.flatMap((batch) => Array.from({ length: batch.count }, (_, i) => batch.recordId(i)));
  expect(ids.sort()).toEqual(['v', 'w'].flatMap((writer) => all.map((n) => `${writer}-${n}`)).sort());
});

/** A death when the whole is there and no piece is settled yet, and the file with the whole. */
function deathBetween(): { disk: SimMachine; path: string } {
  for (let dieAt = 1; ; dieAt++) {
    const disk = new SimMachine(1);
    life(disk, dieAt);
    const holds = (path: string) => ['"n":0,', '"n":23,'].every((n) => disk.read(path).includes(n));
    const path = disk.files().find((name) => name.endsWith('.seg') && holds(name));
    if (path) return { disk, path };
  }
}

it('hands out the pieces where the whole cannot be read', async () => {
  const { disk, path } = deathBetween();
  disk.corrupt(path, (bytes) => Buffer.from(bytes.toString('latin1').replace('"n":0,', '"n":9,'), 'latin1'));
  const { records, spool } = await left(disk);
  expect(records.sort((a, b) => a - b)).toEqual(all);
  expect(spool.stats()).toMatchObject({ duplicatesSuppressed: { records: 0 }, lost: { records: 24 } });
});

it('loses nothing to a whole that was not written to its end', async () => {
  const { disk, path } = deathBetween();
  disk.corrupt(path, (bytes) => bytes.subarray(0, bytes.lastIndexOf('"n":23,')));
  const { records, spool } = await left(disk);
  expect(records.sort((a, b) => a - b)).toEqual(all);
  expect(spool.stats()).toMatchObject({ duplicatesSuppressed: { records: 0 }, lost: { records: 0 } });
});

it('hands out the pieces where the whole was taken back because it could not be synced', async () => {
  const disk = new SimMachine(1);
  const { process, spool } = start(disk, 'first');
  for (const piece of piecesOf('w')) spool.journal(piece, 'normal');
  // Not those of directories: a segment is made for the whole, and it is written.
  disk.beforeCall = ({ name }) => {
    disk.faults.failedSync = name === 'sync' ? 1 : 0;
  };
  expect(spool.seal(wholeOf('w'), 'normal')).toBeUndefined();
  disk.beforeCall = () => {};
  disk.faults.failedSync = 0;
  process.kill();
  const { records, spool: adopter } = await left(disk);
  expect(records.sort((a, b) => a - b)).toEqual(all);
  expect(adopter.stats().duplicatesSuppressed.records).toBe(0);
});

/** A death after which two wholes wait in one segment, and their pieces in the one before it. */
async function twoWholes(): Promise<SimMachine> {
  const disk = new SimMachine(1);
  const { process, spool } = startSpool(disk, { name: 'first' });
  for (const piece of piecesOf('w')) spool.journal(piece, 'normal');
  const pieces = disk.files().find((name) => name.endsWith('.seg'))!;
  // Another writer begins another segment: there the wholes go.
  spool.journal(batchOf(lines(0, 1), { writer: 'v', firstSequence: 0 }), 'normal');
  const before = disk.read(pieces);
  for (const [from, to] of [[0, 12] as const, [12, 24] as const]) {
    expect(spool.seal(wholeOf('w').range(from, to), 'normal')).toBeDefined();
  }
  process.kill();
  // As where a power loss takes the slots: they are not synced.
  disk.corrupt(pieces, () => before);
  return disk;
}

it.each([
  ['before it is read', 'adopted', 0],
  ['when it is read', 'read', 0],
  ['never', '', 24],
])('passes over no piece for a whole whose sync failed once: %s', async (_, fails, suppressed) => {
  const disk = await twoWholes();
  let [stage, synced] = ['', new Set<string>()];
  disk.beforeCall = ({ name }) => {
    disk.faults.failedSync = name === 'sync' && fails === stage && !synced.has(stage) ? 1 : 0;
    if (name === 'sync') synced.add(stage);
  };
  const { spool } = startSpool(disk, { name: 'adopter' });
  // Its directory is there, and synced, before.
  await disk.finish(spool.append(batchOf(lines(0, 1), { writer: 'x' }), 'normal'));
  await disk.finish(spool.scan());
  await disk.advance(20_000);
  stage = 'adopted';
  await disk.finish(spool.scan());
  stage = 'read';
  let records = 0;
  for (let next = await disk.finish(spool.next()); next; next = await disk.finish(spool.next())) {
    records += next.batch.count;
  }
  expect(spool.stats().duplicatesSuppressed.records).toBe(suppressed);
  expect(records).toBe(2 + 24 + 24 - suppressed);
});
