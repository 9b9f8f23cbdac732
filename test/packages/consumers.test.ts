// Applications that installed the packed tarballs, on every supported line of Node: the records must arrive.

import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Receiver, receiver } from '@spillway/testing/receiver';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { install, nodeBinary, packAll, sizeOf, temporaryDirectory } from './tarballs.js';

const run = promisify(execFile);
const consumers = fileURLToPath(new URL('consumers', import.meta.url));
const MAX_INSTALLED_BYTES = 6e6;

let workplace: Awaited<ReturnType<typeof temporaryDirectory>>;
let tarballs: Record<string, string>;
let project: string;
let target: Receiver;

/** Runs a program of the consumers' project and waits for all its records. */
async function delivers(node: string, file: string, records: number): Promise<void> {
  await target.clear();
  const { stderr } = await run(node, [file], { env: { RECEIVER_URL: target.url }, timeout: 60_000 });
  expect(stderr).toBe('');
  expect(await target.received(records, 30_000)).toMatchObject({ unique: records, duplicates: 0 });
}

beforeAll(async () => {
  workplace = await temporaryDirectory('packages');
  tarballs = Object.fromEntries((await packAll(workplace.path)).map(({ name, file }) => [name, file]));
  project = join(workplace.path, 'project');
  await install(project, [
    ...['core', 'transports', 'pino', 'middleware'].map((name) => tarballs[`@spillway/${name}`]!),
    'pino@^10',
    'typescript@^6',
    '@types/node@^20',
  ]);
  await cp(consumers, project, { recursive: true });
  await run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { cwd: project }).catch((error) => {
    throw new Error(`the typed consumer does not compile:\n${(error as { stdout: string }).stdout}`);
  });
  target = await receiver();
});

afterAll(async () => {
  await target?.close();
  await workplace?.dispose();
});

describe.each(['20.18.1', '22', '24', '26'])('Node %s', (version) => {
  it.each(['esm.mjs', 'cjs.cjs', 'built/typed.mjs'])('runs %s', async (file) => {
    await delivers(await nodeBinary(version), join(project, file), 1500);
  });

  // No file is shared between the paths of a CommonJS package, nor between its copies for `import` and `require`.
  it.each([
    ['esm', 'esm'],
    ['cjs', 'cjs'],
    ['cjs', 'esm'],
    ['esm', 'cjs'],
  ])('has one context of a request and one warning, through %s and %s', async (first, second) => {
    const node = await nodeBinary(version);
    const { stdout, stderr } = await run(node, [join(project, 'context.mjs'), first, second], { timeout: 60_000 });
    const lines = ['a', 'b'].flatMap((id) => [
      ['in the handler', id, id],
      ['through pino', id, id],
      ['request completed', id, id],
    ]);
    expect(JSON.parse(stdout)).toEqual(lines);
    expect(stderr.match(/SPILLWAY_REGISTERED_TWICE/g)).toEqual(['SPILLWAY_REGISTERED_TWICE']);
  });
});

it('the in-process stream survives a bundler, as one file away from any node_modules', async () => {
  const outfile = join(workplace.path, 'bundled', 'bundle.mjs');
  const entry = `
    import { spillway } from '@spillway/pino';
    import { http } from '@spillway/transports/http';
    import pino from 'pino';
    const stream = spillway({ to: http({ url: process.env.RECEIVER_URL + '/bundled' }) });
    const log = pino(stream);
    for (let i = 0; i < 1000; i++) log.info({ i }, 'bundled');
  `;
  await build({
    stdin: { contents: entry, resolveDir: project, loader: 'js' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    // What esbuild's own documentation advises for CommonJS dependencies in an ESM bundle.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  await delivers(process.execPath, outfile, 1000);
});

it.each(['esm.mjs', 'cjs.cjs'])(
  'a thread that ships loads one transport, and one format of it (%s)',
  async (program) => {
    const listing = join(workplace.path, `${program}.loaded`);
    const env = {
      RECEIVER_URL: target.url,
      NODE_OPTIONS: `--require ${join(project, 'list-loaded.cjs')}`,
      LOADED_FILE: listing,
    };
    // A line that has hooks for this.
    await run(await nodeBinary('24'), [join(project, program)], { env, timeout: 60_000 });
    const threads = new Map<string, string[]>();
    for (const line of (await readFile(listing, 'utf8')).trimEnd().split('\n')) {
      const [thread, url] = line.split(' ') as [string, string];
      if (url.includes('/@spillway/'))
        threads.set(thread, [...(threads.get(thread) ?? []), url.split('/@spillway/')[1]!]);
    }
    for (const entry of ['pino/dist/worker-target.js', 'pino/dist/hand-over-worker.js']) {
      const files = [...threads.values()].find(
        (loaded) => loaded.includes(entry) && !loaded.includes('pino/dist/index.js'),
      );
      // One file each: of chunks that transports shared, the ones of all nineteen would come to three dozen.
      expect(files!.filter((file) => file.startsWith('transports/'))).toEqual(['transports/dist/http.js']);
      expect(files!.filter((file) => file.endsWith('.cjs') && file !== 'pino/require.cjs')).toEqual([]);
    }
  },
);

it('`require` gives what `import` gives', async () => {
  const code = `
    const required = require('@spillway/pino');
    import('@spillway/pino').then((imported) => {
      const shape = (given) => Object.fromEntries(Object.keys(given).filter((key) => key !== '__esModule').sort().map((key) => [key, typeof given[key]]));
      console.log(JSON.stringify([shape(required), shape(imported)]));
    });`;
  const { stdout } = await run(process.execPath, ['-e', code], { cwd: project });
  const [required, imported] = JSON.parse(stdout);
  expect(required).toEqual(imported);
  expect(Object.keys(required)).toContain('spillway');
});

it('the pino package and all that it needs stay small', async () => {
  const directory = join(workplace.path, 'size');
  await install(directory, [
    ...['core', 'transports', 'pino'].map((name) => tarballs[`@spillway/${name}`]!),
    'pino@^10',
  ]);
  const total = await sizeOf(join(directory, 'node_modules'));
  const parts = await Promise.all(
    ['undici', 'pino', '@spillway'].map(
      async (name) => `${name} ${((await sizeOf(join(directory, 'node_modules', name))) / 1e6).toFixed(2)}`,
    ),
  );
  console.info(`@spillway/pino installed: ${(total / 1e6).toFixed(2)} MB (${parts.join(', ')})`);
  expect(total).toBeLessThan(MAX_INSTALLED_BYTES);
});
