// Threads that die: everything that they had taken is in a count, and the application goes on. The threads here do only
// what a test lets them do; real ones are in test/integration.

import { EventEmitter } from 'node:events';
import { writeSync } from 'node:fs';
import type { WorkerOptions } from 'node:worker_threads';
import { imbalance, noStats, type Stats } from '@spillway/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type InProcessStream, spillway } from '../in-process.js';
import { Account } from './account.js';
import type { HandOverData } from './messages.js';
import { RingReader } from './ring.js';

const threads = vi.hoisted(() => [] as FakeThread[]);

interface FakeThread extends EventEmitter {
  readonly data: HandOverData;
}

vi.mock('node:fs', { spy: true });
vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  Worker: class extends EventEmitter {
    readonly data: unknown;
    constructor(_file: unknown, { workerData }: WorkerOptions) {
      super();
      this.data = workerData;
      threads.push(this as never);
    }
    unref() {}
    terminate() {}
  },
}));

const name = { transport: 'http', destination: 'http://127.0.0.1:9' };
const none = { records: 0, bytes: 0 };
const line = '{"level":30}\n';
const of = (records: number) => ({ records, bytes: records * line.length });

let open: InProcessStream;

/** A stream with threads that do nothing by themselves. */
function stream(warnings: 'off' | 'stderr' = 'off') {
  open = spillway({ to: ['http', { url: name.destination }], worker: true, warnings, close: { deadlineMs: 50 } });
  return open;
}

/** Lets the latest thread take what is in the ring. */
function take(): string {
  let taken = '';
  const reader = new RingReader(threads.at(-1)!.data.ring);
  while (reader.read((bytes) => (taken += bytes.toString())));
  return taken;
}

/** Lets the latest thread tell its counts, and know more than that. */
function tell(told: Partial<Stats>, known = told): void {
  const { port, account } = threads.at(-1)!.data;
  port.postMessage({ type: 'stats', stats: { ...noStats(name), ...told } });
  new Account(account).write({ ...noStats(name), ...known });
}

/** Ends the latest thread in order. */
function end(): void {
  const report = { settled: true, stats: noStats(name) };
  threads.at(-1)!.data.port.postMessage({ type: 'closed', report });
  threads.at(-1)!.emit('exit', 0);
}

const die = () => threads.at(-1)!.emit('exit', 1);

function balanced(given: { stats(): Stats }): Stats {
  const stats = given.stats();
  expect(imbalance(stats), JSON.stringify(stats)).toEqual(none);
  return stats;
}

