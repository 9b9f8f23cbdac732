// The life of a destination as seen by a pipeline: healthy, down, back, ended in the middle of a delivery, back again.
// In: a transport, its real server, a way to read back the numbers that records carry. Out: what was lost, what came
// twice, and the pipeline's own account of it, which has to agree.

import {
  type AnyTransport,
  type Batch,
  imbalance,
  type PipelineInput,
  pipeline,
  type SendSettings,
  type Stats,
  systemRuntime,
  type Verdict,
} from '@spillway/core';
import { sendSettings } from '@spillway/testing';
import { expect } from 'vitest';
import { loki, type RunningServer, until } from '../servers/index.js';

/** What the scenario needs. */
export interface Delivery {
  readonly transport: AnyTransport;
  readonly server: RunningServer;
  /** The `n` of every record that the server has, in its order, repetitions included. */
  readBack(): Promise<number[]>;
  /** Records in each of the three parts. @default 5000 */
  readonly recordsPerPart?: number;
  /** How the server ends the second time, with deliveries under way. `stop` where a killed server loses what it had
   * acknowledged; `killIdle`, between deliveries, where a stopped one does too. @default 'kill' */
  readonly secondEnd?: 'kill' | 'stop' | 'killIdle';
  readonly options?: PipelineInput;
  /** The line of a record, for destinations that do not take any. @default `numbered` */
  line?(n: number): string;
}

/** What came of it. */
export interface Delivered {
  readonly stats: Stats;
  /** Records written, without the oversized one. */
  readonly written: number;
  /** Numbers that the server has, each once, ascending. */
  readonly found: readonly number[];
  readonly duplicates: number;
  /** Of these, the ones written before the second end: an outage that began between batches repeats nothing. */
  readonly earlyDuplicates: number;
}

/** A record as the scenario writes it. */
export function numbered(n: number): string {
  return `${JSON.stringify({ level: 30, time: Date.now(), pid: 7, hostname: 'h', n, msg: `record ${n} says "hello" \\ grüße 🌍` })}\n`;
}

/** Writes through an outage, an end in the middle of a delivery and an oversized record, and reads all of it back. */
export async function deliverThroughTrouble(delivery: Delivery): Promise<Delivered> {
  const { transport, server, recordsPerPart = 5000, secondEnd = 'kill', line = numbered } = delivery;
  const logs = pipeline(transport, {
    batch: { lingerMs: 20, maxRecords: 500 },
    retry: { attempts: 3, minMs: 50, maxMs: 500 },
    breaker: { failures: 3, cooldownMs: 300, probeMs: 300 },
    send: { timeoutMs: 5000 },
    warnings: 'off',
    ...delivery.options,
  });
  let written = 0;
  const write = async (count: number) => {
    for (let i = 0; i < count; i++) {
      logs.write(line(written++));
      if (i % 250 === 249) await new Promise((resolve) => setImmediate(resolve));
    }
  };

  await write(recordsPerPart);
  await settled(logs);

  await server.stop();
  await write(recordsPerPart);
  await until(() => logs.stats().breaker !== 'closed', { what: 'the outage to be noticed' });
  logs.write(`{"level":50,"msg":"${'x'.repeat(transport.limits.maxRecordBytes)}"}\n`);
  await server.restart();
  await settled(logs);

  const before = logs.stats().acked.records;
  await write(recordsPerPart);
  if (secondEnd === 'killIdle') await settled(logs);
  else await until(() => logs.stats().acked.records > before, { what: 'delivery to be under way', everyMs: 1 });
  await (secondEnd === 'stop' ? server.stop() : server.kill());
  await server.restart();
  await settled(logs);

  const { stats } = await logs.close();
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
  // What was acked is there, though some servers show it only after a while.
  let numbers: number[] = [];
  await until(
    async () => {
      numbers = await delivery.readBack();
      return new Set(numbers).size >= written;
    },
    { what: `${written} records to be found`, deadlineMs: 30_000, everyMs: 500 },
  ).catch(() => {});
  const found = [...new Set(numbers)].sort((a, b) => a - b);
  const early = numbers.filter((n) => n < 2 * recordsPerPart).length;
  const earlyFound = found.filter((n) => n < 2 * recordsPerPart).length;
  return {
    stats,
    written,
    found,
    duplicates: numbers.length - found.length,
    earlyDuplicates: early - earlyFound,
  };
}

/** Asserts that nothing is missing, and that the one oversized record is accounted for. */
export function expectComplete({ stats, written, found }: Delivered): void {
  const known = new Set(found);
  const missing = Array.from({ length: written }, (_, n) => n).filter((n) => !known.has(n));
  expect(missing.slice(0, 20), `${missing.length} of ${written} are missing; ${JSON.stringify(stats)}`).toEqual([]);
  expect(found.length).toBe(written);
  expect(stats.acked.records).toBe(written);
  expect(stats.rejected.records).toBe(1);
  expect(stats.dropped.records).toBe(0);
}

/** For destinations without a key: what had no answer when the receiver ended may be there twice, no more. */
export function expectFewTwice({ earlyDuplicates, duplicates }: Delivered): void {
  expect(earlyDuplicates).toBe(0);
  expect(duplicates).toBeLessThanOrEqual(8 * 500);
}

/** Runs with a Loki that nothing else has used. When Loki 3.7.6 is killed within a write to its log, the record that breaks
 * hides all that later segments hold: the first restart has none yet, a second one misses what was acknowledged since. */
export async function withLokiOfItsOwn(use: (server: Awaited<ReturnType<typeof loki.start>>) => Promise<void>) {
  const server = await loki.start();
  try {
    await use(server);
  } finally {
    await server.dispose();
  }
}

/** Settings with which an outage is noticed, and over, soon. */
export const impatient: PipelineInput = {
  batch: { lingerMs: 20 },
  retry: { attempts: 3, minMs: 50, maxMs: 200 },
  breaker: { failures: 3, cooldownMs: 200, probeMs: 200 },
  send: { timeoutMs: 2000 },
  warnings: 'off',
};

/** What a destination says to one batch, sent once and without a pipeline. */
export async function verdictOf(
  transport: AnyTransport,
  batch: Batch,
  { timeoutMs = 20_000, ...settings }: Partial<SendSettings> & { timeoutMs?: number } = {},
): Promise<Verdict> {
  const sender = transport.open(systemRuntime, { ...sendSettings, ...settings });
  try {
    return transport.classify(await sender.send(transport.encode(batch), AbortSignal.timeout(timeoutMs)), batch);
  } finally {
    await sender.close();
  }
}

async function settled(logs: ReturnType<typeof pipeline>): Promise<void> {
  const report = await logs.flush({ timeoutMs: 60_000 });
  expect(report.settled, JSON.stringify(report.stats)).toBe(true);
}
