// Memory that is used again for what comes from the disk: that it is, and that nobody sees it change under their eyes.
// To show that, what comes back to a pool is overwritten at once, as if its next user had it already.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ack,
  type Behaviour,
  batchOf,
  linesOf,
  type ScriptedDestination,
  scriptedDestination,
} from '@spillway/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Batch } from './batch.js';
import { BufferPool } from './buffer-pool.js';
import type { PipelineInput } from './options/pipeline-options.js';
import { type Pipeline, pipeline } from './pipeline.js';
import { systemRuntime } from './runtime.js';
import { createSpool, type Spool } from './spool/spool.js';
import { imbalance } from './stats.js';
import type { Verdict } from './transport.js';

const closing: (() => unknown)[] = [];
let directory = '';
let given = 0;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-memory-'));
  given = 0;
  const { give } = BufferPool.prototype;
  vi.spyOn(BufferPool.prototype, 'give').mockImplementation(function (this: BufferPool, buffer) {
    given++;
    buffer.fill('#');
    give.call(this, buffer);
  });
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

const lineOf = (i: number) =>
  JSON.stringify({ level: 30, time: 1_700_000_000_000 + i, i, pad: `${i * i}`.padEnd(40 + (i % 40), '-') });
const numberOf = (line: string) => JSON.parse(line).i as number;
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

