// The spool on real file systems that fill up, freeze, vanish and hang: the application goes on, nothing throws, what
// the disk took comes back, what it did not take stays with its owner, and everything recovers by itself.

import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Batch,
  createSpool,
  type FileSystem,
  nodeFileSystem,
  type Spool,
  type SpoolEvent,
  type SpoolPorts,
  systemRuntime,
} from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { afterEach, expect, it, describe as suite, vi } from 'vitest';
import { type Mount, mount } from './mounts.js';

const cleanUp: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act();
});

function mounted(options: string): Mount {
  const made = mount(options);
  cleanUp.push(() => made.unmount());
  return made;
}

function temporary(): string {
  const path = mkdtempSync(join(tmpdir(), 'spillway-faults-'));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface Opened {
  readonly spool: Spool;
  readonly events: SpoolEvent[];
}

function open(directory: string, options: object = {}, ports: Partial<SpoolPorts> = {}): Opened {
  const events: SpoolEvent[] = [];
  const pauses = { diskFull: 50, disabled: 50, failed: 50 };
  const spool = createSpool(
    { directory, minFreeBytes: 0, compression: 'none', ...options },
    {
      runtime: systemRuntime,
      destination: 'faults',
      onEvent: (event) => events.push(event),
      ...ports,
      tuning: { pauses, heartbeatMs: 50, segmentBytes: 2 ** 20, ...ports.tuning },
    },
  );
  cleanUp.push(() => spool.close());
  return { spool, events };
}

const pad = 'x'.repeat(900);
/** About `kib` KiB of records. */
function batch(number: number, kib = 100): Batch {
  const lines = Array.from({ length: kib }, (_, i) => `{"level":30,"time":1,"id":"${number}-${i}","pad":"${pad}"}`);
  return batchOf(lines, { firstSequence: number * 1_000_000 });
}

/** Takes out everything there is and checks it. */
async function drain(spool: Spool): Promise<Set<number>> {
  const numbers = new Set<number>();
  for (let drained = await spool.next(); drained; drained = await spool.next()) {
    const number = drained.batch.firstSequence / 1_000_000;
    const expected = batch(number, drained.batch.count);
    expect(drained.batch.bytes.equals(expected.bytes)).toBe(true);
    expect(numbers.has(number)).toBe(false);
    numbers.add(number);
    spool.ack(drained.receipt);
  }
  return numbers;
}

function balanced(spool: Spool): void {
  const { appended, recovered, acked, rejected, evicted, lost, duplicatesSuppressed, withdrawn, waiting } =
    spool.stats();
  const dropped = evicted.quota.records + evicted.expired.records + evicted.diskFull.records;
  const out = acked.records + rejected.records + lost.records + duplicatesSuppressed.records + withdrawn.records;
  expect(appended.records + recovered.records).toBe(out + dropped + waiting.records);
}

const soon = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 60_000, interval: 20 });

