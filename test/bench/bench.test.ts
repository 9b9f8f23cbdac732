// The benchmark runs, each of our ways to each protocol takes part, and none loses a record.
// Nothing is said about time here: figures come from `pnpm bench` on a quiet machine. Needs the packages to be built, and
// obtains two servers.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

interface Row {
  readonly name: string;
  readonly lost: number;
  readonly duplicates: number;
  readonly died?: string;
  readonly agent?: string;
  readonly cpuUs?: number;
}

const folder = mkdtempSync(join(tmpdir(), 'spillway-bench-test-'));
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));

interface Results {
  readonly scenarios: Readonly<Record<string, { readonly rows: readonly Row[] }>>;
  readonly way: { readonly rows: readonly Row[] };
}

/** Runs a command of the benchmark for one round and returns what it prints and saves. */
async function bench(command: string, ...args: string[]): Promise<Results & { stdout: string }> {
  files += 1;
  const file = join(folder, `${files}.json`);
  const path = fileURLToPath(new URL(command, import.meta.url));
  const all = [path, ...args, '--rounds', '1', '--json', file];
  const { stdout } = await promisify(execFile)(process.execPath, all);
  return { stdout, ...(JSON.parse(readFileSync(file, 'utf8')) as Results) };
}

it('delivers a burst in every way and protocol', async () => {
  const { scenarios, stdout } = await bench('run.mjs', '--only', 'spillway: !compressed', '--records', '3000');
  const { rows } = scenarios.burst!;
  expect(rows).toHaveLength(16);
  for (const row of rows) {
    expect(row, row.name).toMatchObject({ lost: 0, duplicates: 0 });
    expect(row.died, row.name).toBeUndefined();
    expect(row.cpuUs).toBeGreaterThan(0);
    expect(stdout).toContain(row.name);
  }
});

it('delivers what was logged right before the end of the process', async () => {
  const only = 'spillway: http compressed';
  const { scenarios } = await bench('run.mjs', '--scenario', 'exit', '--only', only, '--records', '3000');
  const { rows } = scenarios.exit!;
  expect(rows).toHaveLength(3);
  // What was on its way when the process ended may come again.
  for (const row of rows) expect(row, row.name).toMatchObject({ lost: 0 });
});

it('measures an agent beside the direct way', async () => {
  const { way } = await bench('way.mjs', '--records', '3000');
  expect(way.rows.filter((row) => row.agent)).toHaveLength(3);
  for (const row of way.rows) expect(row, row.name).toMatchObject({ lost: 0 });
});

it('keeps the page and its picture as the results say', async () => {
  const docs = new URL('../../docs/', import.meta.url);
  const read = (name: string) => readFileSync(new URL(name, docs), 'utf8');
  const { pageOf, pictureOf } = await import(new URL('page.mjs', import.meta.url).href);
  const results = JSON.parse(read('benchmarks.json'));
  expect(read('benchmarks.md')).toBe(pageOf(results));
  expect(read('benchmarks.svg')).toBe(pictureOf(results));
});
