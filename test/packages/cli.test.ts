// The command line as users get it: packed, installed by npm, run by its bin on the oldest supported Node and on this one.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { install, nodeBinary, packAll, sizeOf, temporaryDirectory } from './tarballs.js';

const run = promisify(execFile);
const MAX_INSTALLED_BYTES = 5e6;

let workplace: Awaited<ReturnType<typeof temporaryDirectory>>;
let project: string;
let bin: string;

beforeAll(async () => {
  workplace = await temporaryDirectory('cli');
  const tarballs = Object.fromEntries((await packAll(workplace.path)).map(({ name, file }) => [name, file]));
  project = join(workplace.path, 'project');
  await install(
    project,
    ['core', 'transports', 'cli'].map((name) => tarballs[`@spillway/${name}`]!),
  );
  bin = join(project, 'node_modules', '.bin', 'spillway');
});

afterAll(() => workplace?.dispose());

it.each(['20.18.1', process.versions.node])('runs on Node %s', async (version) => {
  const node = version === process.versions.node ? process.execPath : await nodeBinary(version);
  const spool = join(workplace.path, `spool-${version}`);
  // Written by the package itself, by a process that ends in order.
  const app = `
    import { createSpool, systemRuntime, Batch } from '@spillway/core';
    const line = Buffer.from('{"n":1}\\n');
    const columns = { offsets: Uint32Array.of(0, line.length), times: Float64Array.of(0), levels: Uint16Array.of(30) };
    const spool = createSpool({ directory: ${JSON.stringify(spool)} }, { runtime: systemRuntime, destination: 'stdout x' });
    await spool.append(new Batch({ writer: 'w', firstSequence: 0, bytes: line, ...columns }), 'normal');
    await spool.close();
  `;
  await run(node, ['--input-type=module', '-e', app], { cwd: project });
  const spillway = (...args: string[]) => run(node, [bin, ...args], { cwd: project, timeout: 60_000 });
  expect((await spillway('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const listed = JSON.parse((await spillway('ls', '--json', spool)).stdout);
  expect(listed.totals).toMatchObject({ queues: 1, waiting: { records: 1 } });
  expect((await spillway('cat', spool)).stdout).toBe('{"n":1}\n');
  const args = ['--to', 'stdout', '--any-destination', spool];
  expect((await spillway('drain', ...args)).stdout).toBe('{"n":1}\n');
  expect(JSON.parse((await spillway('ls', '--json', spool)).stdout).totals.waiting.records).toBe(0);
});

it('can be required, and stays small', async () => {
  const app = "const { run, exitCodes } = require('@spillway/cli'); console.log(typeof run, exitCodes.usage);";
  expect((await run(process.execPath, ['-e', app], { cwd: project })).stdout).toBe('function 2\n');
  expect(existsSync(bin)).toBe(true);
  const total = await sizeOf(join(project, 'node_modules'));
  console.info(`@spillway/cli installed: ${(total / 1e6).toFixed(2)} MB`);
  expect(total).toBeLessThan(MAX_INSTALLED_BYTES);
});
