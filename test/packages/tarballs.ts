// The packages as users get them: packed by pnpm, installed by npm into a directory that knows nothing of this repository.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** A packed package. */
export interface Tarball {
  readonly name: string;
  readonly file: string;
}

/** Packs every public package into a directory. */
export async function packAll(directory: string): Promise<Tarball[]> {
  const tarballs: Tarball[] = [];
  for (const folder of await readdir(join(root, 'packages'))) {
    const packageDirectory = join(root, 'packages', folder);
    const {
      name,
      version,
      private: hidden,
    } = JSON.parse(await readFile(join(packageDirectory, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
      private?: boolean;
    };
    if (hidden) continue;
    if (!existsSync(join(packageDirectory, 'dist', 'index.d.ts'))) throw new Error(`${name} is not built: pnpm build`);
    tarballs.push({ name, file: join(directory, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`) });
  }
  const filters = tarballs.flatMap(({ name }) => ['--filter', name]);
  await run('npx', ['-y', 'pnpm@10', ...filters, 'pack', '--pack-destination', directory], { cwd: root });
  return tarballs;
}

/** A directory of its own, removed by `dispose`. */
export async function temporaryDirectory(name: string): Promise<{ path: string; dispose(): Promise<void> }> {
  const path = await realpath(await mkdtemp(join(tmpdir(), `spillway-${name}-`)));
  return { path, dispose: () => rm(path, { recursive: true, force: true }) };
}

/** Installs packages by npm into a new project. `type` is the project's module type. */
export async function install(
  directory: string,
  specifiers: readonly string[],
  type: 'module' | 'commonjs' = 'module',
) {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type }));
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', ...quiet, ...specifiers], { cwd: directory, maxBuffer: 2 ** 24 });
}

/** Bytes of the files below a directory. */
export async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = entries.filter((entry) => entry.isFile()).map((entry) => stat(join(entry.parentPath, entry.name)));
  return (await Promise.all(sizes)).reduce((sum, { size }) => sum + size, 0);
}

/** A Node binary of another version, from the npm package that holds it; kept between runs. */
export async function nodeBinary(version: string): Promise<string> {
  const directory = join(root, 'node_modules', '.cache', 'spillway-node', version);
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const binary = join(directory, 'node_modules', name, 'bin', 'node');
  if (!existsSync(binary)) await install(directory, [`${name}@${version}`]);
  return binary;
}