async function until(condition: () => boolean, what: () => unknown): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`did not happen: ${condition} ${JSON.stringify(what())}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

describe('batches from the disk', () => {
  const perBatch = 200;
  const batch = (n: number): Batch =>
    batchOf(
      upTo(perBatch).map((i) => lineOf(n * perBatch + i)),
      { firstSequence: n * perBatch },
    );

  function open(options: object = {}, size = 32_768): { spool: Spool; buffers: BufferPool } {
    const buffers = new BufferPool(size, 2, systemRuntime);
    const ports = { runtime: systemRuntime, destination: 'test memory', buffers };
    const spool = createSpool({ directory, minFreeBytes: 0, ...options }, ports);
    closing.push(() => spool.close());
    return { spool, buffers };
  }

  async function fill(spool: Spool, how: string, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const whole = batch(n);
      if (how !== 'journal') {
        await spool.append(whole, 'normal');
        continue;
      }
      for (let i = 0; i < perBatch; i += 50) spool.journal(whole.range(i, i + 50), 'normal');
      spool.release(spool.seal(whole, 'normal')!);
    }
  }

  const ways = [
    ['brotli', {}],
    ['gzip', { compression: 'gzip' }],
    ['none', { compression: 'none' }],
    ['journal', {}],
    ['encrypted', { encryption: { key: 'ab'.repeat(32) } }],
    ['encrypted only', { compression: 'none', encryption: { key: 'ab'.repeat(32) } }],
  ] as const;

  it.each(ways)('share no memory while nobody gave theirs back (%s)', async (how, options) => {
    const { spool } = open(options);
    await fill(spool, how, 8);
    const out: Batch[] = [];
    for (let drained = await spool.next(); drained; drained = await spool.next()) out.push(drained.batch);
    expect(out.map(linesOf)).toEqual(upTo(8).map((n) => linesOf(batch(n))));
    expect(new Set(out.map(({ bytes }) => bytes.buffer)).size).toBe(8);
  });

  it.each(ways)('come in the memory of those that were given back (%s)', async (how, options) => {
    const { spool, buffers } = open(options);
    await fill(spool, how, 20);
    const used = new Set<ArrayBufferLike>();
    for (let n = 0; n < 20; n++) {
      const { batch: found, receipt } = (await spool.next())!;
      expect(linesOf(found)).toEqual(linesOf(batch(n)));
      expect(found.id).toBe(batch(n).id);
      used.add(found.bytes.buffer);
      spool.ack(receipt);
      buffers.reclaim(found.bytes);
    }
    expect(used.size).toBe(1);
    expect(given).toBe(20);
  });

  it.each([
    ['in memory of their size where the largest would stay empty for the most part', 4 * 65_536, 1],
    ['in memory of their own where they do not fit', 4096, 0],
  ])('come %s', async (_, size, times) => {
    const { spool, buffers } = open({}, size);
    await fill(spool, 'brotli', 1);
    const { batch: found, receipt } = (await spool.next())!;
    expect(linesOf(found)).toEqual(linesOf(batch(0)));
    expect(found.bytes.buffer.byteLength).toBeLessThan(2 * found.bytes.length);
    buffers.reclaim(found.bytes);
    spool.ack(receipt);
    expect(given).toBe(times);
  });
});

describe('a pipeline that drains', () => {
  /** As the sender of a transport that knows when its bytes have left: here, when the reply comes. */
  function lettingGo({ transport, ...rest }: ScriptedDestination): ScriptedDestination {
    const { open } = transport;
    return { ...rest, transport: { ...transport, open: (...args) => ({ ...open(...args), letGo: () => true }) } };
  }

  function start(destination: ScriptedDestination, spool: object): Pipeline {
    const logs = pipeline(destination.transport, {
      warnings: 'off',
      batch: { maxBytes: '16kb', maxRecords: 10_000, lingerMs: 5 },
      queue: { maxBytes: '256kb' },
      send: { timeoutMs: 30, maxInFlight: 3 },
      retry: { minMs: 1, maxMs: 5, attempts: 3 },
      breaker: { failures: 4, cooldownMs: 10 },
      spool: { directory, minFreeBytes: 0, ...spool },
    } as PipelineInput);
    closing.push(() => logs.close({ deadlineMs: 0 }));
    return logs;
  }

  const reply = (verdict: Verdict): Behaviour => ({ kind: 'reply', verdict });
  const bad = (batch: Batch) => upTo(batch.count).filter((i) => numberOf(batch.line(i).toString()) % 97 === 5);

  /** Everything that can happen to a batch, again and again. */
  function moody(batch: Batch, n: number): Behaviour {
    const refused = bad(batch);
    if (n % 11 === 3) return reply({ outcome: 'retry', reason: 'busy' });
    if (n % 13 === 7) return { kind: 'hang' };
    if (n % 17 === 9) return { kind: 'reset' };
    if (n % 5 === 1 && batch.count > 20) return reply({ outcome: 'split', reason: 'big' });
    if (n % 7 === 2 && batch.count > 4) {
      const again = upTo(batch.count >> 1).filter((i) => !refused.includes(i));
      return reply({ outcome: 'partial', retry: again, reject: refused, reason: 'some' });
    }
    if (refused.length > 0) return reply({ outcome: 'partial', retry: [], reject: refused, reason: 'bad' });
    return ack;
  }

  function deadLetters(): string[] {
    const files = readdirSync(directory, { recursive: true, withFileTypes: true });
    return (
      files
        .filter(({ name }) => name.endsWith('.ndjson'))
        .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
        // The last line may be on its way.
        .flatMap((text) => text.slice(0, text.lastIndexOf('\n') + 1).split('\n'))
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text).line as string)
    );
  }

  it.each(['spill', 'journal'])(
    'delivers what was logged, whatever happens to its batches (%s)',
    async (durability) => {
      const total = 12_000;
      const { stored, requests, ...rest } = scriptedDestination();
      const destination = lettingGo({ ...rest, stored, requests });
      let logs = start(destination, { durability });
      rest.behave(() => reply({ outcome: 'retry', reason: 'down' }));
      for (let i = 0; i < total / 2; i += 100) {
        logs.write(
          `${upTo(100)
            .map((k) => lineOf(i + k))
            .join('\n')}\n`,
        );
        await new Promise((turn) => setImmediate(turn));
      }
      await until(
        () => logs.stats().spooled.records > total / 4,
        () => logs.stats(),
      );
      rest.behave(moody);
      for (let i = total / 2; i < total; i += 100) {
        logs.write(
          `${upTo(100)
            .map((k) => lineOf(i + k))
            .join('\n')}\n`,
        );
        await new Promise((turn) => setTimeout(turn, 1));
        if (i !== total * 0.75) continue;
        // In the middle of it all, another process takes over.
        await logs.close({ deadlineMs: 20 });
        logs = start(destination, { durability });
      }
      const settled = () => stored.length + deadLetters().length;
      await until(
        () => settled() >= total && logs.idle && logs.stats().spooled.records === 0,
        () => ({ settled: settled(), ...logs.stats() }),
      );
      expect(imbalance(logs.stats())).toEqual({ records: 0, bytes: 0 });
      await logs.close();
      const lines = [...stored.map(({ line }) => line), ...deadLetters()];
      expect(new Set(lines)).toEqual(new Set(upTo(total).map(lineOf)));
      expect(lines).toHaveLength(total);
      expect(given).toBeGreaterThan(10);
    },
  );
});
