import * as transports from '@spillway/transports';
import { expect, it } from 'vitest';
import { loaders, loadTransport } from './load-transport.js';

it('knows each transport of the registry, by the same factory', async () => {
  expect(Object.keys(loaders)).toEqual(Object.keys(transports.registry));
  const factories: Readonly<Record<string, unknown>> = { ...transports };
  for (const [name, load] of Object.entries(loaders)) {
    const camelCase = name.replace(/-(.)/, (_, letter: string) => letter.toUpperCase());
    expect(await load(), name).toBe(factories[camelCase]);
  }
});

it('takes what `to` takes', async () => {
  const url = 'http://127.0.0.1:9';
  const made = transports.http({ url });
  expect(await loadTransport(made)).toBe(made);
  expect(await loadTransport('stdout')).toMatchObject({ name: 'stdout' });
  expect(await loadTransport(['loki', { url }])).toMatchObject({ name: 'loki' });
});

it.each([
  [['loki'], 'loki.url'],
  ['lokki', "did you mean 'loki'?"],
  ['./not-there.mjs', 'cannot be loaded'],
  [undefined, 'Expected `to` to be'],
])('%j is an error that helps', async (target, text) => {
  await expect(loadTransport(target as transports.TransportTarget)).rejects.toThrow(text);
});
