import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject } from './json-strict.js';

/** With bytes around it that would complete what is cut off. */
const accepts = (text: string) => {
  const line = Buffer.from(text);
  return isJsonObject(Buffer.concat([Buffer.from('{"'), line, Buffer.from('"}0]')]), 2, 2 + line.length);
};

function parses(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

describe('what is JSON', () => {
  it.each([
    ...['NaN', 'Infinity', '-Infinity', '01', '-01', '+1', '.5', '1.', '1.e5', '1e', '1e+', '-', '--1', '1-2', '0x1'],
    ...['1e999', '-0', '0', '0.50', '1E+5', '-1.5e-7', '12345678901234567890'],
    ...['true', 'tru', 'truth', 'false', 'null', 'nul', 'undefined', 'True', ''],
    ...['"\\x"', '"\\u12"', '"\\u12G4"', '"\\u00fF"', '"\\\\\\"\\/\\b\\f\\n\\r\\t"', '"a\tb"', '"a', '"a\\'],
    ...['[', '[]', '[1,]', '[,1]', '[1 2]', '[1}', '{]', '{', '{"a"}', '{"a":}', '{a:1}', '{"a":1,}', '[[{"b":[ ]}]]'],
  ])('is what JSON.parse takes, as a value: %s', (value) => {
    for (const text of [`{"level":30,"x":${value}}`, `{"x":${value}`, `{"x":[${value}],"y":1}`, value]) {
      expect([text, accepts(text)]).toEqual([text, parses(text)]);
    }
  });

  it('is what JSON.parse takes, with any byte of a line changed, and cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.nat(),
        fc.string({ maxLength: 2 }),
        (line, at, put) => {
          const text = JSON.stringify(line);
          const changed = `${text.slice(0, at % text.length)}${put}${text.slice((at % text.length) + 1)}`;
          for (const each of [text, changed, text.slice(0, at % text.length), `${text}${text}`, ` ${text}\t`]) {
            if (!each.includes('\n')) expect([each, accepts(each)]).toEqual([each, parses(each)]);
          }
        },
      ),
    );
  });

  it('is not nested without end', () => {
    expect(accepts(`{"a":${'['.repeat(400)}${']'.repeat(400)}}`)).toBe(true);
    expect(accepts(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toBe(false);
  });
});
