import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson, decodeNdjson } from './ndjson.js';

test('every line comes out as it went in, whatever separates them', () => {
  const line = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
    .filter((text) => !/[\r\n]/.test(text) && !/^\s*\[/.test(text));
  const separator = fc.constantFrom('\n', '\r\n', '\n\n', '\r\n\n');
  fc.assert(
    fc.property(fc.array(fc.tuple(line, separator), { maxLength: 20 }), fc.boolean(), (lines, ended) => {
      const body = lines.map(([text, end], i) => (i === lines.length - 1 && !ended ? text : text + end)).join('');
      expect(ndjson(body)).toEqual(lines.map(([text]) => text));
    }),
  );
});

test.each([
  ['objects', '[{"a":1},{"b":2}]', ['{"a":1}', '{"b":2}']],
  ['over several lines', ' [\n{"a":1},\n"text",\n3]\n', ['{"a":1}', 'text', '3']],
  ['empty', '[]', []],
])('a JSON array: %s', (_, body, expected) => {
  expect(ndjson(body)).toEqual(expected);
  expect(json(body)).toEqual(expected);
});

test('a line that begins like an array and is none is text', () => {
  expect(ndjson('[info] started\n[warn] slow')).toEqual(['[info] started', '[warn] slow']);
});

test('application/json may be one value over several lines, or lines after all', () => {
  expect(json('{\n  "a": 1\n}')).toEqual(['{"a":1}']);
  expect(json('{"a":1}\n{"b":2}\nnot json')).toEqual(['{"a":1}', '{"b":2}', 'not json']);
  expect(() => json('{"a":1')).toThrow(expect.objectContaining({ status: 400 }));
  expect(() => json('hello\nworld')).toThrow(expect.objectContaining({ status: 400 }));
});

test('invalid UTF-8 is replaced', () => {
  expect(ndjson(Buffer.from([0x61, 0xc3, 0x0a, 0x62]))).toEqual(['a\ufffd', 'b']);
});

test('JSON nested a hundred thousand deep is refused, not a crash', () => {
  const deep = `[${'['.repeat(100_000)}${']'.repeat(100_000)}]`;
  expect(() => ndjson(deep)).toThrow(expect.objectContaining({ status: 400 }));
});

function ndjson(body: string | Buffer): string[] {
  const lines: string[] = [];
  decodeNdjson(Buffer.from(body as string), ({ line }) => lines.push(line.toString()));
  return lines;
}

function json(body: string): string[] {
  const lines: string[] = [];
  decodeJson(Buffer.from(body), ({ line }) => lines.push(line.toString()));
  return lines;
}
