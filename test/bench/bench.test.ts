// The benchmark runs, each of our ways to each protocol takes part, and none loses or repeats a record.
// Nothing is said about time here: figures come from `pnpm bench` on a quiet machine. Needs the packages to be built.

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
  readonly cpuUs?: number;
}

const folder = mkdtempSync(join(tmpdir(), 'spillway-bench-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function bench(name: string, ...args: string[]) {
  const file = join(folder, `${name}.json`);
  const run = fileURLToPath(new URL('run.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [run, ...args, '--rounds', '1', '--json', file]);
  const { scenarios } = JSON.parse(readFileSync(file, 'utf8'));
  return { stdout, rows: Object.values(scenarios).flatMap((scenario) => (scenario as { rows: Row[] }).rows) };
}

it('delivers a burst in every way and protocol', async () => {
  const { rows, stdout } = await bench('burst', '--only', 'spillway: !compressed', '--records', '3000');
  expect(rows).toHaveLength(16);
  for (const row of rows) {
    expect(row, row.name).toMatchObject({ lost: 0, duplicates: 0 });
    expect(row.died, row.name).toBeUndefined();
    expect(row.cpuUs).toBeGreaterThan(0);
    expect(stdout).toContain(row.name);
  }
});

it('delivers what was logged right before the end of the process', async () => {
  const { rows } = await bench(
    'exit',
    '--scenario',
    'exit',
    '--only',
    'spillway: http compressed',
    '--records',
    '3000',
  );
  expect(rows).toHaveLength(3);
  for (const row of rows) expect(row, row.name).toMatchObject({ lost: 0, duplicates: 0 });
});
