import { expect, expectTypeOf, it, describe as suite } from 'vitest';
import { parseOptions } from './parse.js';
import {
  choice,
  describe,
  dictionary,
  type Input,
  integer,
  list,
  milliseconds,
  object,
  optional,
  type Parsed,
  required,
  type Schema,
  size,
  text,
  url,
} from './schema.js';

const schema = object(
  {
    url: required(url({ doc: 'Where to.' })),
    token: text({ doc: 'A secret.', secret: true }),
    labels: dictionary(text({ doc: '' }), {
      default: {},
      keys: text({ doc: '', pattern: /^\w+$/, expected: 'a word' }),
      doc: 'Labels.',
    }),
    batch: object(
      {
        maxBytes: size({ default: 2 ** 20, min: 1024, doc: 'Most bytes.' }),
        maxRecords: integer({ default: 5000, min: 1, doc: 'Most records.' }),
      },
      { doc: 'Batches.' },
    ),
    login: optional(object({ user: required(text({ doc: 'Who.' })), note: text({ doc: 'Why.' }) }, { doc: 'Login.' })),
    format: choice(['ndjson', 'json'], { default: 'ndjson', doc: 'Format.' }),
  },
  { doc: 'All.' },
);

const message = (options: unknown) => {
  try {
    parseOptions(schema, options);
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
  throw new Error('was accepted');
};

suite('options', () => {
  it('fills in defaults and takes sizes as numbers or strings', () => {
    const parsed = parseOptions(schema, { url: 'http://h', batch: { maxBytes: '32mb' } });
    expect(parsed).toEqual({
      url: 'http://h',
      token: undefined,
      labels: {},
      batch: { maxBytes: 32 * 2 ** 20, maxRecords: 5000 },
      login: undefined,
      format: 'ndjson',
    });
  });

  it('infers what users write and what code gets', () => {
    expectTypeOf<Parsed<typeof schema>['format']>().toEqualTypeOf<'ndjson' | 'json'>();
    expectTypeOf<Parsed<typeof schema>['token']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Parsed<typeof schema>['url']>().toEqualTypeOf<string>();
    expectTypeOf<{ url: string }>().toExtend<Input<typeof schema>>();
    expectTypeOf<{ url: string; batch: { maxBytes: '1mb' } }>().toExtend<Input<typeof schema>>();
    expectTypeOf<{ url: string; login: { user: string } }>().toExtend<Input<typeof schema>>();
    expectTypeOf<{ url: string; login: { note: string } }>().not.toExtend<Input<typeof schema>>();
    expectTypeOf<{ token: string }>().not.toExtend<Input<typeof schema>>();
  });

  it.each([
    [{}, 'Expected `url` to be a URL that starts with http:// or https://, got nothing'],
    [{ url: 'h:1' }, "got 'h:1' (string)"],
    [
      { url: 'http://h', batch: { maxBytes: '32mib' } },
      "Expected `batch.maxBytes` to be a number of bytes or a string such as '512kb' or '32mb', >= '1kb', got '32mib' (string)",
    ],
    [
      { url: 'http://h', batch: { maxRecords: -1 } },
      'Expected `batch.maxRecords` to be a whole number >= 1, got -1 (number)',
    ],
    [{ url: 'http://h', batch: { maxbytes: 1 } }, 'Unknown option `batch.maxbytes`: did you mean `batch.maxBytes`?'],
    [{ url: 'http://h', zzz: 1 }, 'Unknown option `zzz`. Expected one of url, '],
    [{ url: 'http://h', labels: { a: 1 } }, 'Expected `labels.a` to be a non-empty string, got 1 (number)'],
    [{ url: 'http://h', labels: { 'a b': 'x' } }, "Expected `the name labels.a b` to be a word, got 'a b' (string)"],
    [{ url: 'http://h', format: 'xml' }, "Expected `format` to be 'ndjson' | 'json', got 'xml' (string)"],
    [{ url: 'http://h', login: {} }, 'Expected `login.user` to be a non-empty string, got nothing'],
    ['http://h', 'Expected `options` to be an object'],
  ])('refuses %j', (options, text) => {
    expect(message(options)).toContain(text);
    expect(message(options)).toContain('SPILLWAY_OPTIONS_INVALID');
  });

  it.each([
    [milliseconds({ doc: '' }), 2 ** 31, 'from 0 to 2147483647, got 2147483648 (number)'],
    [size({ max: 4 * 2 ** 30, doc: '' }), '8gb', "from 0 to '4gb', got '8gb' (string)"],
    [size({ doc: '' }), -1, '>= 0, got -1 (number)'],
  ])('names the bound that a value is over', (one, value, text) => {
    expect(() => parseOptions(one, value, 'x')).toThrow(text);
  });

  it.each<[string, Schema<unknown>]>([
    ['an object', object({ user: text({ doc: '' }), password: text({ doc: '', secret: true }) }, { doc: '' })],
    [
      'an object in an object',
      object({ login: object({ key: text({ doc: '', secret: true }) }, { doc: '' }) }, { doc: '' }),
    ],
    ['a list', list(text({ doc: '', secret: true }), { doc: '' })],
    ['a dictionary', dictionary(text({ doc: '', secret: true }), { doc: '' })],
  ])('shows nothing of what was given for %s of secrets', (_, holder) => {
    expect(() => parseOptions(holder, 'hunter2', 'auth')).toThrow(/^Expected `auth` to be an? .*, got a string$/);
  });

  it('never shows a secret', () => {
    expect(message({ url: 'http://h', token: ['hunter2'] })).not.toContain('hunter2');
  });

  it('never shows what hides in a URL', () => {
    const shown = message({ url: 'ftp://joe:hunter2@h/path?token=hunter2' });
    expect(shown).toContain("got 'ftp://h/path' (string)");
    expect(shown).not.toContain('hunter2');
  });

  it('names every problem at once', () => {
    expect(message({ urll: 'x', format: 1 }).split('\n')).toHaveLength(3);
  });

  it('describes itself for the docs', () => {
    expect(describe(schema).map(({ path, default: fallback }) => [path, fallback])).toEqual([
      ['url', 'required'],
      ['token', '–'],
      ['labels', '{}'],
      ['batch.maxBytes', "'1mb'"],
      ['batch.maxRecords', '5000'],
      ['login.user', 'required in `login`'],
      ['login.note', '–'],
      ['format', '"ndjson"'],
    ]);
  });
});
