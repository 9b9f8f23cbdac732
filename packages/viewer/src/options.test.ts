import { expect, test } from 'vitest';
import { settle, type ViewerOptions } from './options.js';

const TOKEN = 'correct-horse-battery';

test('everything has a default', () => {
  expect(settle({}, {})).toEqual({
    port: 4600,
    host: '127.0.0.1',
    token: undefined,
    allowedHosts: [],
    directory: undefined,
    memory: false,
    maxRecords: 200_000,
    maxBytes: 512 * 1024 * 1024,
  });
});

test.each([
  ['512mb', 512 * 2 ** 20],
  ['512 MB', 512 * 2 ** 20],
  ['1.5gb', 1.5 * 2 ** 30],
  ['8192kb', 8 * 2 ** 20],
  [5_000_000, 5_000_000],
  ['5000000', 5_000_000],
])('a size may be %j', (maxBytes, expected) => {
  expect(settle({ maxBytes }, {}).maxBytes).toBe(expected);
});

test.each([
  [{ port: -1 }, 'Expected `port` to be a whole number from 0 to 65535, got -1 (number).'],
  [{ port: '4600' }, 'Expected `port` to be a whole number from 0 to 65535, got "4600" (string).'],
  [{ maxRecords: 1 }, 'Expected `maxRecords` to be a whole number from 100 to 10000000, got 1 (number).'],
  [{ maxBytes: '1kb' }, /^Expected `maxBytes` to be bytes or a size such as '512mb', from 4mb to 64gb, got "1kb"/],
  [{ maxBytes: '12 parsecs' }, /^Expected `maxBytes`/],
  [{ maxBytes: Number.NaN }, /^Expected `maxBytes`/],
  [{ memory: 'yes' }, /^Expected `memory` to be true or false, got "yes"/],
  [{ memory: true, maxBytes: '2gb' }, /^Expected `maxBytes` to be at most 1gb when `memory` is true/],
  [{ memory: true, directory: '/tmp/x' }, /^Expected `directory` to be absent when `memory` is true/],
  [{ directory: '' }, /^Expected `directory` to be a path/],
  [{ host: 'a b' }, /^Expected `host` to be an address/],
  [{ host: '0.0.0.0' }, /^Expected `token` to be a secret, because `host` is not a loopback address/],
  [{ allowedHosts: ['http://x'] }, /^Expected `allowedHosts` to be a list of host names/],
  [{ allowedHosts: 'x' }, /^Expected `allowedHosts`/],
  [{ ports: 1 }, 'Unknown option `ports`. Did you mean `port`?'],
  [{ colour: 1 }, /^Unknown option `colour`. Known options: port, host,/],
  [null, /^Expected `options` to be an object/],
])('%j is refused with a text that says why', (options, message) => {
  expect(() => settle(options as ViewerOptions, {})).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_OPTIONS_INVALID' }),
  );
  expect(() => settle(options as ViewerOptions, {})).toThrow(message);
});

test('a token is never in a message', () => {
  expect(() => settle({ token: 'short-secret' }, {})).toThrow(/^(?!.*short-secret).*`token`/);
  expect(settle({ token: TOKEN, host: '0.0.0.0' }, {}).token).toBe(TOKEN);
});

test('production is refused unless forced', () => {
  const env = { NODE_ENV: 'production' };
  expect(() => settle({}, env)).toThrow(expect.objectContaining({ code: 'SPILLWAY_VIEWER_PRODUCTION' }));
  expect(settle({ force: true }, env).port).toBe(4600);
});
