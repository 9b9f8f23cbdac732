import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../limits.js';
import { checkLabels, parseLabels } from './labels.js';
import { Refusal } from './refusal.js';

const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,12}$/);

test('reads back every label set that was written with escapes', () => {
  fc.assert(
    fc.property(
      fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 30 }), { minKeys: 1, maxKeys: 8 }),
      (labels) => {
        const literal = `{${Object.entries(labels)
          .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
          .join(', ')}}`;
        expect({ ...parseLabels(literal) }).toEqual({ ...labels });
      },
    ),
  );
});

test.each([
  ['{app="web",env="prod"}', { app: 'web', env: 'prod' }],
  ['{ app = "web" , env="a\\"b\\\\c\\nd" , }', { app: 'web', env: 'a"b\\c\nd' }],
  ['{app="\\u00e9\\x41\\U0001f600"}', { app: 'éA😀' }],
  ['{__proto__="x"}', { ['__proto__']: 'x' }],
])('reads %s', (literal, expected) => {
  expect(Object.entries(parseLabels(literal))).toEqual(Object.entries(expected));
});

test.each([
  '',
  '{',
  '}',
  'app="web"',
  '{app}',
  '{app=}',
  '{app=web}',
  '{app="web}',
  '{app="web"',
  '{app="web"}}',
  '{app="web" env="x"}',
  '{1app="web"}',
  '{app="a\nb"}',
  '{app="\\q"}',
  '{app="\\ud800"}',
  '{="x"}',
  '{app="web"} x',
])('refuses %j', (literal) => {
  expect(() => parseLabels(literal)).toThrow(Refusal);
});

test('refuses a name twice', () => {
  expect(() => parseLabels('{a="1",a="2"}')).toThrow(/duplicate label name: 'a'/);
});

test('is bounded in number and size, with the words of Loki', () => {
  const many = Object.fromEntries(Array.from({ length: limits.labels + 1 }, (_, i) => [`l${i}`, '']));
  expect(() => checkLabels(many)).toThrow(/has 65 label names; limit 64/);
  expect(() => checkLabels({ a: 'v'.repeat(limits.labelValueBytes + 1) })).toThrow(/label value too long/);
  expect(() => checkLabels({ ['n'.repeat(limits.labelNameBytes + 1)]: '' })).toThrow(/label name too long/);
});

test('a hostile literal is refused without backtracking over it again and again', () => {
  for (const piece of ['{a="\\', '{a="b",', '{a="b" ', '{"'])
    expect(() => parseLabels(piece.repeat(50_000))).toThrow(Refusal);
});
