// The way from the tests to the installer, which is plain JavaScript so that CI can run it before anything is built.
// In: a name of recipes.json. Out: where that server lies in the cache. Always true: asked once a process and name.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import recipes from './recipes.json' with { type: 'json' };
import type { Installation } from './server.js';

export type ServerName = keyof typeof recipes;

const installer = fileURLToPath(new URL('obtain.mjs', import.meta.url));
const asked = new Map<ServerName, Promise<Installation>>();

export function versionOf(name: ServerName): string {
  return recipes[name].version;
}

/** Builds or unpacks the server if need be; its progress goes to stderr. */
export function install(name: ServerName): Promise<Installation> {
  const known = asked.get(name);
  if (known) return known;
  const installation = runInstaller(name);
  asked.set(name, installation);
  return installation;
}

async function runInstaller(name: ServerName): Promise<Installation> {
  const child = spawn(process.execPath, [installer, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`the server ${name} cannot be had: the installer ended with ${code}, see stderr`);
  return JSON.parse(output) as Installation;
}
