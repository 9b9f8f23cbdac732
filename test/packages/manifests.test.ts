// What bundlers, type checkers and older tools will say about each packed package.

import { readFile } from 'node:fs/promises';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { packAll, type Tarball, temporaryDirectory } from './tarballs.js';

let workplace: Awaited<ReturnType<typeof temporaryDirectory>>;
let tarballs: Tarball[];

beforeAll(async () => {
  workplace = await temporaryDirectory('manifests');
  tarballs = await packAll(workplace.path);
});

afterAll(() => workplace?.dispose());

it('publint finds nothing', async () => {
  const found: string[] = [];
  for (const { name, file } of tarballs) {
    const data = await readFile(file);
    const { messages, pkg } = await publint({
      pack: { tarball: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) },
      strict: true,
    });
    for (const message of messages) found.push(`${name}: ${formatMessage(message, pkg)}`);
  }
  expect(found).toEqual([]);
});

it('the types are right for every way of importing', async () => {
  const found: string[] = [];
  for (const { name, file } of tarballs) {
    const analysis = await checkPackage(createPackageFromTarballData(await readFile(file)));
    if (!analysis.types) {
      found.push(`${name}: no types`);
      continue;
    }
    for (const problem of analysis.problems) {
      // Resolution before Node 16 does not know `exports`, so it cannot find subpaths; Node 20 is the oldest we run on.
      if ('resolutionKind' in problem && problem.resolutionKind === 'node10') continue;
      found.push(`${name}: ${problem.kind} ${'entrypoint' in problem ? problem.entrypoint : ''}`);
    }
  }
  expect(found).toEqual([]);
});

it('each carries the licence and a page of its own, and only what it declares, without tests', async () => {
  for (const { name, file } of tarballs) {
    const prefix = `/node_modules/${name}/`;
    const packed = createPackageFromTarballData(await readFile(file));
    const files = packed.listFiles(prefix).map((path) => path.slice(prefix.length));
    const declared = (JSON.parse(packed.readFile(`${prefix}package.json`)) as { files: string[] }).files;
    const unexpected = files.filter(
      (path) =>
        !/^(package\.json|README\.md|LICENSE)$/.test(path) &&
        !declared.some((declaration) => path === declaration || path.startsWith(`${declaration}/`)),
    );
    expect({
      name,
      unexpected,
      tests: files.filter((path) => /\.test\./.test(path)),
      licence: files.includes('LICENSE'),
      page: files.includes('README.md'),
    }).toEqual({ name, unexpected: [], tests: [], licence: true, page: true });
  }
});

it('runs the syntax of the oldest Node as it is, without helpers that stand in for it', async () => {
  const found: string[] = [];
  for (const { name, file } of tarballs) {
    const packed = createPackageFromTarballData(await readFile(file));
    for (const path of packed.listFiles(`/node_modules/${name}/`)) {
      // What tsup's splitter of CommonJS puts in place of `?.` and `??`: a call and a closure each.
      if (/\.c?js$/.test(path) && /\b_(optionalChain|nullishCoalesce)\(/.test(packed.readFile(path))) found.push(path);
    }
  }
  expect(found).toEqual([]);
});
