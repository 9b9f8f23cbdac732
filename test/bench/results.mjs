// The file that results are kept in. Its parts come from different commands, each run with the machine it ran on, and
// `pnpm docs:bench` makes a page of them.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Adds scenarios or other parts to what the file has from earlier runs, or replaces them. */
export function save(path, parts) {
  const all = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
  for (const [key, value] of Object.entries(parts)) all[key] = { ...all[key], ...value };
  writeFileSync(path, `${JSON.stringify(all, rounded, 2)}\n`);
}

function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) && Number.isFinite(value)
    ? Number(value.toPrecision(5))
    : value;
}
