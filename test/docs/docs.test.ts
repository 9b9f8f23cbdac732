// The documentation says what the code does. `pnpm docs:write` renews it.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { registry } from '@spillway/transports';
import { expect, it } from 'vitest';
import { renewed } from './tables.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const pages = readdirSync(`${root}/docs`, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `${root}/docs/${path}`)
  .filter((path) => readFileSync(path, 'utf8').includes('<!-- generated: '));

it.each(pages)('%s is up to date', async (path) => {
  await expect(renewed(readFileSync(path, 'utf8'), root)).toMatchFileSnapshot(path);
});

it('every code of an error is thrown somewhere, and explained', () => {
  const codes = readFileSync(`${root}/packages/core/src/errors.ts`, 'utf8').match(/SPILLWAY_[A-Z_]+/g);
  const options = readFileSync(`${root}/docs/options.md`, 'utf8');
  const sources = ['core', 'transports', 'pino'].flatMap((name) =>
    readdirSync(`${root}/packages/${name}/src`, { recursive: true, encoding: 'utf8' })
      .filter((path) => /(?<!\.test)\.ts$/.test(path))
      .map((path) => readFileSync(`${root}/packages/${name}/src/${path}`, 'utf8')),
  );
  for (const code of codes!) {
    expect(options).toContain(`| \`${code}\` |`);
    expect(
      sources.some((source) => new RegExp(`SpillwayError\\(\\s*'${code}'`).test(source)),
      code,
    ).toBe(true);
  }
});

it('every transport has a page with its options and its facts', () => {
  for (const name of Object.keys(registry)) {
    const page = readFileSync(`${root}/docs/transports/${name}.md`, 'utf8');
    expect(page).toContain(`<!-- generated: options ${name} -->`);
    expect(page).toContain(`<!-- generated: facts ${name} -->`);
  }
});
