// Processes killed at random moments, one after the other and several at once, on one spool directory. In the end a last
// process takes out what is there: everything that a dead one could rely on, each byte as it was, and what was acked
// comes back only where a process died before its ack was on the disk.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { createSpool, systemRuntime } from '@spillway/core';
import { type SegmentSurvey, surveySpools } from '@spillway/core/spool';
import { seededRandom } from '@spillway/testing';
import { afterEach, expect, it } from 'vitest';

const ROUNDS = Number(process.env.SPILLWAY_CRASH_ROUNDS ?? 200);
const SEED = Number(process.env.SPILLWAY_CRASH_SEED ?? Date.now() % 1_000_000);
/** Most records that a process writes at once. */
const mostRecords = 20;
const child = fileURLToPath(new URL('spool-child.mjs', import.meta.url));

/** What processes said before they died. */
class Words {
  readonly promised = new Set<string>();
  readonly acked = new Set<string>();
  readonly batches: string[] = [];

  /** A word counts when all of it was said. */
  hear(said: string): void {
    for (const line of said.slice(0, said.lastIndexOf('\n')).split('\n')) {
      const [word, ...ids] = line.split(' ');
      if (word === '+') for (const id of ids) this.promised.add(id);
      if (word === 'a') for (const id of ids) this.acked.add(id);
      if (word === 'b') this.batches.push(ids[0]!);
    }
  }
}

/** Runs a process until it is killed, or, without a time, until it ends. */
async function live(args: readonly string[], words: Words, ms?: number): Promise<void> {
  const running = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  running.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const closed = once(running, 'close');
  if (ms !== undefined) {
    // Counted from its first word, or a slow start would mean that nothing was ever written.
    await Promise.race([once(running.stdout, 'data'), closed]);
    setTimeout(() => running.kill('SIGKILL'), ms);
  }
  await closed;
  words.hear(said);
}

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const act of cleanUp.splice(0)) act();
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-crash-'));
  cleanUp.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

interface Remains {
  /** How often each record came out. */
  readonly found: Map<string, number>;
  readonly corrupt: string[];
  readonly lost: number;
  /** Segments that are not what was written. */
  readonly damaged: readonly SegmentSurvey[];
}

/** Takes everything out of a directory. */
async function takeOut(directory: string): Promise<Remains> {
  const queues = (await surveySpools(directory)).flatMap((folder) => folder.queues);
  const damaged = queues
    .flatMap(({ segments }) => segments)
    .filter(({ lost, damage }) => lost.records + damage.length > 0);
  const spool = createSpool(
    { directory, minFreeBytes: 0, maxBytes: '4gb' },
    { runtime: systemRuntime, destination: 'crash', tuning: { silentMs: 0, foreignSilentMs: 1000, maxAttempts: 1e6 } },
  );
  const found = new Map<string, number>();
  const corrupt: string[] = [];
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; ) {
    await spool.scan();
    for (let drained = await spool.next(); drained; drained = await spool.next()) {
      for (let i = 0; i < drained.batch.count; i++) {
        const { id, sum, pad } = drained.batch.fields(i) as { id: string; sum: number; pad: string };
        if (id !== drained.batch.recordId(i) || crc32(id + pad) !== sum) corrupt.push(drained.batch.line(i).toString());
        found.set(id, (found.get(id) ?? 0) + 1);
      }
      spool.ack(drained.receipt);
    }
    const left = readdirSync(directory, { recursive: true }).map(String);
    if (!left.some((name) => name.endsWith('.seg'))) break;
    await new Promise((turn) => setTimeout(turn, 50));
  }
  const lost = spool.stats().lost.records;
  await spool.close();
  return { found, corrupt, lost, damaged };
}

function judge(words: Words, { found, corrupt, lost, damaged }: Remains, kills: number): void {
  const missing = [...words.promised].filter((id) => !words.acked.has(id) && !found.has(id));
  expect(missing.slice(0, 10)).toEqual([]);
  expect(corrupt.slice(0, 3)).toEqual([]);
  // Lost is only what a kill cut off in the middle of its write, which nobody was promised: a file's last frame.
  for (const { damage } of damaged) expect(damage).toEqual([expect.objectContaining({ kind: 'torn' })]);
  expect(lost).toBe(damaged.reduce((sum, segment) => sum + segment.lost.records, 0));
  expect(lost).toBeLessThanOrEqual(damaged.length * mostRecords);
  expect(damaged.length).toBeLessThan(kills / 4);
  // Twice at once never; what was acked, only as far as the acks that a death left in memory.
  expect([...found].filter(([, times]) => times > 1).slice(0, 10)).toEqual([]);
  const again = [...found.keys()].filter((id) => words.acked.has(id)).length;
  expect(again).toBeLessThan(kills * 100);
  expect(words.promised.size).toBeGreaterThan(kills * 10);
  console.log(`${kills} deaths, ${words.promised.size} promised, ${found.size} left, ${again} of them acked before`);
}

it.each(['spill', 'journal'])(`%s: ${ROUNDS} processes are killed and nothing is lost (seed ${SEED})`, async (mode) => {
  const random = seededRandom(SEED);
  const directory = temporary();
  const words = new Words();
  for (let round = 0; round < ROUNDS; round += 2) {
    // Two at a time, which adopt what earlier ones left, and each other's.
    const pair = [0, 1].map((i) => {
      return live([mode, directory, String(round + i), String(SEED + round + i)], words, random() * 150);
    });
    await Promise.all(pair);
  }
  judge(words, await takeOut(directory), ROUNDS);
});

it(`exit: last words of ${ROUNDS / 4} processes that end, throw or are told to (seed ${SEED})`, async () => {
  const directory = temporary();
  const words = new Words();
  for (let round = 0; round < ROUNDS / 4; round += 2) {
    await Promise.all([0, 1].map((i) => live(['exit', directory, String(round + i), String(SEED + round + i)], words)));
  }
  judge(words, await takeOut(directory), ROUNDS / 4);
});

it('lets exactly one of many processes take over a queue', async () => {
  const directory = temporary();
  const left = new Words();
  await Promise.all([1, 2, 3, 4, 5, 6].map((i) => live(['exit', directory, String(i), String(SEED + i)], left)));
  const taken = new Words();
  await Promise.all([1, 2, 3, 4, 5].map((i) => live(['drain', directory, `d${i}`, String(i)], taken)));
  expect(taken.batches.length).toBeGreaterThan(100);
  expect(new Set(taken.batches).size).toBe(taken.batches.length);
  expect([...left.promised].filter((id) => !taken.acked.has(id))).toEqual([]);
  expect(readdirSync(directory, { recursive: true }).filter((name) => String(name).endsWith('.seg'))).toEqual([]);
});
