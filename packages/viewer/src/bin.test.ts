// The command, built as it ships: its own process, the store on its own thread, real signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { call, ingest, records, temporaryDirectory, until } from './http/test-client.js';

const source = fileURLToPath(new URL('..', import.meta.url));
let built: string;

beforeAll(async () => {
  // Inside node_modules, so that the dependencies are found from there.
  mkdirSync(join(source, 'node_modules'), { recursive: true });
  built = mkdtempSync(join(source, 'node_modules/.built-'));
  cpSync(join(source, 'package.json'), join(built, 'package.json'));
  cpSync(join(source, 'page'), join(built, 'page'), { recursive: true });
  await build({
    entry: { bin: join(source, 'src/bin.ts'), worker: join(source, 'src/worker.ts') },
    outDir: join(built, 'dist'),
    format: 'esm',
    target: 'node20',
    config: false,
    external: ['node-sqlite3-wasm'],
    silent: true,
  });
});

afterAll(() => rmSync(built, { recursive: true, force: true }));

test('--json prints one line with the url, records go in and come out, SIGTERM ends it cleanly', async () => {
  const directory = temporaryDirectory();
  const running = start(['--json', '--port', '0', '--directory', directory]);
  const { url, pid } = await ready(running);
  expect(pid).toBe(running.child.pid);
  expect((await ingest(url, '{"level":30,"msg":"hello"}')).status).toBe(204);
  expect(await records(url, { query: 'hello' })).toHaveLength(1);
  expect((await call(`${url}/`)).text).toContain('<title>Spillway</title>');
  running.child.kill('SIGTERM');
  expect(await running.ended).toEqual({ code: 0, signal: null });
  expect(running.out().trim().split('\n')).toHaveLength(1);
  const again = start(['--json', '--port', '0', '--directory', directory]);
  expect(await records((await ready(again)).url)).toHaveLength(1);
  again.child.kill('SIGINT');
  expect(await again.ended).toEqual({ code: 0, signal: null });
});

test('what was acknowledged survives kill -9, exactly once when its batch comes again', {
  timeout: 120_000,
}, async () => {
  const directory = temporaryDirectory();
  const acked = new Set<number>();
  const batch = (n: number) => Array.from({ length: 50 }, (_, i) => JSON.stringify({ n: n * 50 + i })).join('\n');
  let next = 0;
  for (let round = 0; round < 3; round++) {
    const running = start(['--json', '--port', '0', '--directory', directory]);
    const { url } = await ready(running);
    const send = async () => {
      for (;;) {
        const n = next++;
        const status = await ingest(url, batch(n), { 'idempotency-key': `b${n}` }).then(
          (reply) => reply.status,
          () => 0,
        );
        if (status !== 204) return;
        acked.add(n);
      }
    };
    const before = acked.size;
    const senders = [send(), send(), send()];
    await until(() => acked.size >= before + 20 + round * 7);
    running.child.kill('SIGKILL');
    await Promise.all([...senders, running.ended]);
  }
  const last = start(['--json', '--port', '0', '--directory', directory]);
  const { url } = await ready(last);
  // The senders do not know what became of the batches that were under way: they send everything again.
  for (let n = 0; n < next; n++) expect((await ingest(url, batch(n), { 'idempotency-key': `b${n}` })).status).toBe(204);
  const counts = new Map<number, number>();
  for (let after = '0'; ; ) {
    const page = await records(url, { order: 'oldest', limit: '1000', after });
    for (const { record } of page)
      counts.set((record as { n: number }).n, (counts.get((record as { n: number }).n) ?? 0) + 1);
    if (page.length === 0) break;
    after = String(page.at(-1)!.id);
  }
  expect(counts.size).toBe(next * 50);
  expect(new Set(counts.values())).toEqual(new Set([1]));
});

test('--help and --version print and end', async () => {
  const help = start(['--help']);
  expect(await help.ended).toMatchObject({ code: 0 });
  expect(help.out()).toMatch(/^Usage: spillway-viewer/);
  const version = start(['--version']);
  expect(await version.ended).toMatchObject({ code: 0 });
  expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
});

test.each([
  [['--nonsense'], {}, 2, /Unknown option '--nonsense'/],
  [['extra'], {}, 2, /extra/],
  [['--port', 'ten'], {}, 2, /Expected `port`/],
  [['--memory', '--host', '0.0.0.0'], {}, 2, /Expected `token`/],
  [['--memory', '--port', '0'], { NODE_ENV: 'production' }, 1, /NODE_ENV is `production`/],
])('%j ends with a reason on stderr', async (flags, env, code, reason) => {
  const running = start(flags, env);
  expect(await running.ended).toMatchObject({ code });
  expect(running.err()).toMatch(reason);
  expect(running.err()).not.toMatch(/\n\s+at /);
  expect(running.out()).toBe('');
});

test('for people it says where to look, without the token', async () => {
  const running = start(['--port', '0', '--memory'], { SPILLWAY_VIEWER_TOKEN: 'correct-horse-battery' });
  const url = await until(() => /http:\/\/127\.0\.0\.1:\d+/.exec(running.out())?.[0]);
  await until(() => running.out().includes('Ctrl+C'));
  expect(running.out()).not.toContain('correct-horse');
  expect((await call(`${url}/ready`)).status).toBe(401);
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  out(): string;
  err(): string;
}

function start(flags: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [join(built, 'dist/bin.js'), ...flags], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, ended, out: () => out, err: () => err };
}

function ready(running: Running): Promise<{ url: string; pid: number }> {
  return until(() => {
    if (running.child.exitCode !== null) throw new Error(running.err());
    return running.out().endsWith('\n') && (JSON.parse(running.out()) as { url: string; pid: number });
  });
}