suite('a real disk', () => {
  it('that fills up to the last byte and is freed again', async () => {
    const { path } = mounted('size=16m');
    const { spool, events } = open(join(path, 'spool'), { maxBytes: '64mb', whenFull: 'dropNewest' });
    const filler = join(path, 'filler');
    writeFileSync(filler, Buffer.alloc(8 * 2 ** 20));
    const taken = new Set<number>();
    let number = 0;
    const fill = async (count: number) => {
      for (let i = 0; i < count; i++, number++) if (await spool.append(batch(number), 'high')) taken.add(number);
    };
    await fill(120);
    expect(taken.size).toBeGreaterThan(50);
    expect(taken.size).toBeLessThan(95);
    expect(spool.stats().state).toBe('diskFull');
    // Draining and deleting need no space.
    const out = (await spool.next())!;
    spool.ack(out.receipt);
    rmSync(filler);
    const before = taken.size;
    await soon(async () => {
      await fill(1);
      expect(spool.stats().state).toBe('ok');
    });
    await fill(5);
    expect(taken.size).toBeGreaterThan(before + 4);
    const back = await drain(spool);
    back.add(out.batch.firstSequence / 1_000_000);
    // Under dropNewest nothing makes way for newer records of the same lane.
    expect(back).toEqual(taken);
    balanced(spool);
    const states = events.flatMap((event) => (event.type === 'spoolStateChanged' ? [event.to] : []));
    expect(states.slice(0, 3)).toEqual(['ok', 'diskFull', 'ok']);
  });

  it('that fills up under a journal and in last words', async () => {
    const { path } = mounted('size=4m');
    const { spool } = open(path, { maxBytes: '64mb' });
    const kept: Batch[] = [];
    for (let i = 0; i < 60; i++) {
      const records = batch(i);
      if (spool.journal(records, 'normal') && spool.seal(records, 'normal')) kept.push(records);
    }
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.length).toBeLessThan(45);
    expect(spool.appendSync([{ batch: batch(100), lane: 'high' }], 1000)).toEqual([]);
    await spool.close();
    const { spool: next } = open(path, { maxBytes: '64mb' });
    await next.scan();
    expect([...(await drain(next))].length).toBe(kept.length);
    balanced(next);
  });

  it('that stays within its quota, whoever writes', async () => {
    const directory = temporary();
    const { spool } = open(directory, { maxBytes: '4mb' }, { tuning: { segmentBytes: 256 * 1024 } });
    for (let i = 0; i < 100; i++) {
      const lane = i % 10 === 0 ? 'high' : 'normal';
      await spool.append(batch(i), lane);
      expect(used(directory)).toBeLessThan(4.2 * 2 ** 20);
    }
    const { evicted } = spool.stats();
    expect(evicted.quota.records).toBeGreaterThan(5000);
    const back = await drain(spool);
    // What matters most is still there.
    for (let i = 0; i < 100; i += 10) expect(back.has(i)).toBe(true);
    expect(back.size * 100 + evicted.quota.records).toBe(10_000);
    balanced(spool);
  });

  it('that runs out of inodes', async () => {
    const { path } = mounted('size=16m,nr_inodes=40');
    const { spool, events } = open(path, {}, { tuning: { segmentBytes: 64 * 1024 } });
    const taken = new Set<number>();
    for (let i = 0; i < 60; i++) if (await spool.append(batch(i), 'normal')) taken.add(i);
    const back = await drain(spool);
    const { evicted } = spool.stats();
    expect(taken.size).toBe(back.size + evicted.diskFull.records / 100);
    expect(taken.size).toBeGreaterThan(10);
    expect(events.some((event) => event.type === 'directoryWarned' && event.reason === 'memory')).toBe(true);
    balanced(spool);
  });

  it('that turns read-only and back', async () => {
    const volume = mounted('size=16m');
    const { spool } = open(volume.path);
    expect(await spool.append(batch(0), 'normal')).toBeDefined();
    expect(await spool.append(batch(1), 'normal')).toBeDefined();
    await spool.close();
    volume.remount('ro');
    const { spool: next } = open(volume.path, {}, { tuning: { scanMs: 0 } });
    await next.scan();
    await soon(async () => {
      expect(await next.append(batch(2), 'normal')).toBeUndefined();
      expect(next.stats().state).toBe('disabled');
    });
    expect(await next.next()).toBeUndefined();
    volume.remount('rw');
    await soon(async () => expect(await next.append(batch(3), 'normal')).toBeDefined());
    await soon(() => expect(next.stats().recovered.records).toBe(200));
    expect(await drain(next)).toEqual(new Set([0, 1, 3]));
    balanced(next);
    await next.close();
    expect(segments(volume.path)).toEqual([]);
  });

  it('from which somebody removes the directory', async () => {
    const directory = join(temporary(), 'deep', 'spool');
    const { spool } = open(directory, { sync: 'none' });
    for (let i = 0; i < 30; i++) await spool.append(batch(i), 'normal');
    rmSync(directory, { recursive: true });
    await soon(async () => {
      expect(await spool.append(batch(1000), 'high')).toBeDefined();
      expect(segments(directory)).toHaveLength(1);
    });
    const back = await drain(spool);
    expect(back.has(1000)).toBe(true);
    expect(spool.stats().waiting.records).toBe(0);
    balanced(spool);
  });

  it('that it may not write to', async () => {
    const { path } = mounted('size=16m,ro');
    const { spool } = open(path);
    expect(await spool.append(batch(0), 'normal')).toBeUndefined();
    expect(spool.journal(batch(0), 'normal')).toBeUndefined();
    expect(spool.appendSync([{ batch: batch(0), lane: 'normal' }], 100)).toEqual([]);
    expect(await spool.next()).toBeUndefined();
    expect(spool.stats()).toMatchObject({ state: 'disabled', waiting: { records: 0 } });
    const file = join(temporary(), 'a-file');
    writeFileSync(file, '');
    const { spool: other } = open(file);
    expect(await other.append(batch(0), 'normal')).toBeUndefined();
  });

  it('that hangs: owners keep their batches, and what arrives late is taken back', async () => {
    const directory = temporary();
    let hanging = false;
    let letGo = () => {};
    const fs: FileSystem = {
      ...nodeFileSystem,
      async perform(call) {
        if (hanging && call.name === 'write') {
          await new Promise<void>((done) => {
            letGo = done;
          });
        }
        return nodeFileSystem.perform(call);
      },
    };
    const { spool, events } = open(directory, { sync: 'none' }, { fs, tuning: { stallMs: 100, heartbeatMs: 60_000 } });
    expect(await spool.append(batch(0), 'normal')).toBeDefined();
    hanging = true;
    const late = [spool.append(batch(1), 'normal'), spool.append(batch(2), 'normal')];
    expect(await Promise.all(late)).toEqual([undefined, undefined]);
    expect(spool.stats().state).toBe('stalled');
    expect(await spool.append(batch(3), 'normal')).toBeUndefined();
    expect(spool.journal(batch(3), 'normal')).toBeUndefined();
    expect(await spool.next()).toBeUndefined();
    hanging = false;
    letGo();
    await soon(() => expect(spool.stats().state).toBe('ok'));
    expect(await spool.append(batch(4), 'normal')).toBeDefined();
    expect(await drain(spool)).toEqual(new Set([0, 4]));
    expect(spool.stats().withdrawn.records).toBeGreaterThan(0);
    balanced(spool);
    expect(events).toContainEqual(expect.objectContaining({ type: 'spoolStateChanged', to: 'stalled' }));
  });

  it('that holds 200 MB of backlog, in little memory', async () => {
    const directory = temporary();
    const { spool } = open(directory, { compression: 'auto', sync: 'none' }, { tuning: { segmentBytes: 8 * 2 ** 20 } });
    for (let i = 0; i < 200; i++) expect(await spool.append(batch(i, 1000), 'normal')).toBeDefined();
    await spool.close();
    const { spool: next } = open(directory);
    await next.scan();
    expect(next.stats().waiting.records).toBe(200_000);
    let most = 0;
    let records = 0;
    for (let drained = await next.next(); drained; drained = await next.next()) {
      records += drained.batch.count;
      next.ack(drained.receipt);
      if (records % 10_000 === 0) globalThis.gc?.();
      most = Math.max(most, next.stats().diskBytes);
    }
    expect(records).toBe(200_000);
    expect(next.stats()).toMatchObject({ lost: { records: 0 }, acked: { records: 200_000 } });
  });

  it('whose directory others may read, or which is not ours, is told apart', async () => {
    const directory = temporary();
    const { spool } = open(directory);
    await spool.append(batch(0), 'normal');
    const [folder] = readdirSync(directory);
    const [queue] = readdirSync(join(directory, folder!));
    expect(statSync(join(directory, folder!, queue!)).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(directory, folder!, queue!))) {
      if (file !== 'lk') expect(statSync(join(directory, folder!, queue!, file)).mode & 0o777).toBe(0o600);
    }
    // A queue that somebody else could have planted is not read.
    const planted = join(directory, folder!, `q-${'0'.repeat(32)}`);
    mkdirSync(planted);
    const { chownSync } = await import('node:fs');
    chownSync(planted, 12_345, 12_345);
    const { spool: other } = open(directory, {}, { tuning: { silentMs: 0, foreignSilentMs: 0 } });
    await other.scan();
    expect(readdirSync(join(directory, folder!))).toContain(`q-${'0'.repeat(32)}`);
  });
});

function segments(directory: string): string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.seg'));
}

function used(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
