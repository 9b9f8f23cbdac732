import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchOf } from '@spillway/testing';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Finding, Wanted } from './doctor/finding.js';
import { checkHost } from './doctor/host.js';
import { supportedNode } from './doctor/node-version.js';
import { serverClock, sync } from './doctor/trial.js';
import { Ground, spillway } from './test-kit/terminal.js';

let ground: Ground;
let directory: string;
beforeEach(() => {
  ground = new Ground();
  directory = mkdtempSync(join(tmpdir(), 'spillway-doctor-'));
  // To lie in the directory for temporary files is a finding of its own, wherever these tests run.
  vi.stubEnv('TMPDIR', ground.directory);
});
afterEach(async () => {
  await ground.clear();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

const wanted: Wanted = {
  maxBytes: 512 * 2 ** 20,
  minFreeBytes: 0,
  sync: 'interval',
  durability: 'spill',
  deadlineMs: 5000,
  graceSeconds: 30,
};

async function findings(...args: string[]): Promise<Record<string, Finding>> {
  const { findings: list } = (await spillway(['doctor', '--json', ...args])).json();
  return Object.fromEntries((list as Finding[]).map((finding) => [finding.check, finding]));
}

it('measures the disk and leaves nothing behind', async () => {
  const found = await findings(directory);
  expect(found.sync!.found).toMatch(/^fdatasync takes \d+\.\d\d ms, at most .* rounds$/);
  expect(found).toMatchObject({
    node: { level: 'fine' },
    clock: { level: 'fine' },
    grace: { level: 'fine' },
    'server-clock': { level: 'fine' },
    beacon: { level: 'fine' },
    owners: { level: 'fine' },
  });
  expect(found).not.toHaveProperty('temporary');
  expect(readdirSync(directory)).toEqual([]);
  expect(await findings('--no-write', directory)).not.toHaveProperty('sync');
});

it('speaks to people, and warns with its exit code', async () => {
  const said = await spillway(['doctor', ground.directory]);
  expect(said).toMatchObject({ code: 1, stdout: '' });
  expect(said.stderr).toMatch(/warning {2}temporary +lies in the directory for temporary files/);
  expect(said.stderr).toContain('use a directory of its own');
});

it('finds what is wrong with a directory', async () => {
  const open = join(directory, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  expect((await findings(open)).permissions).toMatchObject({
    level: 'warning',
    advice: expect.stringContaining('o-w'),
  });
  expect((await findings(join(directory, 'none', 'yet'))).directory).toMatchObject({ level: 'hint' });
  writeFileSync(join(directory, 'file'), '');
  expect((await findings(join(directory, 'file'))).directory).toMatchObject({ level: 'error' });
});

it('compares the quota with the disk', async () => {
  const config = join(directory, 'options.json');
  const with_ = async (spool: object) => {
    writeFileSync(config, JSON.stringify({ spool: { directory, ...spool } }));
    return (await findings('--config', config)).space!.level;
  };
  expect(await with_({ maxBytes: '1mb', minFreeBytes: 0 })).toBe('fine');
  expect(await with_({ maxBytes: 2 ** 52, minFreeBytes: 0 })).toBe('warning');
});

it('tells what the dead left, what was refused, and what is not ours', async () => {
  const spool = ground.open();
  await spool.append(batchOf(['{"n":1}']), 'normal');
  await spool.deadLetters.append(batchOf(['{"n":2}']), 'no');
  await spool.close();
  const { folders } = (await spillway(['ls', '--json', ground.directory])).json();
  writeFileSync(join(folders[0].path, 'notes'), '');
  const found = await findings(ground.directory);
  expect(found['left-behind']).toMatchObject({ level: 'hint', found: '1 record of dead owners' });
  expect(found).toHaveProperty('dead-letters');
  expect(found['foreign-names']!.found).toBe('1 name');
});

it('knows the host', () => {
  const of = (change: Partial<Wanted>, env = {}, now = Date.now()) =>
    Object.fromEntries(checkHost({ ...wanted, ...change }, env, now).map((finding) => [finding.check, finding.level]));
  expect(of({ deadlineMs: 29_000 }).grace).toBe('warning');
  expect(of({ deadlineMs: 29_000, durability: 'journal' }).grace).toBe('hint');
  expect(of({}, {}, 0).clock).toBe('error');
  expect(of({}, { KUBERNETES_SERVICE_HOST: '10.0.0.1' })['storage-limit']).toBe('hint');
  expect(of({}, { SPILLWAY_EPHEMERAL_STORAGE_LIMIT: '100Mi' })['storage-limit']).toBe('hint');
  expect(of({}, { SPILLWAY_EPHEMERAL_STORAGE_LIMIT: '4Gi' })['storage-limit']).toBe('fine');
  expect(of({ keyFile: join(directory, 'none') })['key-file']).toBe('error');
  const key = join(directory, 'key');
  writeFileSync(key, '', { mode: 0o600 });
  expect(of({ keyFile: key })['key-file']).toBe('fine');
  chmodSync(key, 0o644);
  expect(of({ keyFile: key })['key-file']).toBe('warning');
});

it('judges versions, latencies and clocks', () => {
  expect(
    ['20.18.1', '20.20.2', '22.2.0', '22.15.0', '24.0.0', '26.1.0'].filter((each) => !supportedNode(each)),
  ).toEqual([]);
  expect(['18.20.0', '20.9.9', '20.18.0', '21.7.3', '22.0.0', '22.1.0'].filter(supportedNode)).toEqual([]);
  expect(sync([0.4, 0.5, 90], { sync: 'always' }).level).toBe('fine');
  expect(sync([8, 9, 10], { sync: 'interval' }).level).toBe('fine');
  expect(sync([8, 9, 10], { sync: 'always' }).level).toBe('warning');
  expect(sync([80, 90, 100], { sync: 'none' }).level).toBe('warning');
  expect([serverClock(100).level, serverClock(-9000).level]).toEqual(['fine', 'warning']);
});
