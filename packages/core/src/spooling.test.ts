// The pipeline with a spool: what moves to disk and when, what comes back, and that nothing is lost on the way.

import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ack, type Behaviour, type SimRuntime, scriptedDestination, simRuntime } from '@spillway/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PipelineInput } from './options/pipeline-options.js';
import { type FlushReport, type Pipeline, pipeline } from './pipeline.js';
import { systemRuntime } from './runtime.js';
import type { Spooler } from './spooler.js';
import { imbalance } from './stats.js';
import type { Verdict } from './transport.js';

let directory = '';
const open: Pipeline[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-spooling-'));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((logs) => logs.close({ deadlineMs: 0 })));
  rmSync(directory, { recursive: true, force: true });
});

const lines = (count: number, from = 0, level = 30, pad = 50) =>
  Array.from(
    { length: count },
    (_, i) => `${JSON.stringify({ level, time: 1_700_000_000_000 + i, i: from + i, pad: 'x'.repeat(pad) })}\n`,
  ).join('');
const reply = (verdict: Verdict): Behaviour => ({ kind: 'reply', verdict });
const down = reply({ outcome: 'retry', reason: '503' });
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const numbers = (stored: readonly { line: string }[]) =>
  stored.map((each) => JSON.parse(each.line).i as number).filter((i) => i !== undefined);
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

function setUp(
  options: Omit<PipelineInput, 'spool'> & { spool?: object } = {},
  destination = scriptedDestination(),
  runtime = systemRuntime,
) {
  const input = {
    warnings: 'off',
    batch: { maxRecords: 50, lingerMs: 5 },
    retry: { minMs: 1, maxMs: 20, attempts: 3 },
    breaker: { failures: 2, cooldownMs: 20 },
    ...options,
    spool: { directory, minFreeBytes: 0, spillAfterMs: 60_000, ...options.spool },
  } as PipelineInput;
  const logs = pipeline(destination.transport, input, runtime);
  open.push(logs);
  return { destination, logs };
}

