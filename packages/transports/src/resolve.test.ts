import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { loadClient, requireClient } from './client.js';
import { loki } from './loki.js';
import { registry } from './registry.js';
import { loadTransport, resolveTransport, type TransportTarget } from './resolve.js';

const directory = mkdtempSync(join(tmpdir(), 'spillway-resolve-'));
afterAll(() => rmSync(directory, { recursive: true }));

function moduleFile(name: string, source: string): string {
  const path = join(directory, name);
  writeFileSync(path, source);
  return path;
}
const body = `(options) => ({ name: 'own', destination: String(options.where), encode() {}, classify() {}, open() {} })`;

describe('a target', () => {
  const url = 'http://127.0.0.1:9';

  it('is a name, a name with options, or a transport', async () => {
    expect(resolveTransport('stdout')).toMatchObject({ name: 'stdout' });
    expect(resolveTransport(['loki', { url }])).toMatchObject({ name: 'loki', destination: `${url}/loki/api/v1/push` });
    const own = loki({ url });
    expect(resolveTransport(own)).toBe(own);
    expect(await loadTransport(['loki', { url }])).toMatchObject({ name: 'loki' });
  });

  it.each([
    ['lokki', "did you mean 'loki'?"],
    ['toString', 'Known are: '],
    ['./own.js', 'loadTransport'],
    [['loki'], 'loki.url'],
    [[], 'Expected `to` to be'],
    [undefined, 'Expected `to` to be'],
    [{ name: 'half' }, 'Expected `to` to be'],
  ])('%j is an error that helps', (target, text) => {
    expect(() => resolveTransport(target as TransportTarget)).toThrow(text);
  });

  it('is a module of one’s own, by path, URL or relative path, ESM or CommonJS', async () => {
    const esm = moduleFile('own.mjs', `export default ${body}`);
    const cjs = moduleFile('own.cjs', `module.exports = ${body}`);
    const transpiled = moduleFile('both.cjs', `exports.__esModule = true; exports.default = ${body}`);
    for (const target of [esm, pathToFileURL(esm).href, `./${relative(process.cwd(), esm)}`, cjs, transpiled]) {
      expect(await loadTransport([target, { where: 'there' }])).toMatchObject({ name: 'own', destination: 'there' });
    }
  });

  it.each([
    ['./not-there.mjs', 'cannot be loaded'],
    ['@acme/not-installed', 'cannot be loaded'],
    [moduleFile('empty.mjs', 'export default () => ({})'), 'no function that returns a transport'],
    [moduleFile('named.mjs', 'export const a = 1'), 'no function that returns a transport'],
  ])('%s is refused', async (target, text) => {
    await expect(loadTransport(target)).rejects.toThrow(text);
    await expect(loadTransport(target)).rejects.toMatchObject({ code: 'SPILLWAY_TRANSPORT_UNKNOWN' });
  });
});

describe('the registry', () => {
  it('describes every option of every transport', () => {
    for (const [name, { options, traits }] of Object.entries(registry)) {
      expect(traits.title, name).not.toBe('');
      for (const { path, doc, type } of options()) {
        expect(doc, `${name}.${path}`).toMatch(/\.$/);
        expect(type, `${name}.${path}`).not.toBe('');
      }
    }
  });
});

describe('a client of other people', () => {
  it('is found where it is installed', async () => {
    expect(() => requireClient('protobufjs', 'test')).not.toThrow();
    expect(await loadClient<{ Reader: unknown }>('protobufjs', 'test')).toHaveProperty('Reader');
  });

  it('is named, with what to do, where it is not', async () => {
    const missing = { code: 'SPILLWAY_CLIENT_MISSING', message: expect.stringContaining('npm install @acme/client') };
    expect(() => requireClient('@acme/client', 'acme')).toThrow(expect.objectContaining(missing));
    await expect(loadClient('@acme/client', 'acme')).rejects.toMatchObject(missing);
  });
});
