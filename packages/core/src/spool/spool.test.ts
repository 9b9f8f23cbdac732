import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SimMachine } from '@spillway/testing';
import { afterEach, beforeEach, expect, it, describe as suite, vi } from 'vitest';
import { Batch } from '../batch.js';
import { systemRuntime } from '../runtime.js';
import type { SpoolEvent } from './events.js';
import { createSpool, type Spool, type SpoolPorts } from './spool.js';

let directory: string;
const spools: Spool[] = [];
let events: SpoolEvent[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-spool-'));
  events = [];
});
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const quick = { silentMs: 0, foreignSilentMs: 0, heartbeatMs: 20 };

function open(options: object = {}, tuning: SpoolPorts['tuning'] = quick): Spool {
  const onEvent = (event: SpoolEvent) => events.push(event);
  const given = { directory, minFreeBytes: 0, ...options };
  const spool = createSpool(given, { runtime: systemRuntime, destination: 'test http://h/x', onEvent, tuning });
  spools.push(spool);
  return spool;
}

/** A batch of records that say their own number. */
function batch(first: number, count: number, writer = 'w1', level = 30): Batch {
  const lines = Array.from(
    { length: count },
    (_, i) =>
      `{"level":${level},"time":${1_700_000_000_000 + first + i},"msg":"record ${first + i} ${'x'.repeat((first + i) % 50)}"}\n`,
  );
  const offsets = new Uint32Array(count + 1);
  lines.forEach((line, i) => {
    offsets[i + 1] = offsets[i]! + line.length;
  });
  return new Batch({
    writer,
    firstSequence: first,
    bytes: Buffer.from(lines.join('')),
    offsets,
    times: Float64Array.from(lines, (_, i) => 1_700_000_000_000 + first + i),
    levels: Uint16Array.from(lines, () => level),
  });
}

async function drainAll(spool: Spool): Promise<Batch[]> {
  const out: Batch[] = [];
  for (let drained = await spool.next(); drained; drained = await spool.next()) {
    out.push(drained.batch);
    spool.ack(drained.receipt);
  }
  return out;
}

const columns = (b: Batch) => ({ ...b, bytes: b.bytes.toString(), id: b.id });

function files(path = directory): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

