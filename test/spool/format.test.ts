// The format, checked from outside: directories that the real spool made are read by a reader that was written from the
// page about the format alone. It must find exactly what the spool itself hands out afterwards, batch for batch and
// column for column: plain, with every codec, encrypted, journaled, settled in part, adopted, damaged, and left behind by
// processes that were killed.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as zlib from 'node:zlib';
import { Batch, createSpool, type Lane, type Spool, type SpoolPorts, systemRuntime } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { afterEach, beforeEach, expect, it, describe as suite } from 'vitest';
import * as reader from './reader.mjs';

let directory: string;
const spools: Spool[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-format-'));
});
afterEach(async () => {
  for (const spool of spools.splice(0)) await spool.close();
  rmSync(directory, { recursive: true, force: true });
});

const key = randomBytes(32);
const secret = key.toString('hex');

function open(options: object = {}, tuning: SpoolPorts['tuning'] = {}): Spool {
  const patience = { silentMs: 0, foreignSilentMs: 0 };
  const spool = createSpool(
    { directory, minFreeBytes: 0, ...options },
    { runtime: systemRuntime, destination: 'crash', tuning: { ...patience, maxAttempts: 1e6, ...tuning } },
  );
  spools.push(spool);
  return spool;
}

/** Batches with everything that a column can hold. */
function batches(from: number, count: number): Batch[] {
  return Array.from({ length: count }, (_, n) => {
    const first = from + 100 * n;
    const lines = Array.from(
      { length: 1 + ((7 * n) % 40) },
      (_, i) => `{"n":${first + i},"text":"${'é🜁 x'.repeat(i)}"}`,
    );
    const plain = batchOf(lines, { firstSequence: first, levels: lines.map((_, i) => [30, 35, 200, 65_535][i % 4]!) });
    if (n % 3 === 0) return plain;
    // Times out of order and with fractions, nanoseconds, numbers with gaps up to the largest.
    const times = Float64Array.from(plain.times, (time, i) => (n % 3 === 1 ? time - 1000 * i : i / 3 - 5));
    const nanos = Uint32Array.from(times, (_, i) => (i * 99_991) % 1_000_000);
    const sequences = Float64Array.from(times, (_, i) => (i === 0 ? first : 2 ** 40 + 2 ** (i % 50) + i * 2 ** 50));
    const odd =
      n % 3 === 2 && lines.length < 7
        ? { sequences: sequences.map((s, i) => (i === 0 ? s : first + i * 2 ** 44)) }
        : {};
    return new Batch({ ...plain, times, nanos, ...odd });
  });
}

interface Found {
  readonly id: string;
  readonly records: readonly unknown[];
}

const byId = (a: Found, b: Found) => (a.id < b.id ? -1 : 1);

function described(batch: Batch): Found {
  const records = Array.from({ length: batch.count }, (_, i) => ({
    id: batch.recordId(i),
    sequence: batch.sequence(i),
    line: batch.line(i).toString('latin1'),
    time: batch.times[i],
    level: batch.levels[i],
    ...(batch.nanos && { nanos: batch.nanos[i] }),
  }));
  return { id: batch.id, records };
}

/** What the spool hands out of a directory that nobody writes any more. */
async function handedOut(options: object = {}): Promise<Found[]> {
  const spool = open(options);
  const out: Found[] = [];
  for (let looks = 0; looks < 3; looks++) {
    await spool.scan();
    for (let drained = await spool.next(); drained; drained = await spool.next()) {
      out.push(described(drained.batch));
      spool.ack(drained.receipt);
    }
  }
  return out.sort(byId);
}

const found = (): Found[] =>
  reader
    .waiting(directory, [key])
    .map(({ id, records }: Found) => ({ id, records }))
    .sort(byId);

async function agree(expected: readonly Found[] | undefined, options: object = {}): Promise<void> {
  const read = found();
  expect(read.length).toBeGreaterThan(0);
  if (expected) expect(read).toEqual([...expected].sort(byId));
  expect(await handedOut(options)).toEqual(read);
  // Everything was settled and deleted.
  expect(reader.spool(directory, [key])).toEqual([]);
}

interface ReadSegment {
  readonly path: string;
  readonly number: number;
  readonly lost: number;
  readonly closed: boolean;
  readonly header: { readonly kind: string };
  readonly batches: readonly { readonly state: string }[];
}

const segments = () => reader.spool(directory, [key]) as unknown as ReadSegment[];

async function write(spool: Spool, all: readonly Batch[], lane: Lane = 'normal'): Promise<void> {
  for (const batch of all) expect(await spool.append(batch, lane)).toBeDefined();
}

