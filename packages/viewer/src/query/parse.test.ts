import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../limits.js';
import { parseQuery } from './parse.js';

const word = (...words: string[]) => ({ kind: 'words', negate: false, words, prefix: true });
const field = (path: string, operator: string, value: string) => ({
  kind: 'field',
  negate: false,
  path,
  operator,
  value,
});

test.each([
  ['', []],
  ['  payment  failed ', [word('payment'), word('failed')]],
  ['"connection reset"', [{ ...word('connection', 'reset'), prefix: false }]],
  ['"never closed', [{ ...word('never', 'closed'), prefix: false }]],
  ['-healthz', [{ ...word('healthz'), negate: true }]],
  ['--force', [word('force')]],
  ['reqId:abc', [field('reqId', 'is', 'abc')]],
  ['-level:debug', [{ ...field('level', 'is', 'debug'), negate: true }]],
  ['req.url:/api/*', [field('req.url', 'prefix', '/api/')]],
  ['res.statusCode:>=500', [field('res.statusCode', '>=', '500')]],
  ['ms:<10', [field('ms', '<', '10')]],
  ['err:*', [field('err', 'exists', '')]],
  ['msg:"order \\"x\\" placed"', [field('msg', 'is', 'order "x" placed')]],
  ['msg:"*"', [field('msg', 'is', '*')]],
  ['http://host/path', [word('http', 'host', 'path')]],
  ['12:30:01', [word('12', '30', '01')]],
  ['Error: boom', [word('error'), word('boom')]],
  [
    'a AND b OR c NOT d NEAR(e)',
    ['a', 'and', 'b', 'or', 'c', 'not', 'd'].map((one) => word(one)).concat([word('near', 'e')]),
  ],
  ['=>', [{ kind: 'literal', negate: false, text: '=>' }]],
  ['""', []],
])('reads %j', (query, expected) => {
  expect(parseQuery(query)).toEqual(expected);
});

test('never throws and never gives more terms than allowed', () => {
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.oneof(
          fc.constantFrom('"', '-', ':', '*', '\\', ' ', '>', '(', ')', '^', '.'),
          fc.string({ unit: 'binary', maxLength: 2 }),
        ),
        maxLength: 60,
      }),
      (query) => {
        expect(parseQuery(query).length).toBeLessThanOrEqual(limits.queryTerms);
      },
    ),
  );
  expect(parseQuery('x '.repeat(400))).toHaveLength(limits.queryTerms);
});
