import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { batchOf } from '@spillway/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { progressLine } from './progress.js';
import { Ground, spillway } from './test-kit/terminal.js';

let ground: Ground;
let server: Server;
let url: string;
let arrived: number[];
/** What the next requests are answered with. */
let answer: (request: number) => number;

beforeEach(async () => {
  ground = new Ground();
  arrived = [];
  answer = () => 204;
  let requests = 0;
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const status = answer(++requests);
      const lines = Buffer.concat(chunks).toString().trim().split('\n');
      if (status < 300) arrived.push(...lines.map((line) => JSON.parse(line).n));
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logs`;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await ground.clear();
});

const destination = () => `http ${url}`;
/** What a dead process left: batches of ten small records. */
async function left(batches: number, where = destination()): Promise<void> {
  const spool = ground.open({}, where);
  for (let i = 0; i < batches; i++) {
    const lines = Array.from({ length: 10 }, (_, k) => `{"level":30,"n":${10 * i + k}}`);
    await spool.append(batchOf(lines, { firstSequence: 10 * i }), 'normal');
  }
  await spool.close();
}
const numbers = (n: number) => Array.from({ length: n }, (_, i) => i);
const sorted = () => arrived.toSorted((a, b) => a - b);
const there = () => ['--to', 'http', '--set', `url=${url}`];
const plainly = () => [...there(), '--set', 'headers:={"x-from":"cli"}', ground.directory];

it('delivers what is left, and says numbers that add up', async () => {
  await left(5);
  const people = await spillway(['drain', '--dry-run', ...plainly()]);
  expect(people.stderr).toContain('50 records would be drained');
  expect(arrived).toEqual([]);
  const said = await spillway(['drain', '--json', ...plainly()]);
  expect(said.code).toBe(0);
  expect(said.json()).toMatchObject({
    command: 'drain',
    folders: [{ found: { records: 50 }, delivered: { records: 50 }, remaining: { records: 0 }, repeated: 0 }],
  });
  expect(sorted()).toEqual(numbers(50));
  const again = await spillway(['drain', ...plainly()]);
  expect(again).toMatchObject({ code: 0, stdout: '' });
});

it('takes the destination from the options of the application', async () => {
  await left(2);
  const file = `${ground.directory}/options.json`;
  const options = { to: ['http', { url }], spool: { directory: ground.directory }, send: { maxInFlight: 1 } };
  // What only concerns the stream of the application is in the same file.
  writeFileSync(file, JSON.stringify({ ...options, shutdown: 'auto', worker: true }));
  expect(await spillway(['drain', '--config', file])).toMatchObject({ code: 0 });
  expect(sorted()).toEqual(numbers(20));
});

it('leaves a living owner alone, and says so', async () => {
  const alive = ground.open({}, destination());
  await alive.append(batchOf(['{"n":1}']), 'normal');
  const said = await spillway(['drain', ...plainly()]);
  expect(said.stderr).toMatch(/Skipped q-[0-9a-f]{32}: alive \(its beacon is lit/);
  expect([said.code, arrived]).toEqual([0, []]);
});

it('does not mix destinations unless told to', async () => {
  await left(2, 'loki audit.example.com');
  const refused = await spillway(['drain', ...plainly()]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('was written for another destination');
  expect(arrived).toEqual([]);
  const { folders } = (await spillway(['ls', '--json', ground.directory])).json();
  expect(await spillway(['drain', ...there(), folders[0].path])).toMatchObject({ code: 0 });
  expect(sorted()).toEqual(numbers(20));
});

it('gives up with 3 where it is refused, keeps everything, and names no secret', async () => {
  await left(3);
  answer = () => 401;
  const args = ['drain', ...there(), '--set', 'bearerToken=hunter2', ground.directory];
  const said = await spillway(args);
  expect(said.code).toBe(3);
  expect(said.stderr).toContain('Gave up: ');
  expect(said.stderr).toContain('30  still on the disk');
  expect(said.stderr).not.toContain('hunter2');
  answer = () => 204;
  expect((await spillway(args)).code).toBe(0);
  expect(sorted()).toEqual(numbers(30));
});

it('gives up where nobody answers', async () => {
  await left(1);
  answer = () => 503;
  const said = await spillway(['drain', '--json', '--patience', '1', ...plainly()]);
  expect(said.code).toBe(3);
  expect(said.json().folders[0]).toMatchObject({ delivered: { records: 0 }, remaining: { records: 10 } });
});

it('ends in order when it is interrupted', async () => {
  await left(10);
  const stopping = new AbortController();
  answer = (request) => {
    if (request === 3) stopping.abort();
    return 204;
  };
  const said = await spillway(['drain', '--json', ...plainly()], { signal: stopping.signal });
  expect(said.code).toBe(130);
  const [{ delivered, remaining }] = said.json().folders;
  expect(delivered.records + remaining.records).toBe(100);
  expect(remaining.records).toBeGreaterThan(0);
  expect((await spillway(['drain', ...plainly()])).code).toBe(0);
  // What was on its way had its reply waited for.
  expect(sorted()).toEqual(numbers(100));
});

it('makes dead letters of what is refused, and retries them', async () => {
  await left(2);
  answer = () => 400;
  const said = await spillway(['drain', '--json', ...plainly()]);
  expect(said.code).toBe(1);
  expect(said.json().folders[0]).toMatchObject({ rejected: { records: 20 }, remaining: { records: 0 } });
  const still = await spillway(['dead-letters', 'retry', '--json', ...plainly()]);
  expect([still.code, still.json().folders[0].rejected]).toEqual([1, 20]);
  answer = () => 204;
  const retried = await spillway(['dead-letters', 'retry', ...plainly()]);
  expect(retried.code).toBe(0);
  expect(retried.stderr).toContain('20 dead letters delivered');
  expect(sorted()).toEqual(numbers(20));
  expect((await spillway(['dead-letters', 'retry', ...plainly()])).stderr).toContain('There are no dead letters');
});

it.each([
  [['drain', '/tmp'], 'Say where to'],
  [['drain', '--to', 'lokii', '/tmp'], "did you mean 'loki'?"],
  [['drain', '--to', 'http', '--set', 'url', '/tmp'], '--set takes path=value'],
  [['drain', '--to', 'http', '--set', 'headers:={hunter2', '/tmp'], '--set headers:=… takes JSON'],
  [['drain', '--to', 'stdout', '--json', '/tmp'], 'both write to stdout'],
  [['dead-letters', 'retry', '--to', 'stdout', '--json', '/tmp'], 'both write to stdout'],
  [['drain', '--to', 'http', '--set', 'urll=x', '/tmp'], 'did you mean `http.url`?'],
])('refuses %j', async (args, words) => {
  const said = await spillway(args);
  expect(said.code).toBe(2);
  expect(said.stderr).toContain(words);
  expect(said.stderr).not.toContain('hunter2');
});

it('gives the result on stdout where the records go to stderr', async () => {
  const said = await spillway(['drain', '--to', 'stdout', '--set', 'stream=stderr', '--json', ground.directory]);
  expect(said).toMatchObject({ code: 0, stderr: '' });
  expect(said.json()).toMatchObject({ command: 'drain', folders: [] });
});

it('draws a line with share, rate and time left', () => {
  expect(progressLine({ label: 'http-x', done: 2500, total: 10_000, rate: 500 })).toBe(
    '██████░░░░░░░░░░░░░░░░░░ 25 %  2,500 of 10,000  500/s  ETA 15 s  http-x',
  );
  expect(progressLine({ label: 'x', done: 0, total: 0, rate: 0 })).toContain('100 %');
});

it('draws on terminals only', async () => {
  await left(3);
  answer = () => 503;
  const args = ['drain', '--patience', '1', ...plainly()];
  const drawn = await spillway(args, { stderrIsTerminal: true, env: { NO_COLOR: '1' } });
  expect(drawn.stderr).toContain('\r\u001b[2K');
  expect(drawn.stderr).toContain('0 of 30');
  expect((await spillway(args)).stderr).not.toContain('\u001b');
});

it('takes the options of the route that is named', async () => {
  await left(3);
  const config = `${ground.directory}.json`;
  const spool = { directory: ground.directory };
  const other = { kind: 'audit', to: ['http', { url: 'http://127.0.0.1:9/audit' }] };
  writeFileSync(config, JSON.stringify({ spool, routes: [other, { level: 'info', to: ['http', { url }] }] }));
  const unnamed = await spillway(['drain', '--config', config]);
  expect(unnamed).toMatchObject({ code: 2 });
  expect(unnamed.stderr).toContain('--route');
  for (const wrong of ['0', '3']) {
    const { code, stderr } = await spillway(['drain', '--config', config, '--route', wrong]);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('of which there are 2') });
  }
  expect(await spillway(['drain', '--config', config, '--route', '1'])).toMatchObject({ code: 1 });
  expect(arrived).toEqual([]);
  expect(await spillway(['drain', '--config', config, '--route', '2'])).toMatchObject({ code: 0 });
  expect(sorted()).toEqual(numbers(30));
  rmSync(config);
});