async function until(condition: () => boolean, what: () => unknown = () => ''): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`did not happen: ${condition} ${JSON.stringify(what())}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

/** Writes lines to a destination that is down, until all are on disk in their order: the first attempts are over by then. */
async function spooled(logs: Pipeline, count: number): Promise<void> {
  for (const [from, to] of [[0, 50] as const, [50, count] as const]) {
    logs.write(lines(to - from, from));
    await until(
      () => logs.stats().spooled.records === to,
      () => logs.stats(),
    );
  }
}

function balanced(logs: Pipeline) {
  const stats = logs.stats();
  expect(imbalance(stats), JSON.stringify(stats)).toEqual({ records: 0, bytes: 0 });
  return stats;
}

describe('with a spool', () => {
  it('touches no file while the destination is well', async () => {
    const { destination, logs } = setUp();
    logs.write(lines(500));
    await until(() => destination.stored.length === 500);
    expect(readdirSync(directory)).toEqual([]);
    balanced(logs);
  });

  it('moves everything to disk in an outage, keeps memory low, and delivers it all afterwards', async () => {
    const { destination, logs } = setUp({ queue: { maxBytes: '1mb' } });
    destination.behave(() => down);
    for (let i = 0; i < 100; i++) {
      logs.write(lines(100, i * 100));
      await new Promise((done) => setTimeout(done, 2));
      balanced(logs);
    }
    await until(
      () => logs.stats().spooled.records > 9000,
      () => logs.stats(),
    );
    expect(logs.stats().dropped.records).toBe(0);
    destination.behave(() => ack);
    await until(
      () => logs.stats().acked.records === 10_000,
      () => logs.stats(),
    );
    expect(sorted(numbers(destination.stored))).toEqual(upTo(10_000));
    expect(balanced(logs).spooled).toEqual({ records: 0, bytes: 0 });
  });

  it('spills what does not fit into memory, even when the writer never lets go', async () => {
    const { destination, logs } = setUp({ queue: { maxBytes: '128kb' }, batch: { maxRecords: 50, maxBytes: '16kb' } });
    for (let i = 0; i < 100; i++) logs.write(lines(100, i * 100));
    const { queued, inFlight, spooled, dropped } = balanced(logs);
    expect(queued.bytes + inFlight.bytes).toBeLessThanOrEqual(128 * 1024);
    expect(spooled.records).toBeGreaterThan(5000);
    expect(dropped.records).toBe(0);
    await until(
      () => logs.stats().acked.records === 10_000,
      () => logs.stats(),
    );
    expect(sorted(numbers(destination.stored))).toEqual(upTo(10_000));
  });

  it.each(['spill', 'journal', 'hybrid'])(
    'with %s leaves what close cannot deliver to the next process',
    async (durability) => {
      const { destination, logs } = setUp({ spool: { durability } });
      destination.behave((_, n) => (n > 2 ? { kind: 'hang' } : ack));
      logs.write(lines(300) + lines(200, 300, 50));
      const report = await logs.close({ deadlineMs: 300 });
      expect(report.stats).toMatchObject({ dropped: { records: 0 }, queued: { records: 0 }, inFlight: { records: 0 } });
      expect(report.stats.spooled.records + report.stats.acked.records).toBe(500);
      balanced(logs);

      const next = setUp({ spool: { durability } }, destination);
      destination.behave(() => ack);
      await until(
        () => destination.stored.length >= 500,
        () => next.logs.stats(),
      );
      expect(sorted(numbers(destination.stored))).toEqual(upTo(500));
      await until(() => next.logs.stats().inFlight.records === 0);
      expect(balanced(next.logs).recovered.records).toBe(report.stats.spooled.records);
    },
  );

  it.each(['liveFirst', 'oldestFirst'])('with hybrid and %s, an error is on the disk when write returns', (drain) => {
    const { logs } = setUp({ batch: { lingerMs: 60_000 }, spool: { durability: 'hybrid', drain } });
    logs.write(lines(1, 0, 50));
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    expect(files.filter((file) => file.endsWith('.seg'))).toHaveLength(1);
  });

  it.each([0, 2])('close within %i ms gives up on the destination, not on the disk', async (deadlineMs) => {
    const { destination, logs } = setUp({ queue: { maxBytes: '64mb' } });
    destination.behave(() => ({ kind: 'hang' }));
    for (let i = 0; i < 20; i++) logs.write(lines(1000, i * 1000, 30, 1000));
    const { settled, stats } = await logs.close({ deadlineMs });
    expect(settled).toBe(false);
    expect(stats).toMatchObject({ dropped: { records: 0 }, spooled: { records: 20_000 } });
    balanced(logs);
  });

  it('close waits for what is queued behind a part that came from the disk', async () => {
    const { destination, logs } = setUp({
      send: { maxInFlight: 1 },
      retry: { attempts: 1 },
      breaker: { failures: 1, cooldownMs: 20 },
    });
    destination.behave(() => down);
    logs.write(lines(50));
    await until(() => logs.stats().spooled.records === 50);
    destination.behave(() => reply({ outcome: 'partial', retry: upTo(25), reject: [], reason: 'busy', afterMs: 500 }));
    await until(() => logs.stats().queued.records === 25);
    destination.behave(() => ack);
    logs.write(lines(50, 50));
    const report = await logs.close({ deadlineMs: 10_000 });
    expect(report).toMatchObject({ settled: true, stats: { acked: { records: 100 }, spooled: { records: 0 } } });
    balanced(logs);
  });

  it('close fetches nothing more from the disk', async () => {
    const { destination, logs } = setUp({ spool: { drainBytesPerSecond: 10_000 } });
    destination.behave(() => down);
    await spooled(logs, 150);
    destination.behave(() => ack);
    await until(() => logs.stats().acked.records === 50);
    // The rate would allow the next batch by now, only that nobody has looked yet.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    destination.behave(({ count }) => ({ kind: 'reply', verdict: { outcome: 'ack' }, afterMs: count === 1 ? 300 : 0 }));
    logs.write(lines(1, 150));
    const { stats } = await logs.close();
    expect(stats).toMatchObject({ acked: { records: 51 }, spooled: { records: 100 } });
  });

  it('close does not wait as long as the destination has asked for', async () => {
    const { destination, logs } = setUp({ send: { maxInFlight: 1 }, retry: { attempts: 1 }, breaker: { failures: 9 } });
    destination.behave((_, n) => (n > 1 ? ack : reply({ outcome: 'retry', reason: '429', afterMs: 20_000 })));
    logs.write(lines(50));
    await until(() => destination.requests.length === 1 && logs.stats().queued.records === 50);
    const { settled, stats } = await logs.close({ deadlineMs: 10_000 });
    expect({ settled, acked: stats.acked.records }).toEqual({ settled: true, acked: 50 });
  });

  it('publishes what moves to disk, when its counts say so', async () => {
    const { destination, logs } = setUp();
    destination.behave(() => down);
    const spilled = { records: 0, bytes: 0 };
    const listen = (message: unknown) => {
      const { records, bytes } = message as typeof spilled;
      spilled.records += records;
      spilled.bytes += bytes;
      expect(balanced(logs).spooled).toEqual(spilled);
    };
    subscribe('spillway:batchSpilled', listen);
    await spooled(logs, 200);
    logs.write(lines(20, 200));
    logs.spillSync();
    unsubscribe('spillway:batchSpilled', listen);
    expect(spilled).toEqual(balanced(logs).spooled);
    expect(spilled.records).toBe(220);
  });

  it('spills at the end of the process on the spot', async () => {
    const { destination, logs } = setUp({ batch: { lingerMs: 60_000 } });
    destination.behave(() => ({ kind: 'hang' }));
    logs.write(lines(500));
    logs.spillSync();
    expect(balanced(logs).queued.records).toBe(0);
  });

  it('counts once what the journal has when the last words come', async () => {
    const { destination, logs } = setUp({ spool: { durability: 'journal' } });
    destination.behave(() => down);
    await spooled(logs, 100);
    logs.write(lines(20, 100));
    logs.spillSync();
    expect(balanced(logs).spooled.records).toBe(120);
  });

  it('spills at the end of the process also what is on its way, since nobody will hear how that ends', async () => {
    const destination = scriptedDestination();
    destination.behave(() => ({ kind: 'hang' }));
    const { logs } = setUp({ send: { maxInFlight: 2 } }, destination);
    logs.write(lines(170));
    await until(() => logs.stats().inFlight.records === 100);
    logs.spillSync();
    expect(balanced(logs)).toMatchObject({
      spooled: { records: 170 },
      queued: { records: 0 },
      inFlight: { records: 0 },
    });
    await logs.close();
    expect(balanced(logs)).toMatchObject({ spooled: { records: 170 }, dropped: { records: 0 } });

    const next = setUp();
    await until(() => next.destination.stored.length >= 170);
    expect(sorted(numbers(next.destination.stored))).toEqual(upTo(170));
  });

  describe.each(['spill', 'journal', 'from the disk'])('at the end of the process (%s)', (from) => {
    const half = (batch: { count: number }, n: number) => upTo(batch.count).slice(n);
    it.each([
      ['split', () => reply({ outcome: 'split', reason: 'big' })],
      [
        'partly acked',
        (batch: { count: number }) => {
          return reply({ outcome: 'partial', retry: half(batch, 30), reject: [], reason: 'busy' });
        },
      ],
      [
        'partly rejected',
        (batch: { count: number }) => {
          return reply({ outcome: 'partial', retry: half(batch, 30), reject: upTo(10), reason: 'bad' });
        },
      ],
    ] as const)('spills of a batch that was %s only what is not settled', async (_, first) => {
      const durability = from === 'journal' ? 'journal' : 'spill';
      const { destination, logs } = setUp({ spool: { durability }, send: { maxInFlight: 1 } });
      if (from === 'from the disk') {
        destination.behave(() => down);
        logs.write(lines(100));
        await until(() => logs.stats().spooled.records === 100);
      }
      // Whole batches are taken apart; of the parts one gets through, the next one hangs.
      let through = 0;
      destination.behave((batch) => {
        if (batch.count === 50) return first(batch);
        return batch.count === 25 && through++ === 0 ? ack : { kind: 'hang' };
      });
      if (from !== 'from the disk') logs.write(lines(100));
      await until(
        () => destination.requests.length > 1 && destination.requests.at(-1)!.count < 50,
        () => logs.stats(),
      );
      const { acked, rejected } = balanced(logs);
      logs.spillSync();
      const kept = 100 - acked.records - rejected.records;
      expect(balanced(logs)).toMatchObject({
        inFlight: { records: 0, bytes: 0 },
        queued: { records: 0 },
        spooled: { records: kept },
      });
      await logs.close();
      expect(balanced(logs)).toMatchObject({ acked, rejected, spooled: { records: kept } });

      destination.behave(() => ack);
      const next = setUp({ spool: { durability } }, destination);
      await until(
        () => next.logs.stats().acked.records === kept,
        () => next.logs.stats(),
      );
      // Each once: what was acked before did not come back.
      expect(destination.stored.length).toBe(100 - rejected.records);
      expect(new Set(numbers(destination.stored)).size).toBe(100 - rejected.records);
    });
  });

  it('writes once what was being written when the last words came', async () => {
    const { destination, logs } = setUp();
    destination.behave(() => down);
    logs.write(lines(500));
    const { spooler } = logs as unknown as { spooler: Spooler };
    while (spooler.held.records === 0) await new Promise(setImmediate);
    logs.spillSync();
    await logs.close();
    const { spooled, spool } = balanced(logs);
    expect([spooled.records, spool!.waiting.records]).toEqual([500, 500]);
  });

  it('books no verdict on what went to disk with the last words', async () => {
    const destination = scriptedDestination();
    let answer = (_: Verdict) => {};
    const { open: connect, ...rest } = destination.transport;
    const transport: typeof destination.transport = {
      ...rest,
      open: (...given) => ({
        ...connect(...given),
        send: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      }),
    };
    const { logs } = setUp({}, { ...destination, transport });
    logs.write(lines(50));
    await until(() => logs.stats().inFlight.records === 50);
    logs.spillSync();
    answer({ outcome: 'ack' });
    await logs.close();
    expect(balanced(logs)).toMatchObject({ acked: { records: 0 }, inFlight: { records: 0 }, spooled: { records: 50 } });
  });

  it('knows which batch was too large for its last words', () => {
    const { destination, logs } = setUp(
      { queue: { maxBytes: '128mb' }, batch: { maxBytes: '80mb', maxRecords: 1, lingerMs: 60_000 } },
      scriptedDestination({ maxBytes: 80 << 20, maxRecordBytes: 72 << 20 }),
    );
    destination.behave(() => ({ kind: 'hang' }));
    logs.write(lines(1, 0, 30, 64 << 20) + lines(1, 1));
    logs.spillSync();
    const { queued, spooled } = balanced(logs);
    expect(queued.records).toBe(1);
    expect(queued.bytes).toBeGreaterThan(64 << 20);
    expect(spooled.records).toBe(1);
    expect(spooled.bytes).toBeLessThan(1000);
  });

  describe('on a disk that hangs', () => {
    const key = 'a'.repeat(64);
    let keyFile = '';
    /** Whoever reads the key waits for us: a real call that does not return. */
    let writer = -1;
    beforeEach(() => {
      keyFile = join(directory, 'key');
      execFileSync('mkfifo', [keyFile]);
      writer = -1;
    });
    afterEach(() => {
      // Nobody is to wait for ever: that would keep the process.
      const end = openSync(keyFile, constants.O_RDWR | constants.O_NONBLOCK);
      writeSync(end, key);
      closeSync(end);
    });

    const isRead = () => {
      try {
        writer = openSync(keyFile, constants.O_WRONLY | constants.O_NONBLOCK);
        return true;
      } catch {
        return false;
      }
    };
    const goOn = () => {
      writeSync(writer, key);
      closeSync(writer);
    };

    function setUpHung(options: Omit<PipelineInput, 'spool'> = {}) {
      const runtime = simRuntime();
      const given = setUp({ ...options, spool: { encryption: { keyFile } } }, scriptedDestination(), runtime);
      const { spool } = (given.logs as unknown as { spooler: Spooler }).spooler;
      open.pop();
      return { ...given, runtime, idle: () => spool.answers(60_000) };
    }

    async function closesIn(ms: number, logs: Pipeline, runtime: SimRuntime) {
      let report: FlushReport | undefined;
      void logs.close({ deadlineMs: 0 }).then((given) => {
        report = given;
      });
      await runtime.advance(ms);
      return report;
    }

    it('close ends, and what is not on the disk is counted as dropped', async () => {
      const { runtime, destination, logs, idle } = setUpHung();
      destination.behave(() => down);
      logs.write(lines(50));
      await runtime.advance(100);
      await until(isRead);
      const report = await closesIn(2500, logs, runtime);
      goOn();
      await idle();
      expect(report).toMatchObject({
        settled: false,
        stats: { spooled: { records: 0 }, queued: { records: 0 }, droppedBy: { closed: { records: 50 } } },
      });
      balanced(logs);
    });

    describe('when it is read', () => {
      beforeEach(async () => {
        const { destination, logs } = setUp({ spool: { encryption: { key } } });
        destination.behave(() => down);
        await spooled(logs, 100);
        await logs.close();
      });

      it('close ends, and what is on the disk stays there', async () => {
        const { runtime, logs, idle } = setUpHung();
        await until(isRead);
        const report = await closesIn(2500, logs, runtime);
        goOn();
        await idle();
        expect(report).toMatchObject({ settled: true, stats: { recovered: { records: 0 }, dropped: { records: 0 } } });
        balanced(logs);
      });

      it('what is in memory goes on, and what is on the disk comes when that goes on', async () => {
        const { runtime, destination, logs, idle } = setUpHung({ send: { maxInFlight: 1 } });
        await until(isRead);
        logs.write(lines(50, 100));
        await runtime.advance(10_000);
        expect(numbers(destination.stored)).toEqual(upTo(150).slice(100));
        goOn();
        await until(() => logs.stats().spool!.state !== 'stalled');
        await runtime.until(() => destination.stored.length === 150);
        expect(balanced(logs).recovered.records).toBe(100);
        await closesIn(100, logs, runtime);
        await idle();
      });
    });
  });

  it('keeps rejected records as dead letters', async () => {
    const { destination, logs } = setUp();
    destination.behave(() => reply({ outcome: 'reject', reason: 'mapping' }));
    logs.write(lines(50));
    await until(() => logs.stats().rejected.records === 50);
    await logs.close();
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    expect(files.some(({ parentPath, name }) => statSync(join(parentPath, name)).size > 2000)).toBe(true);
  });

  it('splits and partly rejects what comes from the disk, exactly once', async () => {
    const { destination, logs } = setUp();
    destination.behave(() => down);
    logs.write(lines(1000));
    await until(
      () => logs.stats().spooled.records >= 900,
      () => logs.stats(),
    );
    destination.behave((batch, n) => {
      if (n % 3 === 0) return down;
      if (batch.count > 20) return reply({ outcome: 'split', reason: 'big' });
      const bad = upTo(batch.count).filter((i) => (batch.fields(i).i as number) % 100 === 7);
      return bad.length > 0 ? reply({ outcome: 'partial', retry: [], reject: bad, reason: 'bad' }) : ack;
    });
    await until(
      () => logs.stats().acked.records + logs.stats().rejected.records === 1000,
      () => logs.stats(),
    );
    expect(sorted(numbers(destination.stored))).toEqual(upTo(1000).filter((i) => i % 100 !== 7));
    balanced(logs);
  });

  it('with live first, new records do not wait for the backlog', async () => {
    const { destination, logs } = setUp({ spool: { drainBytesPerSecond: 20_000 } });
    destination.behave(() => down);
    logs.write(lines(5000));
    await until(
      () => logs.stats().spooled.records >= 4900,
      () => logs.stats(),
    );
    destination.behave(() => ack);
    await until(
      () => logs.stats().breaker === 'closed',
      () => logs.stats(),
    );
    logs.write(lines(50, 90_000));
    await until(() => numbers(destination.stored).includes(90_049));
    expect(logs.stats().spooled.records).toBeGreaterThan(3000);
    balanced(logs);
  });

  it('with oldest first, the backlog is delivered in order', async () => {
    const { destination, logs } = setUp({ spool: { drain: 'oldestFirst' }, send: { maxInFlight: 1 } });
    destination.behave(() => down);
    await spooled(logs, 2000);
    destination.behave(() => ack);
    logs.write(lines(100, 2000, 60));
    await until(
      () => logs.stats().acked.records === 2100,
      () => logs.stats(),
    );
    expect(numbers(destination.stored)).toEqual(upTo(2100));
  });

  it('with oldest first, new records do not pass by what the rate holds back', async () => {
    const { destination, logs } = setUp({
      spool: { drain: 'oldestFirst', drainBytesPerSecond: 100_000 },
      send: { maxInFlight: 1 },
    });
    destination.behave(() => down);
    await spooled(logs, 1000);
    destination.behave(() => ack);
    await until(
      () => logs.stats().breaker === 'closed',
      () => logs.stats(),
    );
    logs.write(lines(100, 1000));
    await until(
      () => logs.stats().acked.records === 1100,
      () => logs.stats(),
    );
    expect(numbers(destination.stored)).toEqual(upTo(1100));
  });

  it('goes on from memory when the disk is full, and counts what the quota cost', async () => {
    const { destination, logs } = setUp({
      queue: { maxBytes: '256kb' },
      spool: { maxBytes: '1mb', compression: 'none' },
    });
    destination.behave(() => down);
    for (let i = 0; i < 200; i++) {
      logs.write(lines(100, i * 100));
      await new Promise((done) => setTimeout(done, 1));
      const { queued, inFlight } = balanced(logs);
      expect(queued.bytes + inFlight.bytes).toBeLessThanOrEqual(256 * 1024);
    }
    expect(logs.stats().dropped.records).toBeGreaterThan(5000);
    destination.behave(() => ack);
    const settled = () => logs.stats().acked.records + logs.stats().dropped.records;
    await until(
      () => settled() >= 20_000 && logs.stats().spooled.records === 0,
      () => logs.stats(),
    );
    balanced(logs);
    const reported = destination.stored
      .map(({ line }) => JSON.parse(line))
      .filter((record) => record.spillway)
      .reduce((sum, { spillway }) => sum + spillway.records, 0);
    expect(new Set(numbers(destination.stored)).size).toBe(20_000 - logs.stats().dropped.records);
    expect(reported).toBeLessThanOrEqual(logs.stats().dropped.records);
    expect(reported).toBeGreaterThan(0);
  });
});
