import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { claim, defaultDirectory } from './directory.js';
import { temporaryDirectory } from './http/test-client.js';

test('the default is in the cache directory of the platform', () => {
  expect(defaultDirectory({ XDG_CACHE_HOME: '/var/cache/me' }, 'linux')).toBe('/var/cache/me/spillway/viewer');
  expect(defaultDirectory({ XDG_CACHE_HOME: 'relative' }, 'linux')).toBe(join(homedir(), '.cache/spillway/viewer'));
  expect(defaultDirectory({}, 'darwin')).toBe(join(homedir(), 'Library/Caches/spillway/viewer'));
});

test('it is made for the owner alone, and one that was open to others is closed to them', () => {
  const path = join(temporaryDirectory(), 'a/b');
  mkdirSync(path, { recursive: true, mode: 0o755 });
  const directory = claim(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(statSync(join(path, 'viewer.lock')).mode & 0o777).toBe(0o600);
  directory.release();
});

test('one viewer at a time: a second is refused, and after the first it is not', () => {
  const path = temporaryDirectory();
  const first = claim(path);
  expect(readFileSync(join(path, 'viewer.lock'), 'utf8')).toBe(`${process.pid}\n`);
  expect(() => claim(path)).toThrow(/in use by another viewer \(process \d+\).*`memory`/);
  first.release();
  first.release();
  expect(existsSync(join(path, 'viewer.lock'))).toBe(false);
  claim(path).release();
});

test.each([
  ['a process that is gone', '2147483646\n'],
  ['an earlier process with our id', `${process.pid}\n`],
  ['nobody', ''],
  ['noise', 'not a number'],
])('the lock of %s is taken over', (_, content) => {
  const path = temporaryDirectory();
  writeFileSync(join(path, 'viewer.lock'), content);
  claim(path).release();
});

test('the lock of a process that lives is respected', () => {
  const path = temporaryDirectory();
  writeFileSync(join(path, 'viewer.lock'), `${process.ppid}\n`);
  expect(() => claim(path)).toThrow(expect.objectContaining({ code: 'SPILLWAY_VIEWER_DIRECTORY' }));
});

test('a path that cannot be a directory is refused with the reason', () => {
  const file = join(temporaryDirectory(), 'file');
  writeFileSync(file, '');
  expect(() => claim(file)).toThrow(
    expect.objectContaining({ code: 'SPILLWAY_VIEWER_DIRECTORY', message: expect.stringContaining(file) }),
  );
});
