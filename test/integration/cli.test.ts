// The built command beside a living application, and after that was killed: what it looks at is not disturbed, and what
// was left arrives, although the drain itself is stopped once and killed once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { imbalance, type Stats } from '@spillway/core';
import { type Receiver, receiver } from '@spillway/testing/receiver';
import { afterEach, beforeEach, expect, it } from 'vitest';

const RECORDS = 12_000;
/** Records in a batch of the application, and batches on their way at once. */
const BATCH = 100;
const IN_FLIGHT = 2;
const bin = fileURLToPath(new URL('../../packages/cli/dist/bin.js', import.meta.url));
const app = fileURLToPath(new URL('cli/app.mjs', import.meta.url));

let directory: string;
let target: Receiver;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'spillway-cli-'));
  target = await receiver();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await target.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(file: string, args: readonly string[]): { child: ChildProcess; done: Promise<Said> } {
  const child = spawn(process.execPath, [file, ...args]);
  children.push(child);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  return { child, done: once(child, 'close').then(([code]) => ({ code, stdout, stderr })) };
}

const spillway = (...args: string[]) => start(bin, args).done;
const drainArgs = () => [
  'drain',
  '--json',
  '--wait',
  '60',
  '--to',
  'http',
  '--set',
  `url=${target.url}/logs`,
  directory,
];

/** Asks the application for its stats. */
function asker(child: ChildProcess): () => Promise<Stats & { written: number }> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    child.stdin!.write('\n');
    return JSON.parse((await lines.next()).value as string) as Stats & { written: number };
  };
}

/** The directory of the living application. */
function queueOf(): string {
  const [folder] = readdirSync(directory);
  return join(directory, folder!, readdirSync(join(directory, folder!)).find((name) => name.startsWith('q-'))!);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('did not happen in time');
    await new Promise((turn) => setTimeout(turn, 20));
  }
}

it('looks at a living spool without disturbing it, and drains it once its owner is dead, stopped and killed itself', async () => {
  await target.mode({ kind: 'status', status: 503 });
  const child = spawn(process.execPath, [app, directory, `${target.url}/logs`, String(RECORDS)]);
  children.push(child);
  const stats = asker(child);
  await until(async () => (await stats()).spooled.records > 500);
  const queue = queueOf();

  for (const command of ['ls', 'inspect', 'verify']) {
    expect(await spillway(command, '--json', directory), command).toMatchObject({ code: 0, stderr: '' });
  }
  const { queues } = JSON.parse((await spillway('ls', '--json', directory)).stdout).folders[0];
  expect(queues).toMatchObject([{ owner: { state: 'alive', why: 'beaconLit', pid: child.pid } }]);
  const shown = (await spillway('cat', directory)).stdout.trim().split('\n');
  expect(shown.map((line) => JSON.parse(line).i).slice(0, 500)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  const skipped = await spillway(...drainArgs());
  expect(skipped.stderr).toContain('Skipped q-');
  expect(JSON.parse(skipped.stdout).folders[0]).toMatchObject({ found: { records: 0 }, skipped: [{ state: 'alive' }] });

  await until(async () => (await stats()).written === RECORDS);
  const alive = await stats();
  expect(queueOf()).toBe(queue);
  expect(alive.spool).toMatchObject({ state: 'ok', lost: { records: 0 }, corruptBytes: 0 });
  expect(alive).toMatchObject({ accepted: { records: RECORDS }, dropped: { records: 0 }, rejected: { records: 0 } });
  expect(imbalance(alive)).toEqual({ records: 0, bytes: 0 });
  expect((await target.stats()).records).toBe(0);

  child.kill('SIGKILL');
  await once(child, 'exit');
  await target.mode({ kind: 'slow', ms: 40 });
  const stopped = start(bin, drainArgs());
  await until(async () => (await target.stats()).unique >= RECORDS / 12);
  stopped.child.kill('SIGINT');
  const end = await stopped.done;
  expect(end.code).toBe(130);
  const [first] = JSON.parse(end.stdout).folders;
  expect(first.delivered.records + first.remaining.records).toBe(first.found.records + first.repeated);

  const killed = start(bin, drainArgs());
  await until(async () => (await target.stats()).unique >= RECORDS / 6);
  killed.child.kill('SIGKILL');
  await killed.done;
  expect((await target.stats()).unique).toBeLessThan(RECORDS);

  const last = await spillway(...drainArgs());
  expect(last.stderr).not.toContain('Gave up');
  const [report] = JSON.parse(last.stdout).folders;
  const arrived = await target.stats();
  expect(arrived.unique).toBe(RECORDS);
  // Both drains that did not end by themselves can have had as much on its way.
  expect(arrived.duplicates).toBeLessThanOrEqual(2 * IN_FLIGHT * BATCH);
  expect(report).toMatchObject({
    lost: { records: 0 },
    remaining: { records: 0 },
    repeated: 0,
    rejected: { records: 0 },
  });
  expect(report.found.records).toBe(report.delivered.records + report.duplicates.records);
  expect(last.code).toBe(0);
  expect(await spillway('ls', '--json', directory)).toMatchObject({ code: 0 });
  expect(readdirSync(join(directory, readdirSync(directory)[0]!))).toEqual([]);
  console.info(`drained ${arrived.unique} records, ${arrived.duplicates} of them twice`);
});
