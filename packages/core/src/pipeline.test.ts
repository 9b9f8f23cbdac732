import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ack, type Behaviour, scriptedDestination, seededRandom, simRuntime } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import type { Batch } from './batch.js';
import type { PipelineInput } from './options/pipeline-options.js';
import { pipeline } from './pipeline.js';
import { imbalance, type Stats } from './stats.js';
import type { Verdict } from './transport.js';

const line = (i: number, pad = 0): string =>
  `${JSON.stringify({ level: 30, time: 1_700_000_000_000 + i, i, pad: 'x'.repeat(pad) })}\n`;
const lines = (count: number, from = 0, pad = 0) =>
  Array.from({ length: count }, (_, i) => line(from + i, pad)).join('');
const reply = (verdict: Verdict): Behaviour => ({ kind: 'reply', verdict });
const numbers = (stored: readonly { line: string }[]) => stored.map((each) => JSON.parse(each.line).i as number);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

function setUp(options: PipelineInput = {}, limits = {}) {
  const runtime = simRuntime();
  const destination = scriptedDestination(limits);
  const logs = pipeline(destination.transport, { warnings: 'off', ...options }, runtime);
  return { runtime, destination, logs };
}

function balanced(stats: Stats) {
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
}

describe('pipeline', () => {
  it('sends a batch when its linger is over, and nothing before', async () => {
    const { runtime, destination, logs } = setUp({ batch: { lingerMs: 1000 } });
    logs.write(lines(3));
    await runtime.advance(999);
    expect(destination.requests).toHaveLength(0);
    expect(logs.stats().queued.records).toBe(3);
    await runtime.advance(1);
    expect(numbers(destination.stored)).toEqual([0, 1, 2]);
    expect(logs.stats()).toMatchObject({ accepted: { records: 3 }, acked: { records: 3 }, queued: { records: 0 } });
  });

  it('sends full batches at once, in order, at most maxInFlight at a time', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 10 }, send: { maxInFlight: 3 } });
    let open = 0;
    let most = 0;
    destination.behave(() => {
      most = Math.max(most, ++open);
      runtime.after(50, () => open--);
      return { kind: 'reply', verdict: { outcome: 'ack' }, afterMs: 50 };
    });
    logs.write(lines(100));
    await runtime.until(() => logs.stats().acked.records === 100);
    expect(most).toBe(3);
    expect(
      numbers(destination.requests.flatMap((b) => upTo(b.count).map((i) => ({ line: b.line(i).toString() })))),
    ).toEqual(upTo(100));
  });

  it.each(['retry', 'reset'] as const)('retries the same bytes under the same id after a %s', async (kind) => {
    const { runtime, destination, logs } = setUp();
    destination.behave((_, n) =>
      n > 3 ? ack : kind === 'retry' ? reply({ outcome: 'retry', reason: '503' }) : { kind: 'reset' },
    );
    logs.write(lines(5));
    await runtime.until(() => logs.stats().acked.records === 5);
    expect(new Set(destination.requests.map((b) => b.id)).size).toBe(1);
    expect(new Set(destination.requests.map((b) => b.bytes.toString())).size).toBe(1);
    expect(logs.stats().sends).toMatchObject({ attempts: 4, retries: 3 });
    balanced(logs.stats());
  });

  it('obeys Retry-After with jitter and never before it', async () => {
    const { runtime, destination, logs } = setUp();
    const at: number[] = [];
    destination.behave((_, n) => {
      at.push(runtime.monotonic());
      return n > 1 ? ack : reply({ outcome: 'retry', reason: '429', afterMs: 20_000 });
    });
    logs.write(lines(1));
    await runtime.until(() => logs.stats().acked.records === 1);
    expect(at[1]! - at[0]!).toBeGreaterThanOrEqual(20_000);
    expect(at[1]! - at[0]!).toBeLessThanOrEqual(24_000);
  });

  it('obeys Retry-After with all batches, also when one that was on its way before is acked after it', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 1 }, send: { maxInFlight: 2 } });
    const at: number[] = [];
    destination.behave((_, n) => {
      at.push(runtime.monotonic());
      const verdict: Verdict = n === 1 ? { outcome: 'retry', reason: '429', afterMs: 20_000 } : { outcome: 'ack' };
      return { kind: 'reply', verdict, afterMs: n * 10 };
    });
    logs.write(lines(4));
    await runtime.until(() => logs.stats().acked.records === 4);
    expect(at.slice(0, 2)).toEqual([0, 0]);
    expect(Math.min(...at.slice(2))).toBeGreaterThanOrEqual(20_000);
  });

  it('gives up on an attempt after its timeout, and tries again', async () => {
    const { runtime, destination, logs } = setUp({ send: { timeoutMs: 2000 } });
    destination.behave((_, n) => (n > 1 ? ack : { kind: 'hang' }));
    logs.write(lines(1));
    await runtime.until(() => logs.stats().acked.records === 1);
    expect(logs.stats().lastError).toBe('no reply within 2000 ms');
  });

  it('goes on, and closes, also with a sender that does not heed its signal', async () => {
    const { runtime, destination } = setUp();
    const { transport } = destination;
    let heedless = 2;
    const open: typeof transport.open = (...args) => {
      const sender = transport.open(...args);
      return { ...sender, send: (...wire) => (heedless-- > 0 ? new Promise(() => {}) : sender.send(...wire)) };
    };
    const options = { warnings: 'off', send: { timeoutMs: 1000, maxInFlight: 1 } } as const;
    const logs = pipeline({ ...transport, open }, options, runtime);
    logs.write(lines(5));
    await runtime.until(() => logs.stats().acked.records === 5, 60_000);
    expect(logs.stats()).toMatchObject({ lastError: 'no reply within 1000 ms', sends: { attempts: 3 } });
    heedless = 1;
    logs.write(lines(5, 5));
    let closed = false;
    void logs.close({ deadlineMs: 100 }).then(() => {
      closed = true;
    });
    await runtime.until(() => closed, 5000);
    expect(logs.stats().droppedBy).toMatchObject({ closed: { records: 5 } });
    balanced(logs.stats());
  });

  it('splits down to the one record that cannot be taken', async () => {
    const { runtime, destination, logs } = setUp();
    destination.behave((batch) =>
      upTo(batch.count).some((i) => batch.fields(i).i === 77) ? reply({ outcome: 'split', reason: 'bad record' }) : ack,
    );
    logs.write(lines(100));
    await runtime.until(() => logs.stats().acked.records === 99);
    expect(numbers(destination.stored)).toEqual(upTo(100).filter((i) => i !== 77));
    expect(logs.stats().rejectedBy).toMatchObject({ 'bad record': { records: 1 } });
    expect(new Set(destination.stored.map(({ id }) => id)).size).toBe(99);
    balanced(logs.stats());
  });

  it('books a partial reply record by record, retrying only what it should', async () => {
    const { runtime, destination, logs } = setUp();
    destination.behave((_, n) =>
      n > 1 ? ack : reply({ outcome: 'partial', retry: [3, 1, 99], reject: [2], reason: 'mapping' }),
    );
    logs.write(lines(6));
    await runtime.until(() => logs.stats().acked.records === 5);
    expect(numbers(destination.stored)).toEqual([0, 4, 5, 1, 3]);
    expect(destination.requests[1]!.recordId(1)).toBe(destination.requests[0]!.recordId(3));
    expect(logs.stats()).toMatchObject({ rejected: { records: 1 } });
    balanced(logs.stats());
  });

  it('books a partial reply that only counts', async () => {
    const { runtime, destination, logs } = setUp();
    destination.behave(() => reply({ outcome: 'partial', retry: [], reject: 4, reason: 'too old' }));
    logs.write(lines(10));
    await runtime.until(() => logs.stats().inFlight.records === 0 && logs.stats().queued.records === 0);
    expect(logs.stats()).toMatchObject({ acked: { records: 6 }, rejected: { records: 4 } });
    balanced(logs.stats());
  });

  it('does not hammer a destination that keeps taking only a part', async () => {
    const { runtime, destination, logs } = setUp();
    destination.behave(() => reply({ outcome: 'partial', retry: [0], reject: [], reason: 'busy' }));
    logs.write(lines(3));
    await runtime.advance(60_000);
    expect(destination.requests.length).toBeLessThan(60);
    expect(logs.stats()).toMatchObject({ acked: { records: 2 } });
    balanced(logs.stats());
  });

  it('keeps everything through an outage, probes with one request at a time, and catches up', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 10, lingerMs: 100 } });
    let down = true;
    destination.behave(() => (down ? reply({ outcome: 'retry', reason: '503' }) : ack));
    for (let i = 0; i < 100; i++) {
      logs.write(lines(10, i * 10));
      await runtime.advance(600);
      balanced(logs.stats());
    }
    expect(logs.stats().breaker).not.toBe('closed');
    // Ten batches a second would have been sent; an open breaker lets one through every 5 to 15 s.
    expect(destination.requests.length).toBeLessThan(30);
    down = false;
    await runtime.until(() => logs.stats().acked.records === 1000);
    expect(numbers(destination.stored).sort((a, b) => a - b)).toEqual(upTo(1000));
    expect(logs.stats()).toMatchObject({ breaker: 'closed', dropped: { records: 0 } });
  });

  it('goes on after a probe that could not even be encoded', async () => {
    const { runtime, destination, logs } = setUp(
      {
        queue: { maxBytes: '64kb' },
        batch: { maxRecords: 1, lingerMs: 1 },
        send: { maxInFlight: 1 },
        retry: { attempts: 1 },
        breaker: { failures: 1 },
      },
      { maxBytes: 2000, maxRecordBytes: 5000 },
    );
    destination.behave((_, n) => (n > 1 ? ack : reply({ outcome: 'retry', reason: '503' })));
    logs.write(line(0));
    await runtime.advance(100);
    expect(logs.stats().breaker).toBe('open');
    // The one that failed gives way to others, all of them too large, so that the probe is one of these.
    for (let i = 1; i < 30; i++) logs.write(line(i, 3000));
    logs.write(lines(2, 30));
    await runtime.advance(60_000);
    expect(numbers(destination.stored).slice(0, 2)).toEqual([30, 31]);
    expect(logs.stats()).toMatchObject({ breaker: 'closed', queued: { records: 0 } });
    balanced(logs.stats());
  });

  it('holds on to the data while credentials are wrong, probing slowly', async () => {
    const { runtime, destination, logs } = setUp();
    let wrong = true;
    destination.behave(() => (wrong ? reply({ outcome: 'hold', reason: '401 unauthorized' }) : ack));
    logs.write(lines(5));
    await runtime.advance(300_000);
    expect(logs.stats()).toMatchObject({ breaker: 'held', queued: { records: 5 }, lastError: '401 unauthorized' });
    expect(destination.requests.length).toBeGreaterThan(3);
    expect(destination.requests.length).toBeLessThan(12);
    wrong = false;
    await runtime.until(() => logs.stats().acked.records === 5);
  });

  it.each([
    ['dropOldest', 'newest'],
    ['dropNewest', 'oldest'],
  ] as const)('with %s keeps the %s within the bound, and reports the hole when it can', async (whenFull, kept) => {
    const { runtime, destination, logs } = setUp({ queue: { maxBytes: '64kb', whenFull }, batch: { maxBytes: 4096 } });
    destination.behave(() => ({ kind: 'hang' }));
    for (let i = 0; i < 2000; i++) {
      logs.write(line(i, 100));
      const { queued, inFlight } = logs.stats();
      expect(queued.bytes + inFlight.bytes).toBeLessThanOrEqual(64 * 1024);
    }
    balanced(logs.stats());
    const lost = logs.stats().dropped.records;
    expect(lost).toBeGreaterThan(1000);
    destination.behave(() => ack);
    await runtime.until(() => logs.stats().queued.records === 0 && logs.stats().inFlight.records === 0);
    await runtime.advance(5000);
    const got = destination.stored.map(({ line: text }) => JSON.parse(text));
    const holes = got.filter((record) => record.spillway);
    expect(holes.reduce((sum, { spillway }) => sum + spillway.records, 0)).toBe(lost);
    expect(holes[0]).toMatchObject({ level: 40, spillway: { event: 'recordsDropped', reason: 'queueFull' } });
    const kepts = got.filter((record) => !record.spillway).map(({ i }) => i as number);
    expect(kepts).toHaveLength(2000 - lost);
    expect(kepts.includes(1999)).toBe(kept === 'newest');
    balanced(logs.stats());
  });

  it.each(['dropOldest', 'block'] as const)(
    'with %s sends the open batch when there is nothing else to make room',
    async (whenFull) => {
      const { runtime, destination, logs } = setUp({
        queue: { maxBytes: '64kb', whenFull },
        batch: { maxBytes: '1mb', lingerMs: 600_000 },
      });
      for (let i = 0; i < 300; i++) {
        if (!logs.write(line(i, 1000))) void logs.drained();
        await runtime.advance(1);
      }
      expect(destination.stored.length).toBeGreaterThan(200);
      // What comes while the batch is on its way.
      expect(logs.stats().dropped.records).toBeLessThan(10);
      balanced(logs.stats());
    },
  );

  it("with 'block' takes everything and says when to hold back", async () => {
    const { runtime, destination, logs } = setUp({
      queue: { maxBytes: '64kb', whenFull: 'block' },
      batch: { maxBytes: 4096 },
    });
    destination.behave(() => ({ kind: 'hang' }));
    let written = 0;
    while (logs.write(line(written, 100))) written++;
    written++;
    let drained = false;
    void logs.drained().then(() => {
      drained = true;
    });
    await runtime.advance(1000);
    expect(drained).toBe(false);
    destination.behave(() => ack);
    await runtime.until(() => drained);
    void logs.close();
    await runtime.until(() => destination.stored.length === written);
    expect(logs.stats().dropped.records).toBe(0);
  });

  it("with 'block' lets nobody go on because of what only comes back", async () => {
    const { runtime, destination, logs } = setUp({
      queue: { maxBytes: '64kb', whenFull: 'block' },
      batch: { maxBytes: 4096 },
      retry: { attempts: 1 },
    });
    destination.behave(() => reply({ outcome: 'retry', reason: '503' }));
    let written = 0;
    while (logs.write(line(written, 1000))) written++;
    let drained = false;
    void logs.drained().then(() => {
      drained = true;
    });
    await runtime.advance(60_000);
    expect(destination.requests.length).toBeGreaterThan(3);
    expect(drained).toBe(false);
    destination.behave(() => ack);
    await runtime.until(() => drained);
    expect(logs.stats().acked.records).toBeGreaterThan(0);
  });

  it('flush waits for what was written before it and not for what came after', async () => {
    const { runtime, destination, logs } = setUp({ batch: { lingerMs: 60_000 } });
    logs.write(lines(5));
    const flushed = logs.flush({ timeoutMs: 10_000 });
    logs.write(lines(5, 5));
    await runtime.until(() => destination.stored.length === 5);
    expect(await flushed).toMatchObject({ settled: true, stats: { acked: { records: 5 }, queued: { records: 5 } } });
  });

  it('flush waits for the oldest batch also when a younger one was given back after it', async () => {
    const { runtime, destination, logs } = setUp({
      batch: { maxRecords: 1, lingerMs: 1 },
      send: { maxInFlight: 2 },
      retry: { attempts: 1 },
      breaker: { failures: 1 },
    });
    const down = { outcome: 'retry', reason: '503' } as const;
    destination.behave((_, n) => (n > 2 ? ack : { kind: 'reply', verdict: down, afterMs: n * 100 }));
    logs.write(line(0));
    let settled = false;
    const flushed = logs.flush({ timeoutMs: 60_000 });
    void flushed.then(() => {
      settled = true;
    });
    logs.write(line(1));
    await runtime.advance(210);
    expect(logs.stats()).toMatchObject({ breaker: 'open', queued: { records: 2 } });
    expect(settled).toBe(false);
    await runtime.until(() => settled);
    expect(await flushed).toMatchObject({ settled: true, stats: { acked: { records: 1 } } });
    expect(numbers(destination.stored)[0]).toBe(0);
  });

  it('flush hears at once that what it waited for was dropped', async () => {
    const { runtime, destination, logs } = setUp({
      queue: { maxBytes: '64kb' },
      retry: { attempts: 1 },
      breaker: { failures: 1, cooldownMs: 3_600_000 },
    });
    destination.behave(() => reply({ outcome: 'retry', reason: '503' }));
    logs.write(line(0));
    const flushed = logs.flush({ timeoutMs: 60_000 });
    await runtime.advance(100);
    logs.write(lines(100, 1, 1000));
    await runtime.advance(100);
    const late = Promise.resolve('late');
    expect(await Promise.race([flushed, late])).toMatchObject({ settled: true });
  });

  it('flush knows of the batch of which its caller has just heard that it was sealed', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 1 } });
    destination.behave(() => ({ kind: 'hang' }));
    const flushes: Promise<{ settled: boolean }>[] = [];
    const listen = () => flushes.push(logs.flush({ timeoutMs: 1000 }));
    subscribe('spillway:batchSealed', listen);
    try {
      logs.write(lines(2));
    } finally {
      unsubscribe('spillway:batchSealed', listen);
    }
    await runtime.advance(1000);
    expect((await Promise.all(flushes)).map(({ settled }) => settled)).toEqual([false]);
  });

  it('flush gives up at its deadline and loses nothing by it', async () => {
    const { runtime, destination, logs } = setUp();
    destination.behave(() => ({ kind: 'hang' }));
    logs.write(lines(5));
    const reports = [logs.flush({ timeoutMs: 3000 }), logs.flush({ timeoutMs: 3000 })];
    await runtime.advance(3000);
    for (const report of await Promise.all(reports))
      expect(report).toMatchObject({ settled: false, stats: { inFlight: { records: 5 } } });
    destination.behave(() => ack);
    await runtime.until(() => logs.stats().acked.records === 5);
  });

  it('close delivers what it can by its deadline, counts the rest, and is idempotent', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 10 } });
    destination.behave((_, n) => (n > 2 ? { kind: 'hang' } : ack));
    logs.write(lines(100));
    const reports = [logs.close({ deadlineMs: 4000 }), logs.close()];
    logs.write(lines(1));
    await runtime.advance(4100);
    const [first, second] = await Promise.all(reports);
    expect(first).toBe(second);
    expect(first!.stats).toMatchObject({ acked: { records: 20 }, queued: { records: 0 }, inFlight: { records: 0 } });
    expect(logs.stats().droppedBy).toMatchObject({ closed: { records: 81 } });
    expect(destination.closed).toBe(1);
    balanced(logs.stats());
  });

  it('close does not wait for an open breaker: there may be no later', async () => {
    const { runtime, destination, logs } = setUp({
      retry: { attempts: 1 },
      breaker: { failures: 1, cooldownMs: 3_600_000 },
    });
    let down = true;
    destination.behave(() => (down ? reply({ outcome: 'retry', reason: '503' }) : ack));
    logs.write(lines(5));
    await runtime.advance(10_000);
    expect(logs.stats().breaker).toBe('open');
    const closing = logs.close({ deadlineMs: 5000 });
    await runtime.advance(1000);
    down = false;
    await runtime.until(() => logs.stats().acked.records === 5, 4000);
    expect((await closing).settled).toBe(true);
  });

  it.each([
    ['a backoff', undefined],
    ['what the destination asked for', 30_000],
  ])('close ends a wait between attempts: %s', async (_, afterMs) => {
    const { runtime, destination, logs } = setUp({
      batch: { lingerMs: 1 },
      retry: { minMs: 3_600_000, maxMs: 3_600_000 },
    });
    destination.behave((_, n) =>
      n > 2 ? ack : reply({ outcome: 'retry', reason: '429', ...(afterMs !== undefined && { afterMs }) }),
    );
    logs.write(lines(5));
    await runtime.advance(100);
    expect(destination.requests).toHaveLength(1);
    const closing = logs.close({ deadlineMs: 1000 });
    await runtime.until(() => logs.stats().acked.records === 5, 1000);
    expect((await closing).settled).toBe(true);
  });

  it('close tells the destination of what was dropped before it', async () => {
    const { runtime, destination, logs } = setUp({ queue: { maxBytes: '64kb' }, batch: { maxBytes: 4096 } });
    logs.write(lines(1000, 0, 300));
    const { dropped } = logs.stats();
    expect(dropped.records).toBeGreaterThan(500);
    const closing = logs.close();
    await runtime.advance(1000);
    const { settled, stats } = await closing;
    expect(settled).toBe(true);
    expect(stats.dropped).toEqual(dropped);
    expect(JSON.parse(destination.stored.at(-1)!.line)).toMatchObject({
      spillway: { reason: 'queueFull', ...dropped },
    });
    balanced(stats);
  });

  it('close does not hammer a destination that keeps failing', async () => {
    const { runtime, destination, logs } = setUp({ batch: { lingerMs: 1 } });
    destination.behave(() => reply({ outcome: 'retry', reason: '503' }));
    logs.write(lines(5));
    await runtime.advance(100);
    const closing = logs.close({ deadlineMs: 5000 });
    await runtime.advance(6000);
    await closing;
    expect(destination.requests.length).toBeLessThan(60);
    expect(logs.stats().droppedBy).toMatchObject({ closed: { records: 5 } });
  });

  it('close does not wait for a probe that hangs: the others are tried meanwhile', async () => {
    const { runtime, destination, logs } = setUp({
      batch: { maxRecords: 5 },
      retry: { attempts: 1 },
      breaker: { failures: 1, cooldownMs: 3_600_000 },
    });
    destination.behave(() => reply({ outcome: 'retry', reason: '503' }));
    logs.write(lines(10));
    await runtime.advance(10_000);
    destination.behave((_, n) => (n > 2 ? ack : { kind: 'hang' }));
    expect(logs.stats()).toMatchObject({ breaker: 'open', sends: { attempts: 1 } });
    const closing = logs.close({ deadlineMs: 5000 });
    await runtime.advance(250);
    expect(logs.stats().acked.records).toBe(5);
    await runtime.advance(5000);
    await closing;
  });

  it('is closed once also by a listener that closes it in the middle of that', async () => {
    const { runtime, destination, logs } = setUp();
    const reports: unknown[] = [];
    const listen = () => void logs.close().then((report) => reports.push(report));
    subscribe('spillway:batchSealed', listen);
    try {
      logs.write(lines(5));
      listen();
      await runtime.advance(1000);
    } finally {
      unsubscribe('spillway:batchSealed', listen);
    }
    expect(reports).toHaveLength(2);
    expect(reports[0]).toBe(reports[1]);
    expect(destination.closed).toBe(1);
  });

  it.each([
    ['hangs', () => new Promise<void>(() => {})],
    ['fails', () => Promise.reject(new Error('gone'))],
    [
      'throws',
      () => {
        throw new Error('gone');
      },
    ],
  ])('close ends also with a sender whose close %s', async (_, close) => {
    const { runtime, destination } = setUp();
    const { open, ...rest } = destination.transport;
    const transport = { ...rest, open: (...given: Parameters<typeof open>) => ({ ...open(...given), close }) };
    const logs = pipeline(transport, { warnings: 'off' }, runtime);
    logs.write(lines(5));
    let report: unknown;
    logs.close().then(
      (given) => {
        report = given;
      },
      (error) => {
        report = error;
      },
    );
    await runtime.advance(3000);
    expect(report).toMatchObject({ settled: true, stats: { acked: { records: 5 } } });
  });

  it('does nothing to the destination before there is something to send', async () => {
    const { destination, logs } = setUp();
    await logs.close();
    expect(destination.requests).toHaveLength(0);
  });

  it('rejects what cannot be encoded under the limit, one record at a time', async () => {
    const { runtime, destination, logs } = setUp({}, { maxBytes: 2000, maxRecordBytes: 5000 });
    logs.write(lines(3) + line(3, 3000) + lines(3, 4));
    void logs.flush();
    await runtime.until(() => logs.stats().acked.records === 6);
    expect(numbers(destination.stored)).toEqual([0, 1, 2, 4, 5, 6]);
    expect(logs.stats().rejectedBy).toMatchObject({ recordTooLarge: { records: 1 } });
    balanced(logs.stats());
  });

  it.each([
    ['without a word of it', (batch: Batch) => batch.fields(0), 'encode failed: not valid JSON'],
    [
      'in plain words',
      () => {
        throw new Error('no\u001b[2J way\nto encode');
      },
      'encode failed: no [2J way to encode',
    ],
  ])('says %s that a record cannot be encoded', async (_, encode, reason) => {
    const { runtime, destination } = setUp();
    const transport = { ...destination.transport, encode: (batch: Batch) => encode(batch) as never };
    const logs = pipeline(transport, { warnings: 'off' }, runtime);
    logs.write('{"level":30,"time":1700000000000,"password":hunter2}\n');
    await runtime.until(() => logs.stats().rejected.records === 1);
    expect(Object.keys(logs.stats().rejectedBy)).toEqual([reason]);
  });

  it('rejects what a transport cannot measure, and goes on', async () => {
    const { runtime, destination } = setUp();
    const sizeOf = (batch: Batch) => {
      if (batch.bytes.includes('odd')) throw new Error('odd');
      return batch.bytes.length;
    };
    const logs = pipeline({ ...destination.transport, sizeOf }, { warnings: 'off' }, runtime);
    logs.write(`${line(0)}{"level":30,"time":1700000000000,"msg":"odd"}\n${line(1)}`);
    await runtime.until(() => logs.stats().acked.records === 2);
    expect(logs.stats().rejectedBy).toMatchObject({ 'encode failed: odd': { records: 1 } });
    expect(numbers(destination.stored)).toEqual([0, 1]);
  });

  it('rejects text that is too large as a record, and drops nothing to make room for it', async () => {
    const { runtime, destination, logs } = setUp({ queue: { maxBytes: '64kb' } });
    logs.write(lines(100));
    logs.write(`${'\u0001'.repeat(20_000)}\n`);
    await runtime.until(() => logs.stats().acked.records === 100);
    expect(numbers(destination.stored)).toEqual(upTo(100));
    expect(logs.stats()).toMatchObject({ rejectedBy: { recordTooLarge: { records: 1 } }, dropped: { records: 0 } });
    balanced(logs.stats());
  });

  it('publishes events per batch', async () => {
    const { runtime, logs } = setUp();
    const seen: unknown[] = [];
    const listen = (message: unknown) => seen.push(message);
    subscribe('spillway:batchAcked', listen);
    logs.write(lines(3));
    await runtime.until(() => logs.stats().acked.records === 3);
    unsubscribe('spillway:batchAcked', listen);
    expect(seen).toMatchObject([{ records: 3, attempts: 1 }]);
  });

  it('has counts that add up whenever something is heard of it', async () => {
    const { runtime, destination, logs } = setUp({
      queue: { maxBytes: '64kb' },
      batch: { maxRecords: 10, lingerMs: 1 },
    });
    const partly: Verdict = { outcome: 'partial', retry: [1], reject: [0], reason: 'some' };
    destination.behave((_, n) => [ack, reply({ outcome: 'reject', reason: '400' }), reply(partly)][n % 3]!);
    const heard = new Set<string | symbol>();
    const off: unknown[] = [];
    const listen = (_: unknown, name: string | symbol) => {
      heard.add(name);
      const { records, bytes } = imbalance(logs.stats());
      if (records !== 0 || bytes !== 0) off.push({ name, records, bytes });
    };
    const names = ['batchSealed', 'batchAcked', 'batchRetried', 'recordsRejected', 'recordsDropped'];
    for (const name of names) subscribe(`spillway:${name}`, listen);
    try {
      logs.write(lines(15));
      await runtime.advance(10_000);
      logs.write(lines(500, 15, 300));
      await runtime.advance(10_000);
    } finally {
      for (const name of names) unsubscribe(`spillway:${name}`, listen);
    }
    expect(heard.size).toBe(names.length);
    expect(off).toEqual([]);
  });

  it('takes what listeners to its events log to it, in the middle of a write too', async () => {
    const { runtime, destination, logs } = setUp({ batch: { maxRecords: 10 } });
    let heard = 0;
    const listen = () => {
      if (heard < 5) logs.write(line(1000 + heard++));
    };
    subscribe('spillway:batchSealed', listen);
    try {
      logs.write(lines(100));
      await new Promise(setImmediate);
      await runtime.advance(5000);
    } finally {
      unsubscribe('spillway:batchSealed', listen);
    }
    const stats = logs.stats();
    expect(stats.acked.records).toBe(105);
    balanced(stats);
    expect(numbers(destination.stored).sort((a, b) => a - b)).toEqual([...upTo(100), 1000, 1001, 1002, 1003, 1004]);
  });

  it('comes to an end with a listener that logs every loss to it, open and closed', async () => {
    const { runtime, destination, logs } = setUp({ queue: { maxBytes: '64kb', whenFull: 'dropNewest' } });
    destination.behave(() => ({ kind: 'hang' }));
    const listen = () => logs.write(line(7));
    subscribe('spillway:recordsDropped', listen);
    try {
      logs.write(lines(200, 0, 1000));
      const closed = logs.close({ deadlineMs: 10 });
      await runtime.advance(5000);
      await closed;
      logs.write(line(8));
    } finally {
      unsubscribe('spillway:recordsDropped', listen);
    }
    await new Promise(setImmediate);
    const stats = logs.stats();
    expect(stats.accepted.records).toBe(stats.dropped.records);
    expect(stats.accepted.records).toBeGreaterThan(201);
    balanced(stats);
  });

  it('refuses options that the transport cannot keep', () => {
    const { transport } = scriptedDestination({ maxBytes: 1 << 20 });
    expect(() => pipeline(transport, { batch: { maxBytes: '2mb' } })).toThrow(
      "Expected `batch.maxBytes` to be at most '1mb', the limit of the transport 'scripted', got '2mb'",
    );
    expect(() => pipeline(transport, { batch: { linger: 5 } } as PipelineInput)).toThrow(
      'did you mean `batch.lingerMs`?',
    );
  });
});