const idle = async (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

suite('the spool on a real disk', () => {
  it('touches nothing before the first batch', async () => {
    const spool = open();
    await spool.scan();
    expect(await spool.next()).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
    expect(spool.stats()).toMatchObject({ state: 'idle', waiting: { records: 0, bytes: 0 }, diskBytes: 0 });
  });

  it.each(['none', 'gzip', 'brotli'])('gives back what it was given, compressed with %s', async (compression) => {
    const spool = open({ compression });
    const given = [batch(0, 100), batch(100, 1), batch(200, 1000)];
    for (const each of given) expect(await spool.append(each, 'normal')).toBeDefined();
    expect(spool.stats()).toMatchObject({ waiting: { records: 1101 }, appended: { records: 1101 }, state: 'ok' });
    const back = await drainAll(spool);
    expect(back.map(columns)).toEqual(given.map(columns));
    expect(spool.stats()).toMatchObject({ waiting: { records: 0, bytes: 0 }, acked: { records: 1101 } });
  });

  it('keeps all columns', async () => {
    const spool = open();
    const full = batch(5, 4);
    const odd = new Batch({
      ...full,
      sequences: Float64Array.of(5, 6, 9, 2 ** 40),
      nanos: Uint32Array.of(0, 999_999, 5, 1),
      times: Float64Array.of(1e12, 1e12 - 5.5, 0, -1),
      levels: Uint16Array.of(0, 65_535, 30, 128),
    });
    await spool.append(odd, 'high');
    const [back] = await drainAll(spool);
    expect(columns(back!)).toEqual(columns(odd));
  });

  it('encrypts', async () => {
    const key = 'ab'.repeat(32);
    const spool = open({ encryption: { key }, compression: 'none' });
    await spool.append(batch(0, 10), 'normal');
    await spool.close();
    const plain = readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((e) => e.name.endsWith('.seg'))
      .map((e) => join(e.parentPath, e.name));
    expect(plain).toHaveLength(1);
    expect(statSync(plain[0]!).mode & 0o777).toBe(0o600);
    const other = open();
    await other.scan();
    expect(await other.next()).toBeUndefined();
    expect(events).toContainEqual(expect.objectContaining({ type: 'segmentLocked', reason: 'key' }));
    await other.close();
    const rotated = open({ encryption: { key: 'cd'.repeat(32), previousKeys: [key] } });
    await rotated.scan();
    expect((await drainAll(rotated)).map(columns)).toEqual([columns(batch(0, 10))]);
  });

  it('is taken over after an orderly end, and cleans up when all is delivered', async () => {
    const first = open();
    await first.append(batch(0, 10), 'normal');
    await first.append(batch(10, 10), 'high');
    const { receipt } = (await first.next())!;
    first.ack(receipt);
    await first.close();
    const second = open();
    await second.scan();
    expect(second.stats()).toMatchObject({ waiting: { records: 10 }, recovered: { records: 10 } });
    expect((await drainAll(second)).map((b) => b.id)).toEqual(['w1-0-10']);
    expect(second.stats()).toMatchObject({
      waiting: { records: 0 },
      recovered: { records: 10 },
      acked: { records: 10 },
    });
    await second.close();
    expect(files()).toEqual([]);
  });

  it('drains higher lanes first, and each lane oldest first', async () => {
    const spool = open();
    for (const [first, lane] of [
      [0, 'low'],
      [1, 'normal'],
      [2, 'high'],
      [3, 'normal'],
      [4, 'high'],
    ] as const)
      await spool.append(batch(first, 1), lane);
    const order = (await drainAll(spool)).map((b) => b.firstSequence);
    expect(order[0]).toBe(2);
    expect(order.indexOf(2)).toBeLessThan(order.indexOf(4));
    expect(order.indexOf(1)).toBeLessThan(order.indexOf(3));
    expect(order).toHaveLength(5);
  });

  it('does not hand out twice, unless released', async () => {
    const spool = open();
    await spool.append(batch(0, 3), 'normal');
    const out = (await spool.next())!;
    expect(await spool.next()).toBeUndefined();
    spool.release(out.receipt);
    expect((await spool.next())!.batch.id).toBe(out.batch.id);
  });

  it('replaces a batch by what remains of it', async () => {
    const spool = open();
    await spool.append(batch(0, 10), 'normal');
    const out = (await spool.next())!;
    const rest = out.batch.pick([2, 5]);
    const receipt = (await spool.replace(out.receipt, rest))!;
    expect(spool.stats()).toMatchObject({ waiting: { records: 2 }, acked: { records: 8 }, appended: { records: 10 } });
    spool.release(receipt);
    expect((await drainAll(spool)).map(columns)).toEqual([columns(rest)]);
  });

  it('journals pieces and forms the sealed batches again', async () => {
    const spool = open({ durability: 'journal' });
    const pieces = [batch(0, 10), batch(10, 10), batch(20, 10), batch(30, 10)];
    const receipts = pieces.map((piece) => spool.journal(piece, 'normal')!);
    expect(receipts.every(Boolean)).toBe(true);
    const whole = batch(0, 40);
    const first = spool.seal(whole.range(0, 20), 'normal')!;
    spool.seal(whole.range(20, 30), 'normal');
    expect(spool.stats().waiting.records).toBe(40);
    spool.ack(first);
    await idle(() => expect(spool.stats().waiting.records).toBe(20));
    await spool.close();
    const next = open();
    await next.scan();
    const back = await drainAll(next);
    expect(back.map((b) => b.id)).toEqual(['w1-20-10', 'w1-30-10']);
    expect(Buffer.concat(back.map((b) => b.bytes)).toString()).toBe(whole.range(20, 40).bytes.toString());
    expect(next.stats()).toMatchObject({
      waiting: { records: 0, bytes: 0 },
      recovered: { records: 20 },
      acked: { records: 20 },
      lost: { records: 0 },
    });
  });

  it('writes last words on the spot', async () => {
    const spool = open();
    const receipts = spool.appendSync(
      [
        { batch: batch(0, 500), lane: 'normal' },
        { batch: batch(500, 5), lane: 'high' },
      ],
      1000,
    );
    expect(receipts.map((r) => r.durable)).toEqual([true, true]);
    expect((await drainAll(spool)).map((b) => b.id)).toEqual(['w1-500-5', 'w1-0-500']);
  });

  it('forgets bodies that go beyond the quota, oldest and lowest first, and counts them', async () => {
    const spool = open({ maxBytes: 2 ** 20, compression: 'none' }, { ...quick, segmentBytes: 64 * 1024 });
    for (let i = 0; i < 60; i++) await spool.append(batch(i * 1000, 300, 'w1'), i % 2 ? 'high' : 'low');
    const stats = spool.stats();
    expect(stats.diskBytes).toBeLessThanOrEqual(2 ** 20);
    expect(stats.evicted.quota.records).toBeGreaterThan(0);
    expect(stats.evicted.quota.records % 300).toBe(0);
    expect(stats.appended.records).toBe(stats.waiting.records + stats.evicted.quota.records);
    expect(stats.appended.bytes).toBe(stats.waiting.bytes + stats.evicted.quota.bytes);
    const back = await drainAll(spool);
    expect(back.filter((b) => (b.firstSequence / 1000) % 2 === 1)).toHaveLength(30);
  });

  it('closes twice and removes an empty queue', async () => {
    const spool = open();
    await spool.append(batch(0, 1), 'normal');
    await drainAll(spool);
    await Promise.all([spool.close(), spool.close()]);
    expect(files()).toEqual([]);
    expect(await spool.append(batch(1, 1), 'normal')).toBeUndefined();
    expect(existsSync(directory)).toBe(true);
  });
});

suite('the spool on a simulated disk', () => {
  const start = (disk: SimMachine, onEvent: (event: SpoolEvent) => void = () => {}) => {
    const process = disk.spawn('p');
    const ports = { fs: process.fs, runtime: process.runtime, identity: { pid: 1, hostname: 'h', bootId: 'b' } };
    const tuning = { offload: false };
    const given = { directory: '/data/s', minFreeBytes: 0 };
    return { process, spool: createSpool(given, { ...ports, destination: 'd', env: {}, tuning, onEvent }) };
  };

  /** No sync of a file succeeds any more, though names can be made. */
  const failSyncs = (disk: SimMachine) => {
    disk.beforeCall = ({ name }) => {
      disk.faults.failedSync = name === 'sync' ? 1 : 0;
    };
  };
  const recover = (disk: SimMachine) => {
    disk.beforeCall = () => {};
    disk.faults.failedSync = 0;
  };

  it('writes an ack again that the disk took only in part', async () => {
    const disk = new SimMachine(1);
    const { process, spool } = start(disk);
    for (const first of [0, 10]) await disk.finish(spool.append(batch(first, 3), 'normal'));
    const { receipt } = (await disk.finish(spool.next()))!;
    disk.faults.shortWrite = 1;
    spool.ack(receipt);
    while (await disk.step(disk.elapsed));
    disk.faults.shortWrite = 0;
    await disk.advance(10_000);
    process.kill();
    const next = start(disk).spool;
    await disk.advance(20_000);
    await disk.finish(next.scan());
    await disk.advance(70_000);
    expect((await disk.finish(next.next()))?.batch.id).toBe('w1-10-3');
    expect(await disk.finish(next.next())).toBeUndefined();
  });

  it('loses nothing that was durable to a power loss while it is rescued, and no sync succeeds', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = new SimMachine(seed);
      const { spool } = start(disk);
      const piece = spool.journal(batch(0, 3), 'normal')!;
      await disk.advance(2000);
      expect(piece.durable).toBe(true);
      failSyncs(disk);
      expect(spool.seal(batch(0, 3), 'normal')?.durable).toBe(false);
      await disk.advance(4000);
      expect(spool.stats()).toMatchObject({ waiting: { records: 3 }, appended: { records: 3 }, acked: { records: 0 } });
      disk.powerLoss();
      recover(disk);
      const next = start(disk).spool;
      await disk.advance(20_000);
      await disk.finish(next.scan());
      await disk.advance(100_000);
      const back = await disk.finish(next.next());
      expect(back?.batch.count, `seed ${seed}`).toBe(3);
    }
  });

  it('removes the originals of what was rescued once the copies are safe, or delivered', async () => {
    for (const settled of [false, true]) {
      const disk = new SimMachine(1);
      const { spool } = start(disk);
      const segments = () => disk.files().filter((path) => path.endsWith('.seg')).length;
      await disk.finish(spool.append(batch(0, 3), 'normal'));
      failSyncs(disk);
      await disk.advance(6000);
      expect(segments()).toBe(2);
      if (settled) spool.ack((await disk.finish(spool.next()))!.receipt);
      else recover(disk);
      await disk.advance(20_000);
      expect(segments()).toBe(settled ? 0 : 1);
    }
  });

  it('loses nothing to a power loss after a close whose first sync failed', async () => {
    const disk = new SimMachine(1);
    const opened: string[] = [];
    const { spool } = start(disk, (event) => {
      if (event.type !== 'segmentOpened') return;
      opened.push(event.segment);
      // The second one takes what is rescued from the first.
      if (opened.length === 2) disk.faults.failedSync = 0;
    });
    await disk.finish(spool.append(batch(0, 3), 'normal'));
    disk.faults.failedSync = 1;
    await disk.finish(spool.close());
    expect(opened).toHaveLength(2);
    disk.powerLoss();
    const next = start(disk).spool;
    await disk.finish(next.scan());
    await disk.advance(100_000);
    expect((await disk.finish(next.next()))?.batch.count).toBe(3);
  });
});