suite('a reader written from the page finds what the spool hands out', () => {
  it.each(['none', 'gzip', 'brotli', 'zstd'])('with the codec %s', async (compression) => {
    if (compression === 'zstd' && !('zstdCompressSync' in zlib)) {
      // Such a Node can neither write nor read it, and says so.
      expect(() => open({ compression })).toThrow('Node 22.15');
      return;
    }
    const spool = open({ compression }, { segmentBytes: 4000 });
    const all = batches(0, 30);
    await write(spool, all);
    await spool.close();
    const codec = ['none', 'gzip', 'brotli', 'zstd'].indexOf(compression);
    const [first] = segments();
    expect(first).toMatchObject({ lane: 'normal', closed: true, lost: 0, header: { kind: 'spill', encrypted: false } });
    const used = segments().flatMap(({ path, number }) => {
      return reader.frames(readFileSync(path), number).frames.map((frame: { codec: number }) => frame.codec);
    });
    expect(used).toContain(codec);
    await agree(all.map(described));
  });

  it('encrypted, with keys that were changed in between', async () => {
    const old = open({ encryption: { key: 'ab'.repeat(32) } });
    const first = batches(0, 5);
    await write(old, first);
    await old.close();
    const options = { encryption: { key: secret, previousKeys: ['ab'.repeat(32)] }, adopt: false };
    const spool = open(options);
    const second = batches(10_000, 5);
    await write(spool, second, 'high');
    await spool.close();
    const keys = [Buffer.from('ab'.repeat(32), 'hex'), key];
    const read = reader.waiting(directory, keys) as Found[];
    const both = [...first, ...second].map(described).sort(byId);
    expect(read.map(({ id, records }) => ({ id, records })).sort(byId)).toEqual(both);
    expect(() => reader.waiting(directory, [key])).toThrow('is missing');
    expect(readdirSync(directory, { recursive: true }).length).toBeGreaterThan(0);
    expect(await handedOut({ ...options, adopt: true })).toEqual(both);
  });

  it('acked, rejected and replaced in part', async () => {
    const spool = open({}, { segmentBytes: 2000 });
    const all = batches(0, 24);
    await write(spool, all);
    const left: Found[] = [];
    for (let n = 0; n < 24; n++) {
      const drained = (await spool.next())!;
      if (n % 4 === 0) spool.ack(drained.receipt);
      else if (n % 4 === 1) spool.reject(drained.receipt);
      else if (n % 4 === 2 && drained.batch.count > 3) {
        const rest = drained.batch.pick([1, 3]);
        spool.release((await spool.replace(drained.receipt, rest))!);
        left.push(described(rest));
        break;
      }
    }
    await spool.close();
    const read = found();
    expect(read).toContainEqual(left[0]);
    expect(read.length).toBeLessThan(24);
    await agree(undefined);
  });

  it('the journal: sealed, unsealed and settled, over several segments', async () => {
    const spool = open({ durability: 'journal' }, { segmentBytes: 3000 });
    const pieces = batches(0, 40).filter(({ sequences }) => !sequences);
    pieces.forEach((piece, n) => {
      const receipt = spool.journal(piece, 'normal')!;
      if (n % 5 === 4) spool.ack(receipt);
      else if (n % 5 === 3) spool.seal(piece, 'normal');
      else if (n % 5 === 2) spool.ack(spool.seal(piece, 'normal')!);
    });
    await spool.close();
    expect(segments().every(({ header }) => header.kind === 'journal')).toBe(true);
    expect(segments().length).toBeGreaterThan(2);
    const states = segments().flatMap(({ batches }) => batches.map(({ state }) => state));
    expect(new Set(states)).toEqual(new Set(['waiting', 'acked']));
    await agree(undefined);
  });

  it('a batch that was written again, beside pieces that its process did not live to settle', async () => {
    const spool = open({ durability: 'journal' }, { segmentBytes: 1000 });
    const lines = Array.from({ length: 60 }, (_, n) => `{"n":${n},"pad":"${'x'.repeat(60)}"}`);
    const whole = batchOf(lines, { firstSequence: 0 });
    for (let n = 0; n < 60; n += 4) spool.journal(whole.range(n, n + 4), 'normal');
    // As they are now, the pieces wait: what the seal is about to say of them did not reach the disk.
    const before = segments().map(({ path }) => [path, readFileSync(path)] as const);
    expect(before.length).toBeGreaterThan(2);
    spool.seal(whole, 'normal');
    await spool.close();
    for (const [path, bytes] of before.slice(0, -1)) writeFileSync(path, bytes, { mode: 0o600 });
    await agree([described(whole)]);
  });

  it('last words, and a queue inside the queue of whoever took it over', async () => {
    const first = open();
    const all = batches(0, 6);
    first.appendSync(
      all.map((batch, i) => ({ batch, lane: (['high', 'normal', 'low'] as const)[i % 3]! })),
      10_000,
    );
    await first.close();
    const second = open();
    await second.scan();
    await second.append(batches(5000, 1)[0]!, 'low');
    await second.close();
    const paths = segments().map(({ path }) => path);
    expect(paths.some((path) => /\/q-[0-9a-f]{32}\/adopted\/q-[0-9a-f]{32}\/h-\d{16}\.seg$/.test(path))).toBe(true);
    const [queue] = readdirSync(join(directory, readdirSync(directory)[0]!)).filter((name) => name.startsWith('q-'));
    const owner = reader.owner(join(directory, readdirSync(directory)[0]!, queue!));
    expect(owner).toMatchObject({ v: 1, queueId: queue!.slice(2), pid: process.pid, stopped: true });
    expect(new Set(segments().map(({ header }) => header.kind))).toEqual(new Set(['exit', 'spill']));
    await agree([...all, ...batches(5000, 1)].map(described));
  });

  it('damaged: the same frames, the same count of what is missing', async () => {
    const spool = open({ compression: 'none' });
    const all = batches(0, 20);
    await write(spool, all);
    await spool.close();
    const { path, number } = segments()[0]!;
    const bytes = readFileSync(path);
    const at = reader.frames(bytes, number).frames.map((frame: { at: number }) => frame.at) as number[];
    // A payload, a header, and everything from the middle of a frame on.
    bytes[at[4]! + 200]! ^= 1;
    bytes[at[9]! + 30]! ^= 1;
    writeFileSync(path, bytes.subarray(0, at[17]! + 100));
    const missing = [4, 9, 17].reduce((sum, n) => sum + all[n]!.count, 0);
    expect(segments()[0]).toMatchObject({ closed: false, lost: missing });
    const expected = all.slice(0, 17).filter((_, n) => n !== 4 && n !== 9);
    await agree(expected.map(described));
    expect(spools.at(-1)!.stats().lost.records).toBe(missing);
  });

  it('dead letters, also encrypted', async () => {
    const folder = () => join(directory, readdirSync(directory)[0]!);
    const line = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]);
    const raw = {
      bytes: line,
      offsets: Uint32Array.of(0, line.length),
      times: Float64Array.of(5),
      levels: Uint16Array.of(50),
    };
    await open().deadLetters.append(batches(0, 3)[2]!, 'no such index');
    await open().deadLetters.append(new Batch({ writer: 'w', firstSequence: 1, ...raw }), 'not text');
    await open({ encryption: { key: secret } }).deadLetters.append(batches(1000, 1)[0]!, 'secret');
    const letters = reader.deadLetters(folder(), [key]);
    expect(letters).toHaveLength(batches(0, 3)[2]!.count + 1 + batches(1000, 1)[0]!.count);
    const reasons = new Set(letters.map(({ reason }: { reason: string }) => reason));
    expect(reasons).toEqual(new Set(['no such index', 'not text', 'secret']));
    const binary = letters.find(({ reason }: { reason: string }) => reason === 'not text')!;
    expect(Buffer.from(binary.base64, 'base64')).toEqual(line.subarray(0, -1));
    expect(letters).toContainEqual(
      expect.objectContaining({ id: 'w1-1000', line: '{"n":1000,"text":""}', reason: 'secret' }),
    );
  });

  it.each(['spill', 'journal'])('what killed processes leave behind (%s)', async (mode) => {
    const child = fileURLToPath(new URL('../crash/spool-child.mjs', import.meta.url));
    const promised = new Set<string>();
    const acked = new Set<string>();
    for (let round = 0; round < 6; round++) {
      const running = spawn(process.execPath, [child, mode, directory, String(round), String(round)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      running.stdout.on('data', (chunk) => {
        said += chunk;
        // In the middle of whatever it is doing.
        if (said.split('\n').length > 60 + 20 * round) running.kill('SIGKILL');
      });
      await once(running, 'close');
      for (const text of said.slice(0, said.lastIndexOf('\n')).split('\n')) {
        const [word, ...ids] = text.split(' ');
        if (word === '+') for (const id of ids) promised.add(id);
        if (word === 'a') for (const id of ids) acked.add(id);
      }
    }
    const read = new Map(
      found().flatMap(({ records }) => (records as { id: string; line: string }[]).map((r) => [r.id, r])),
    );
    expect(promised.size).toBeGreaterThan(100);
    expect([...promised].filter((id) => !acked.has(id) && !read.has(id))).toEqual([]);
    for (const { id, line } of read.values()) {
      const { sum, pad, ...rest } = JSON.parse(line);
      expect(rest).toEqual({ id });
      expect(sum).toBe(zlib.crc32(id + pad));
    }
    // A frame that a kill cut off in the middle of its write, which nobody was promised, if any.
    const lost = segments().reduce((sum, segment) => sum + segment.lost, 0);
    expect(lost).toBeLessThanOrEqual(6 * 20);
    await agree(undefined);
    expect(spools.at(-1)!.stats().lost.records).toBe(lost);
  });
});