describe('simulation', () => {
  const verdicts: Behaviour[] = [
    reply({ outcome: 'retry', reason: '503' }),
    reply({ outcome: 'retry', reason: '429', afterMs: 3000 }),
    reply({ outcome: 'split', reason: '413' }),
    reply({ outcome: 'hold', reason: '403' }),
    reply({ outcome: 'reject', reason: '400' }),
    { kind: 'reply', verdict: { outcome: 'ack' }, afterMs: 700 },
    { kind: 'hang' },
    { kind: 'reset' },
    { kind: 'reset', stores: true },
  ];
  const seeds = process.env.SPILLWAY_SIM_SEED
    ? [Number(process.env.SPILLWAY_SIM_SEED)]
    : upTo(Number(process.env.SPILLWAY_SIM_RUNS ?? 12));

  it.each(seeds)('seed %i: conserves every record, keeps every bound and word, ends', async (seed) => {
    const random = seededRandom(seed);
    const few = () => Math.floor(random() ** 2 * 20);
    const runtime = simRuntime(seed);
    const destination = scriptedDestination();
    const whenFull = (['dropOldest', 'dropNewest', 'block'] as const)[seed % 3]!;
    const maxBytes = 64 * 1024;
    const logs = pipeline(
      destination.transport,
      {
        warnings: 'off',
        queue: { maxBytes, whenFull },
        batch: { maxRecords: 50, lingerMs: 200 },
        send: { timeoutMs: 1500, maxInFlight: 1 + (seed % 4) },
        retry: { attempts: 1 + few() },
        breaker: { failures: 1 + few() },
      },
      runtime,
    );
    const inMemory = ({ queued, inFlight }: Stats) => queued.bytes + inFlight.bytes;
    const unsettled = ({ queued, inFlight }: Stats) => queued.records + inFlight.records;

    let calm = false;
    let settledUpTo = 0;
    const sentAgain: number[] = [];
    destination.behave((batch) => {
      sentAgain.push(
        ...upTo(batch.count)
          .map((i) => batch.fields(i).i as number)
          .filter((i) => i < settledUpTo),
      );
      if (calm || random() < 0.5) return ack;
      if (random() < 0.2) {
        const pick = () => upTo(batch.count).filter(() => random() < 0.2);
        return reply({ outcome: 'partial', retry: pick(), reject: pick(), reason: 'some' });
      }
      return verdicts[Math.floor(random() * verdicts.length)]!;
    });

    // One writer, which holds back when it is asked to and goes on as soon as it may.
    const chunks: number[] = [];
    let written = 0;
    let writing = false;
    const write = async () => {
      if (writing) return;
      writing = true;
      try {
        for (let count = chunks.shift(); count !== undefined; count = chunks.shift()) {
          const chunk = lines(count, written, Math.floor(random() * 400));
          if (whenFull === 'block') expect(inMemory(logs.stats())).toBeLessThan(maxBytes);
          const goOn = logs.write(chunk);
          written += count;
          expect(inMemory(logs.stats())).toBeLessThanOrEqual(maxBytes + (whenFull === 'block' ? chunk.length : 0));
          if (!goOn) await logs.drained();
        }
      } finally {
        writing = false;
      }
    };

    // What was accepted before a flush that has settled is not in memory, and is never sent again.
    const flush = async () => {
      const before = { written, accepted: logs.stats().accepted.records };
      const { settled, stats } = await logs.flush({ timeoutMs: random() * 20_000 });
      if (!settled) return;
      expect(unsettled(stats)).toBeLessThanOrEqual(stats.accepted.records - before.accepted);
      settledUpTo = Math.max(settledUpTo, before.written);
    };

    const done: Promise<void>[] = [];
    for (let step = 0; step < 60; step++) {
      chunks.push(...upTo(few()).map(few));
      done.push(write());
      if (random() < 0.4) done.push(flush());
      await runtime.advance(random() ** 4 * 8000);
      const stats = logs.stats();
      balanced(stats);
      for (const tally of [stats.queued, stats.inFlight, stats.acked]) expect(tally.records).toBeGreaterThanOrEqual(0);
    }
    calm = true;
    await runtime.until(() => !writing && unsettled(logs.stats()) === 0);
    await runtime.advance(5000);
    const { stats } = await logs.close();
    await Promise.all(done);
    expect(sentAgain).toEqual([]);
    balanced(stats);
    const own = destination.stored.filter(({ line: text }) => !text.includes('"spillway"'));
    // Reports of losses are records too, and may themselves be lost.
    const reports = stats.accepted.records - written;
    expect(reports).toBeGreaterThanOrEqual(0);
    expect(reports).toBeLessThan(60);
    expect(unsettled(stats)).toBe(0);
    expect(new Set(destination.stored.map(({ id }) => id)).size).toBeGreaterThanOrEqual(stats.acked.records);
    expect(numbers(own).every((i) => i < written)).toBe(true);
  });
});
