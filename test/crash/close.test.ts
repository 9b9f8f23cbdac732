// The natural end of a process: `close` is awaited, and nothing else is left that would keep the process alive.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, it } from 'vitest';

const run = promisify(execFile);
const child = fileURLToPath(new URL('close-child.mjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'spillway-close-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A URL where nobody listens. */
async function nowhere(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return `http://127.0.0.1:${typeof address === 'object' && address?.port}/logs`;
}

it.each([
  ['writes to the spool', [directory], '100 0'],
  ['counts', [], '0 100'],
])('%s what a destination that is gone did not take, before the process ends', async (_, args, said) => {
  const { stdout } = await run(process.execPath, [child, await nowhere(), ...args]);
  expect(stdout.trim()).toBe(said);
});
