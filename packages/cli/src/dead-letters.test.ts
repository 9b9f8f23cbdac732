import { batchOf } from '@spillway/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Ground, spillway } from './test-kit/terminal.js';

let ground: Ground;
beforeEach(() => {
  ground = new Ground();
});
afterEach(() => ground.clear());

const secret = 'hunter2';
async function refused(options: object = {}): Promise<void> {
  const letters = ground.open(options).deadLetters;
  const line = (n: number) => `{"level":50,"time":1700000000000,"n":${n},"pw":"${secret}"}`;
  await letters.append(batchOf([line(1), line(2)]), 'too old');
  await letters.append(batchOf([line(3)], { firstSequence: 3 }), 'no such\u001b[31m field');
}

it('lists reasons, and nothing of the records', async () => {
  await refused();
  const people = await spillway(['dead-letters', 'ls', ground.directory]);
  expect(people).toMatchObject({ code: 0, stdout: '' });
  expect(people.stderr).toMatch(/2 {2}too old\n +1 {2}no such\\u001b\[31m field/);
  expect(people.stderr).toContain('3 dead letters in 1 file');
  const programs = await spillway(['dead-letters', 'ls', '--json', ground.directory]);
  expect(programs.json()).toMatchObject({ totals: { files: 1, letters: 3, unreadable: 0 }, files: [{ letters: 3 }] });
  expect(people.stderr + programs.stdout).not.toContain(secret);
});

it('shows letters, and records only when asked to', async () => {
  await refused();
  const plain = await spillway(['dead-letters', 'show', ground.directory]);
  expect(plain.stderr).toContain('w1-3  level 50  no such');
  const data = (await spillway(['dead-letters', 'show', '--json', ground.directory])).stdout;
  expect(plain.stderr + data).not.toContain(secret);
  const asked = await spillway(['dead-letters', 'show', '--json', '--records', '--limit', '1', ground.directory]);
  expect(asked.stdout.trim().split('\n')).toHaveLength(1);
  expect(JSON.parse(JSON.parse(asked.stdout).line)).toMatchObject({ n: 1, pw: secret });
  expect((await spillway(['dead-letters', 'show', '--records', ground.directory])).stderr).toContain(secret);
});

it('cannot read sealed letters without the key, and says so', async () => {
  const key = 'ab'.repeat(32);
  await refused({ encryption: { key } });
  const without = await spillway(['dead-letters', 'show', '--records', ground.directory]);
  expect(without.code).toBe(1);
  expect(without.stderr).toBe('3 lines cannot be read: torn, or sealed with another key\n');
  const args = ['dead-letters', 'show', '--records', '--key-env', 'KEY', ground.directory];
  expect(await spillway(args, { env: { KEY: key } })).toMatchObject({ code: 0 });
});

it('purges only what is meant', async () => {
  await refused();
  const letters = async () =>
    (await spillway(['dead-letters', 'ls', '--json', ground.directory])).json().totals.letters;
  const unasked = await spillway(['dead-letters', 'purge', ground.directory]);
  expect(unasked.code).toBe(3);
  expect(unasked.stderr).toContain('--yes');
  expect((await spillway(['dead-letters', 'purge', ground.directory], { ask: async () => 'n' })).code).toBe(3);
  expect(await letters()).toBe(3);
  expect((await spillway(['dead-letters', 'purge', ground.directory], { ask: async () => 'y' })).code).toBe(0);
  expect(await letters()).toBe(0);
  await refused();
  const purged = await spillway(['dead-letters', 'purge', '--yes', '--json', ground.directory]);
  expect(purged.json().freedBytes).toBeGreaterThan(300);
  expect(await letters()).toBe(0);
});

it('asks which of its commands is meant', async () => {
  expect(await spillway(['dead-letters'])).toMatchObject({ code: 2 });
});