beforeEach(() => {
  threads.length = 0;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(async () => {
  vi.useRealTimers();
  const closed = open.close();
  end();
  await closed;
});

it('what one had taken and did not live to tell is lost with it', () => {
  const logs = stream();
  logs.write(line.repeat(10));
  logs.flushSync();
  take();
  tell({ accepted: of(4), acked: of(1), inFlight: of(3) }, { accepted: of(10), acked: of(3), queued: of(7) });
  die();
  expect(balanced(logs)).toMatchObject({ accepted: of(10), acked: of(3), droppedBy: { threadDied: of(7) } });
});

it('what several routes had is accounted for in each of them, and what is lost in the sum', () => {
  const to = ['http', { url: name.destination }] as const;
  open = spillway({
    routes: [{ kind: 'audit', to }, { to }],
    worker: true,
    warnings: 'off',
    close: { deadlineMs: 50 },
  });
  const part = { ...noStats(name), accepted: of(5) };
  const routes = (first: Partial<Stats>, second: Partial<Stats>) => [
    { ...part, ...first },
    { ...part, ...second },
  ];
  tell(
    { accepted: of(10), inFlight: of(10), routes: routes({ inFlight: of(5) }, { inFlight: of(5) }) },
    { routes: routes({ acked: of(2), queued: of(3) }, { spooled: of(4), queued: of(1) }) },
  );
  die();
  const stats = balanced(open);
  expect(stats).toMatchObject({ accepted: of(10), acked: of(2), spooled: of(4), droppedBy: { threadDied: of(4) } });
  expect(stats.routes).toMatchObject([{ acked: of(2) }, { spooled: of(4) }]);
  for (const route of stats.routes!) expect(imbalance(route)).toEqual(none);
  tell({
    accepted: of(3),
    acked: of(3),
    recovered: of(3),
    routes: routes({ accepted: none }, { accepted: of(3), acked: of(3), recovered: of(3) }),
  });
  die();
  expect(balanced(open)).toMatchObject({ accepted: of(10), acked: of(5), spooled: of(1) });
  expect(open.stats().routes).toMatchObject([{ acked: of(2) }, { acked: of(3), spooled: of(1) }]);
});

it('what it told last is heard, and what it dropped is not lost again', () => {
  const logs = stream();
  const dropped = { dropped: of(4), droppedBy: { queueFull: of(4) } };
  tell({ accepted: of(10), acked: of(6), ...dropped });
  die();
  expect(balanced(logs)).toMatchObject({ accepted: of(10), dropped: of(4), droppedBy: { queueFull: of(4) } });
});

it('what it had on the disk is not lost, and counts once when another finds it there', () => {
  const logs = stream();
  tell({ accepted: of(10), queued: of(6), spooled: of(4) });
  die();
  expect(balanced(logs)).toMatchObject({ accepted: of(10), spooled: of(4), dropped: of(6) });
  tell({ accepted: of(5), acked: of(2), recovered: of(3), spooled: of(3) });
  die();
  expect(balanced(logs)).toMatchObject({
    accepted: of(12),
    acked: of(2),
    spooled: of(4),
    dropped: of(6),
    recovered: none,
  });
});

it('of a line that it had in part, the rest is not taken for another', () => {
  const logs = stream();
  tell({ accepted: of(1), acked: of(1) });
  logs.write(Buffer.from(`${line}{"level"`));
  expect(take()).toBe(`${line}{"level"`);
  logs.write(Buffer.from(`:30}\n${line}`));
  die();
  expect(balanced(logs)).toMatchObject({ accepted: of(2), acked: of(1), dropped: of(1) });
  expect(take()).toBe(line);
});

it('at the end of the process, what one had taken that does nothing any more is lost', () => {
  const logs = stream();
  tell({ accepted: of(4), queued: of(4) }, { accepted: of(10), acked: of(3), queued: of(7) });
  logs.lastWords();
  expect(balanced(logs)).toMatchObject({ accepted: of(10), acked: of(3), droppedBy: { threadDied: of(7) } });
});

it('where one dies after the other, the next is given time, and the application does not do their work', async () => {
  const warned = vi.spyOn(process, 'emitWarning');
  stream();
  for (let deaths = 0; deaths < 6; deaths++) {
    tell({});
    die();
  }
  expect(threads).toHaveLength(6);
  vi.advanceTimersByTime(59_000);
  expect(threads).toHaveLength(6);
  vi.advanceTimersByTime(1000);
  expect(threads).toHaveLength(7);
  // That one lives for long.
  tell({});
  vi.advanceTimersByTime(60_000);
  die();
  expect(threads).toHaveLength(8);
  expect(warned).not.toHaveBeenCalled();
});

it('a close in the meantime tries once more, and counts what nobody takes', async () => {
  const logs = stream();
  for (let deaths = 0; deaths < 6; deaths++) {
    tell({});
    die();
  }
  logs.write(line.repeat(3));
  const closed = logs.close();
  expect(threads).toHaveLength(7);
  tell({});
  die();
  const { settled, stats } = await closed;
  expect(settled).toBe(false);
  expect(stats).toMatchObject({ accepted: of(3), droppedBy: { handOverStalled: of(3) } });
});

it('the destination is told of the loss, where nothing more is logged, too', () => {
  const logs = stream();
  tell({ accepted: of(7), queued: of(7) });
  die();
  void logs.close();
  expect(take()).toContain('"msg":"7 records dropped: threadDied"');
});

it('each death is said, the last of them at the end at the latest', async () => {
  const logs = stream('stderr');
  tell({ accepted: of(7), queued: of(7) });
  threads.at(-1)!.emit('error', new Error('heap out of memory'));
  die();
  tell({ accepted: of(2), queued: of(2) });
  die();
  const closed = logs.close();
  end();
  await closed;
  const died = 'spillway: the thread that ships to http (http://127.0.0.1:9) died, and with it';
  const said = vi.mocked(writeSync).mock.calls.map(([, text]) => text);
  expect(said).toEqual([
    `${died} 7 records: Error: heap out of memory\n`,
    `${died} 2 records: it exited with code 1\n`,
  ]);
});
