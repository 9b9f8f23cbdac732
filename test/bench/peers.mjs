// The libraries that we are compared with live in a package of their own, `peers`, outside the workspace: nobody who
// installs Spillway gets them. In: nothing. Out: `installPeers` puts them there once, as its lockfile says;
// `loadPeer` and `peerPath` find them afterwards.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const folder = fileURLToPath(new URL('./peers/', import.meta.url));
const stamp = `${folder}node_modules/.installed`;
const require = createRequire(`${folder}package.json`);

/** The module of a peer, as an application would import it. */
export const loadPeer = (name) => import(pathToFileURL(peerPath(name)).href);

/** Where a peer's module is; for pino's workers, which load it by its path. */
export const peerPath = (name) => require.resolve(name);

/** The versions that are compared. */
export function peerVersions() {
  return JSON.parse(readFileSync(`${folder}package.json`, 'utf8')).dependencies;
}

/** Installs the peers unless these very versions are there. */
export async function installPeers() {
  const lock = readFileSync(`${folder}pnpm-lock.yaml`, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  process.stderr.write(`bench: installing the libraries to compare with (about 95 MB, once) into ${folder}\n`);
  for (let attempt = 1; ; attempt++) {
    const code = await install();
    if (code === 0) break;
    if (attempt === 3) throw new Error(`pnpm ended with ${code}; \`--only spillway\` runs without the others`);
  }
  writeFileSync(stamp, lock);
}

function install() {
  // pnpm names itself in its environment when it runs a script; else it is fetched, as for any other command of ours.
  const own = process.env.npm_execpath?.includes('pnpm');
  const [command, first] = own ? [process.execPath, [process.env.npm_execpath]] : ['npx', ['-y', 'pnpm@10']];
  const args = ['install', '--ignore-workspace', '--frozen-lockfile', '--ignore-scripts', '--silent'];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], { cwd: folder, stdio: ['ignore', 2, 2] });
    child.once('error', reject).once('close', resolve);
  });
}
