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

let failed = 0;
for (const name of names) {
  try {
    const directory = await install(name);
    process.stdout.write(`${JSON.stringify({ name, version: recipes[name].version, directory })}\n`);
  } catch (error) {
    failed += 1;
    process.stderr.write(`obtain: ${name}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
