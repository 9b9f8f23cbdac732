// The benchmark of encoding knows every transport, and each of its ways works. Nothing is said about time here.
// Needs the packages to be built.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { registry } from '@spillway/transports';
import { expect, it } from 'vitest';

interface Row {
  readonly transport: string;
  readonly cpuUs: number;
  readonly wireBytes: number;
}

it('every transport is measured', async () => {
  const script = fileURLToPath(new URL('transports.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, '--json', '--round-ms', '1']);
  const [parse, ...rows] = (JSON.parse(stdout) as { rows: Row[] }).rows;
  expect(parse!.cpuUs).toBeGreaterThan(0);
  expect([...new Set(rows.map(({ transport }) => transport))]).toEqual(Object.keys(registry));
  for (const { transport, cpuUs, wireBytes } of rows) {
    expect(cpuUs, transport).toBeGreaterThan(0);
    expect(wireBytes, transport).toBeGreaterThan(100);
  }
});
