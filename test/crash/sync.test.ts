// With `durability: 'sync'` a line is on the disk when its log call returns: a process that is killed by SIGKILL in the very
// turn of the event loop in which it logged leaves every line behind.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spillway } from '@spillway/pino';
import { expect, it } from 'vitest';
import { waiting } from '../spool/reader.mjs';

const child = fileURLToPath(new URL('sync-child.mjs', import.meta.url));
const to = ['http', { url: 'http://127.0.0.1:9' }] as const;

it.each([1, 2, 50, 1000, 20_000])('%i lines before a SIGKILL are all there', async (records) => {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-sync-'));
  try {
    const running = spawn(process.execPath, [child, directory, String(records)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [, signal] = await once(running, 'exit');
    expect(signal).toBe('SIGKILL');
    const lines = waiting(directory).flatMap((batch: { records: { line: string }[] }) => batch.records);
    const numbers = lines.map(({ line }: { line: string }) => JSON.parse(line).i as number);
    expect(numbers.sort((a: number, b: number) => a - b)).toEqual(Array.from({ length: records }, (_, i) => i));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

it('is refused where a thread ships, which gets a line only after the log call has returned', () => {
  const spool = { directory: '/nowhere', durability: 'sync' } as const;
  expect(() => spillway({ to: [...to], worker: true, spool })).toThrow("'sync'");
});
