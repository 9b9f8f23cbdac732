// The demo is the first thing that people run: it must account for every record, and say so when it cannot.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Receiver, receiver } from '@spillway/testing/receiver';
import { afterAll, beforeAll, expect, it } from 'vitest';

const file = fileURLToPath(new URL('../../examples/demo/demo.mjs', import.meta.url));

interface Outcome {
  logged: number;
  stats: { acked: { records: number }; dropped: { records: number } };
  viewer?: { accepted: number };
  problems: string[];
}

function demo(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [file, ...args], { timeout: 120_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

let target: Receiver;
beforeAll(async () => {
  target = await receiver();
});
afterAll(() => target?.close());

it('without a terminal ends by itself, with one line of JSON that adds up', async () => {
  const { code, stdout } = await demo('--records', '2000', '--json');
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  const outcome = JSON.parse(lines[0]!) as Outcome;
  expect(outcome.problems).toEqual([]);
  expect(outcome.logged).toBeGreaterThanOrEqual(2000);
  expect(outcome.stats.acked.records).toBe(outcome.logged);
  expect(outcome.viewer?.accepted).toBe(outcome.logged);
  expect(code).toBe(0);
});

it('ships to a destination of the user, and tells a person about it', async () => {
  const { code, stdout } = await demo('--records', '500', '--to', 'loki', '--url', target.url);
  expect(stdout).toContain("They went through pino and Spillway's worker to loki");
  expect(stdout).toMatch(/lost\s+0 dropped, 0 rejected/);
  expect((await target.stats()).records).toBeGreaterThanOrEqual(500);
  expect(code).toBe(0);
});

it('fails when records do not arrive', async () => {
  await target.mode({ kind: 'status', status: 400 });
  const { code, stdout } = await demo('--records', '100', '--json', '--to', 'http', '--url', `${target.url}/logs`);
  expect((JSON.parse(stdout) as Outcome).problems.join()).toMatch(/records lost/);
  expect(code).toBe(1);
});

it('asks for both halves of a destination', async () => {
  expect(await demo('--to', 'loki')).toMatchObject({ code: 2, stderr: expect.stringContaining('--url') });
});
