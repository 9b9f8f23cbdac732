#!/usr/bin/env node
// Obtains the real servers of the integration tests: builds or unpacks them into the cache when they are not there.
// In: names of recipes.json, or --all. Out: progress on stderr, and on stdout one line of JSON a server
// ({ name, version, directory }), in the order asked for. Exit status 1 when any of them could not be had.
// Always true: a directory in the cache is complete; two processes never build the same thing at the same time.
import { install } from './obtain/install.mjs';
import { recipes } from './obtain/recipes.mjs';

const asked = process.argv.slice(2);
const names = asked.includes('--all') ? Object.keys(recipes) : asked;
const unknown = names.filter((name) => !(name in recipes));

if (names.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) process.stderr.write(`obtain: unknown: ${unknown.join(', ')}\n`);
  process.stderr.write(`usage: obtain.mjs --all | <name>...   (${Object.keys(recipes).join(' ')})\n`);
  process.exit(2);
}

// Go builds keep the processors busy, the others the network: one of each at a time.
const lanes = [names.filter((name) => recipes[name].go), names.filter((name) => !recipes[name].go)];
const obtained = new Map();
await Promise.all(
  lanes.map(async (lane) => {
    for (const name of lane) obtained.set(name, await attempt(name));
  }),
);

const lines = names.map((name) => obtained.get(name)).filter((line) => line !== undefined);
for (const line of lines) process.stdout.write(`${line}\n`);
process.exitCode = lines.length < names.length ? 1 : 0;

/** The line of JSON for a server, or undefined when it cannot be had. */
async function attempt(name) {
  try {
    return JSON.stringify({ name, version: recipes[name].version, directory: await install(name) });
  } catch (error) {
    process.stderr.write(`obtain: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
