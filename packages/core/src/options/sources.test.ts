import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EnvironmentText } from './environment-text.js';
import { parseOptions } from './parse.js';
import { pipelineOptions } from './pipeline-options.js';
import { dictionary, flag, integer, list, object, text } from './schema.js';
import { gatherOptions } from './sources.js';

const known = ['to', ...Object.keys(pipelineOptions.fields)];
const directory = mkdtempSync(join(tmpdir(), 'spillway-sources-'));
afterAll(() => rmSync(directory, { recursive: true }));

function config(content: string): string {
  const file = join(directory, `${Math.random()}.json`);
  writeFileSync(file, content);
  return file;
}

const read = (options: Record<string, unknown>) => {
  const { to: _, ...rest } = options;
  return parseOptions(pipelineOptions, rest);
};

describe('options from elsewhere', () => {
  it.each([
    ['first', { SPILLWAY_SPOOL: '{"directory":"/x","maxBytes":"1mb"}', SPILLWAY_SPOOL__MAX_BYTES: '2mb' }],
    ['last', { SPILLWAY_SPOOL__MAX_BYTES: '2mb', SPILLWAY_SPOOL: '{"directory":"/x","maxBytes":"1mb"}' }],
  ])('lay the parts of an option over the whole, which comes %s', (_, environment) => {
    expect(read(gatherOptions({}, known, environment))).toMatchObject({
      spool: { directory: '/x', maxBytes: 2 << 20 },
    });
  });

  it('lay the file over the code and the environment over the file', () => {
    const file = config('{"queue":{"maxBytes":"2mb"},"batch":{"lingerMs":7},"mirror":"errors"}');
    const code = { queue: { maxBytes: '1mb', whenFull: 'dropNewest' }, batch: { lingerMs: 1, maxRecords: 3 } };
    const gathered = gatherOptions(code, known, {
      SPILLWAY_CONFIG: file,
      SPILLWAY_QUEUE__MAX_BYTES: '4mb',
      SPILLWAY_RETRY__ATTEMPTS: '9',
      SPILLWAY_MIRROR: 'all',
      SPILLWAY_SOMETHING_ELSE: 'x',
      PATH: '/bin',
    });
    expect(read(gathered)).toMatchObject({
      queue: { maxBytes: 4 << 20, whenFull: 'dropNewest' },
      batch: { lingerMs: 7, maxRecords: 3 },
      retry: { attempts: 9 },
      mirror: 'all',
    });
    expect(code.queue.maxBytes).toBe('1mb');
  });

  it('read text as what the option takes', () => {
    const schema = object(
      {
        name: text({ doc: '' }),
        count: integer({ doc: '' }),
        on: flag({ doc: '' }),
        tags: list(text({ doc: '' }), { doc: '' }),
        labels: dictionary(text({ doc: '' }), { doc: '' }),
      },
      { doc: '' },
    );
    const gathered = gatherOptions({}, ['to'], {
      SPILLWAY_TO: 'x',
      SPILLWAY_TO__NAME: '123',
      SPILLWAY_TO__COUNT: '123',
      SPILLWAY_TO__ON: 'true',
      SPILLWAY_TO__TAGS: '["a"]',
      SPILLWAY_TO__LABELS: '{"a":"1"}',
    });
    const [name, options] = gathered.to as [string, unknown];
    expect(name).toBe('x');
    expect(parseOptions(schema, options)).toEqual({
      name: '123',
      count: 123,
      on: true,
      tags: ['a'],
      labels: { a: '1' },
    });
  });

  it('keep the options of a destination unless the environment names another', () => {
    const code = { to: ['loki', { url: 'http://a', labels: { app: 'x' } }] };
    expect(gatherOptions(code, known, { SPILLWAY_TO: 'loki' }).to).toEqual(code.to);
    expect(gatherOptions(code, known, { SPILLWAY_TO: 'stdout' }).to).toEqual(['stdout', {}]);
    const [, own] = gatherOptions(code, known, { SPILLWAY_TO__TENANT_ID: 't' }).to as [string, Record<string, unknown>];
    expect(own).toMatchObject({ url: 'http://a', labels: { app: 'x' }, tenantId: { text: 't' } });
  });

  it('are the same in whatever order the variables come', () => {
    const named = { SPILLWAY_TO: 'loki' };
    const own = { SPILLWAY_TO__URL: 'http://a', SPILLWAY_TO__LABELS__APP: 'x' };
    const to = ['loki', { url: { text: 'http://a' }, labels: { app: { text: 'x' } } }];
    expect(gatherOptions({}, known, { ...own, ...named }).to).toMatchObject(to);
    expect(gatherOptions({ to: 'stdout' }, known, { ...named, ...own }).to).toMatchObject(to);
  });

  it('give a secret in one form: the later place has the say, whichever form it takes', () => {
    const key = 'ab'.repeat(32);
    const login = { basicAuth: { username: 'joe', password: 'old' }, headers: { 'x-a': 'b' } };
    const code = {
      to: ['http', { ...login, bearerToken: 'old' }],
      spool: { encryption: { key, previousKeys: [key] } },
    };
    const file = config('{"spool":{"encryption":{"keyFile":"/run/key"}}}');
    const gathered = gatherOptions(code, known, {
      SPILLWAY_CONFIG: file,
      SPILLWAY_TO__BEARER_TOKEN_FILE: '/run/token',
      SPILLWAY_TO__BASIC_AUTH__PASSWORD_FILE: '/run/password',
      SPILLWAY_TO__HEADERS_FILE: '/run/headers',
    });
    expect(gathered).toEqual({
      to: [
        'http',
        {
          basicAuth: { username: 'joe', passwordFile: new EnvironmentText('/run/password') },
          bearerTokenFile: new EnvironmentText('/run/token'),
          headers: { 'x-a': 'b' },
          headersFile: new EnvironmentText('/run/headers'),
        },
      ],
      spool: { encryption: { keyFile: '/run/key', previousKeys: [key] } },
    });
    const again = gatherOptions(gathered, known, { SPILLWAY_SPOOL__ENCRYPTION__KEY_ENV: 'KEY' });
    expect(again.spool).toEqual({ encryption: { keyEnv: new EnvironmentText('KEY'), previousKeys: [key] } });
  });

  it('give a header: the later place has the say, in whatever case', () => {
    const code = { to: ['http', { headers: { Authorization: 'old', 'X-Team': 'a' } }] };
    const { to } = gatherOptions(code, known, { SPILLWAY_TO__HEADERS__AUTHORIZATION: 'new' });
    expect(to).toEqual(['http', { headers: { 'X-Team': 'a', authorization: new EnvironmentText('new') } }]);
  });

  it('are refused where one place gives a secret in two forms', () => {
    const gathered = gatherOptions({}, known, {
      SPILLWAY_SPOOL__DIRECTORY: '/x',
      SPILLWAY_SPOOL__ENCRYPTION__KEY: 'ab'.repeat(32),
      SPILLWAY_SPOOL__ENCRYPTION__KEY_FILE: '/run/key',
    });
    expect(() => read(gathered)).toThrow(
      /^Expected `spool.encryption.key` to be left out where `spool.encryption.keyFile` is given, got a string from the environment$/,
    );
  });

  it.each([
    ['/nowhere/at-all.json', 'ENOENT'],
    [config('[1]'), 'not a JSON object'],
    [config('{'), 'JSON'],
  ])('refuse the file %#', (file, why) => {
    expect(() => gatherOptions({}, known, { SPILLWAY_CONFIG: file })).toThrow(why);
  });

  it.each([
    ['{"to":["loki",{"password":hunter2}]}', /: not valid JSON$/],
    ['{"to":["loki",{"password":"hunter2" "url":""}]}', /: not valid JSON at position 36( \(line 1 column 37\))?$/],
  ])('refuse the file %# without showing what is in it', (content, why) => {
    const file = config(content);
    expect(() => gatherOptions({}, known, { SPILLWAY_CONFIG: file })).toThrow(why);
  });

  it('say where a bad value came from', () => {
    const gathered = gatherOptions({}, known, { SPILLWAY_BATCH__LINGER_MS: 'soon' });
    expect(() => read(gathered)).toThrow(
      "Expected `batch.lingerMs` to be a number of milliseconds from 0 to 3600000, got 'soon' (string) from the environment",
    );
  });
});
