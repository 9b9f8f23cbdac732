// What lines are made of field by field is the JSON that JSON.stringify would make, also of texts met before, and of more texts
// than are remembered.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { innerJson, keyJson, repeatingField, valueJson } from './inner-json.js';

test('fields read back as they were, however often they come', () => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null));
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), value), (fields) => {
      const expected = JSON.parse(JSON.stringify({ first: 1, ...fields }));
      expect(JSON.parse(`{"first":1${innerJson(fields)}}`)).toEqual(expected);
      expect(JSON.parse(`{"first":1${innerJson(fields)}}`)).toEqual(expected);
    }),
  );
});

test('more and longer texts than are remembered stay right', () => {
  const field = repeatingField('route');
  const texts = [...Array.from({ length: 2500 }, (_, n) => `/users/${n}`), `/${'long/'.repeat(50)}`, 'a "quote"'];
  for (const text of [...texts, ...texts.reverse()]) {
    expect(field(text)).toBe(`,"route":${JSON.stringify(text)}`);
    expect(keyJson(text)).toBe(`,${JSON.stringify(text)}:`);
  }
});

test('numbers have the value that they had', () => {
  for (let thousandths = 0; thousandths < 3000; thousandths++) {
    expect(JSON.parse(valueJson(thousandths / 1000))).toBe(thousandths / 1000);
  }
  for (const odd of [-1.5, 1e21, 0.1 + 0.2, 1e-9, 123456789.123]) expect(JSON.parse(valueJson(odd))).toBe(odd);
  expect(valueJson(Number.NaN)).toBe('null');
});
