// Patterns of paths match as the expression they stand for would, and no path takes them long.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { pathPatterns } from './path-pattern.js';

test('patterns match what the same pattern with `.*` matches', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.'), maxLength: 12 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '*', '*'), maxLength: 8 });
  fc.assert(
    fc.property(pattern, text, (given, path) => {
      const expression = new RegExp(`^${given.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
      expect(pathPatterns([given])(path), `${given} ${path}`).toBe(expression.test(path));
    }),
    { numRuns: 5000 },
  );
});

test('a hostile path is passed once', () => {
  // An expression would try some 10^15 ways.
  expect(pathPatterns(['/*/a/*/a/*/a/*/b'])(`/${'/a/'.repeat(5000)}`)).toBe(false);
});
