import { readFileSync, writeFileSync } from 'node:fs';
import { batchOf } from '@spillway/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ground, spillway } from './test-kit/terminal.js';

let ground: Ground;
beforeEach(() => {
  ground = new Ground();
});
afterEach(() => ground.clear());

const secret = 'hunter2';
const line = (n: number, level = 30) => `{"level":${level},"time":${1_700_000_000_000 + n},"n":${n},"pw":"${secret}"}`;
const batch = (first: number, count: number, level = 30) =>
  batchOf(
    Array.from({ length: count }, (_, i) => line(first + i, level)),
    { firstSequence: first },
  );

/** Three batches of 4, 5 and 6 records, of which the first was acked, and one error. */
async function filled(options: object = {}): Promise<void> {
  const spool = ground.open({ compression: 'none', ...options });
  await spool.append(batch(1, 4), 'normal');
  await spool.append(batch(5, 5), 'normal');
  await spool.append(batch(10, 6), 'normal');
  await spool.append(batch(100, 1, 50), 'high');
  for (let drained = await spool.next(); drained; drained = await spool.next()) {
    if (drained.batch.firstSequence === 1) spool.ack(drained.receipt);
    else spool.release(drained.receipt);
    if (drained.batch.firstSequence === 1) break;
  }
  await spool.close();
}

describe('usage', () => {
  it('takes options from variables that hold them as JSON, as an application does', async () => {
    const env = { SPILLWAY_SPOOL: JSON.stringify({ directory: ground.directory, maxBytes: '2mb' }) };
    expect(await spillway(['ls', '--json'], { env })).toMatchObject({ code: 0 });
    const { findings } = (await spillway(['doctor', '--json', '--no-write'], { env })).json();
    expect(findings).toContainEqual(expect.objectContaining({ check: 'directory', path: ground.directory }));
  });

  it('explains itself', async () => {
    const help = await spillway(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('verify');
    expect((await spillway(['cat', '--help'])).stdout).toContain('--limit <n>');
    const about = async (...args: string[]) => (await spillway(args)).stdout;
    expect(await about('help', 'cat')).toBe(await about('cat', '--help'));
    expect(await about('help', 'dead-letters', 'retry')).toBe(await about('dead-letters', 'retry', '--help'));
    expect(await about('help')).toBe(help.stdout);
    expect(await spillway(['help', 'drian'])).toMatchObject({ code: 2, stderr: expect.stringContaining('drain?') });
    expect((await spillway([])).code).toBe(2);
    expect((await spillway(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['lss'], 'did you mean ls?'],
    [['ls', '--jsn'], 'did you mean --json?'],
    [['cat', '--limt', '3'], 'did you mean --limit?'],
    [['cat', '--limit'], '--limit needs a value: <n>'],
    [['cat', '--limit', 'many', '/tmp'], "--limit takes a whole number, got 'many'"],
    [['cat', '--limit', '1', '--limit', '2', '/tmp'], '--limit was given twice'],
    [['cat', '--since', 'yesterday', '/tmp'], '--since takes ISO 8601'],
    [['cat', '--since', '1700000000', '/tmp'], '--since takes ISO 8601 or ms since 1970'],
    [['ls', '--json=yes', '/tmp'], '--json takes no value'],
    [['ls'], 'Name a spool directory'],
    [['ls', '--lane', 'top', '/tmp'], '--lane takes high, normal or low'],
  ])('refuses %j', async (args, words) => {
    const said = await spillway(args);
    expect(said).toMatchObject({ code: 2, stdout: '' });
    expect(said.stderr).toContain(words);
  });

  it('says what it cannot read', async () => {
    const said = await spillway(['ls', `${ground.directory}/none`]);
    expect(said).toMatchObject({ code: 3, stderr: `Cannot read ${ground.directory}/none: ENOENT\n` });
  });

  it('finds the directory in the options of the application', async () => {
    await filled();
    const file = `${ground.directory}/options.json`;
    writeFileSync(file, JSON.stringify({ to: ['http', { url: 'http://h' }], spool: { directory: ground.directory } }));
    for (const said of [
      await spillway(['ls', '--json', '--config', file]),
      await spillway(['ls', '--json'], { env: { SPILLWAY_SPOOL__DIRECTORY: ground.directory } }),
    ]) {
      expect(said.json().totals.waiting.records).toBe(12);
    }
  });
});

describe('ls, inspect, verify', () => {
  it('tells people on stderr and programs on stdout', async () => {
    await filled();
    const people = await spillway(['ls', ground.directory]);
    expect(people).toMatchObject({ code: 0, stdout: '' });
    expect(people.stderr).toContain('12 records waiting in 2 segments');
    expect(people.stderr).toContain('dead (it left in order, pid');
    const programs = await spillway(['ls', '--json', ground.directory]);
    expect(programs.stderr).toBe('');
    expect(programs.json()).toMatchObject({
      command: 'ls',
      format: 1,
      totals: { queues: 1, segments: 2, waiting: { records: 12 }, lost: 0, damaged: 0 },
      folders: [{ queues: [{ owner: { state: 'dead', why: 'left' } }] }],
    });
  });

  it('paints only for a terminal that wants it', async () => {
    await filled();
    const painted = async (env: Record<string, string>) =>
      (await spillway(['ls', ground.directory], { stderrIsTerminal: true, env })).stderr.includes('\u001b[');
    expect([await painted({}), await painted({ NO_COLOR: '1' })]).toEqual([true, false]);
  });

  it('shows frames', async () => {
    await filled();
    const { stderr, code } = await spillway(['inspect', ground.directory]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/batch\s+4 records \(1…4\), level ≤ 30, 2023-11-14T22:13:20\.001Z .* none, acked/);
    const { segments } = (await spillway(['inspect', '--json', ground.directory])).json();
    expect(segments.flatMap(({ list }: { list: { records: number }[] }) => list.map(({ records }) => records))).toEqual(
      [4, 5, 6, 1],
    );
  });

  it('says exactly what damage costs, and never prints a record', async () => {
    await filled();
    const inspected = await spillway(['inspect', '--json', '--lane', 'normal', ground.directory]);
    const [{ path, list }] = inspected.json().segments;
    const bytes = readFileSync(path);
    bytes[list[1].offset + 150]! ^= 4;
    writeFileSync(path, bytes);
    const people = await spillway(['verify', ground.directory]);
    expect(people.code).toBe(1);
    expect(people.stderr).toContain(`at ${list[1].offset}: `);
    expect(people.stderr).toContain('2 segments, 1 damaged, 5 records lost');
    const programs = await spillway(['verify', '--json', ground.directory]);
    expect(programs.json()).toMatchObject({ totals: { segments: 2, unsound: 1, faults: 1, lostRecords: 5 } });
    for (const said of [inspected, people, programs, await spillway(['ls', '--json', ground.directory])]) {
      expect(said.stdout + said.stderr).not.toContain(secret);
    }
  });

  it('does not call damage what a living owner is about to end', async () => {
    const spool = ground.open({ compression: 'none' });
    await spool.append(batch(1, 4), 'normal');
    const [folder] = (await spillway(['ls', '--json', ground.directory])).json().folders;
    const { path } = folder.queues[0].segments[0];
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from('half a fra')]));
    expect((await spillway(['verify', ground.directory])).code).toBe(0);
    expect((await spillway(['ls', ground.directory])).code).toBe(0);
  });
});

describe('cat', () => {
  const printed = async (...args: string[]) =>
    (await spillway(['cat', ...args, ground.directory])).stdout.split('\n').filter(Boolean);
  const numbers = (lines: readonly string[]) => lines.map((text) => JSON.parse(text).n);

  it('prints what waits, byte for byte', async () => {
    await filled();
    const lines = await printed();
    expect(lines.toSorted()).toEqual(
      [100, ...Array.from({ length: 11 }, (_, i) => i + 5)].map((n) => line(n, n === 100 ? 50 : 30)).toSorted(),
    );
  });

  it('prints what was asked for', async () => {
    await filled();
    expect(numbers(await printed('--level', '50'))).toEqual([100]);
    expect(numbers(await printed('--limit', '3', '--lane', 'normal'))).toEqual([5, 6, 7]);
    expect(numbers(await printed('--since', '1700000000012', '--until', '2023-11-14T22:13:20.014Z'))).toEqual([12, 13]);
    expect(await printed('--since', '2024')).toEqual([]);
    expect(await printed('--since', '2023')).toHaveLength(12);
    expect(numbers(await printed('--all', '--lane', 'normal')).slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(await printed('--writer', 'nobody')).toEqual([]);
    const [first] = await printed('--json', '--lane', 'high');
    expect(JSON.parse(first!)).toEqual({
      id: 'w1-100',
      time: 1_700_000_000_100,
      level: 50,
      queue: expect.stringMatching(/^[0-9a-f]{32}$/),
      segment: 'h-0000000000000002.seg',
      settled: false,
      line: line(100, 50),
    });
  });

  it('needs the key of an encrypted spool', async () => {
    const key = 'cd'.repeat(32);
    await filled({ encryption: { key } });
    const without = await spillway(['cat', ground.directory]);
    expect(without).toMatchObject({ code: 1, stdout: '' });
    expect(without.stderr).toContain('--key-file');
    const file = `${ground.directory}/key`;
    writeFileSync(file, key);
    expect(await printed('--key-file', file)).toHaveLength(12);
    const fromEnv = await spillway(['cat', '--key-env', 'KEY', ground.directory], { env: { KEY: key } });
    expect(fromEnv.stdout.split('\n')).toHaveLength(13);
    const both = await spillway(['cat', '--key-file', file, '--key-env', 'KEY', ground.directory]);
    expect(both).toMatchObject({ code: 2, stdout: '' });
    expect(both.stderr).toContain('--key-file or --key-env, not both');
    writeFileSync(file, 'short');
    const wrong = await spillway(['cat', '--key-file', file, ground.directory]);
    expect(wrong.code).toBe(3);
    expect(wrong.stderr).toContain('no key of 32 bytes');
  });

  it('reads with the older keys of the options too, whatever names the key', async () => {
    const [older, newer] = ['cd'.repeat(32), 'ef'.repeat(32)];
    await filled({ encryption: { key: older } });
    const options = { spool: { directory: ground.directory, encryption: { key: older, previousKeys: [older] } } };
    const config = `${ground.directory}/options.json`;
    writeFileSync(config, JSON.stringify(options));
    const said = await spillway(['cat', '--config', config, '--key-env', 'KEY'], { env: { KEY: newer } });
    expect(said.stdout.split('\n')).toHaveLength(13);
  });

  it('lets nothing in a record act on a terminal', async () => {
    const spool = ground.open();
    await spool.append(batchOf(['{"msg":"\u001b[2J\u009b1m\u202e"}']), 'normal');
    const shown = await spillway(['cat', ground.directory], { stdoutIsTerminal: true });
    expect(shown.stdout).toBe('{"msg":"\\u001b[2J\\u009b1m\\u202e"}\n');
  });
});
