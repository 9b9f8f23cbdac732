// Splits a query into an FTS5 expression, which the index answers, and the terms that each hit must still satisfy.
// Words are quoted before they reach FTS5, so no input can be an operator of its syntax.
import { cutMark, words } from '../record/fold.js';
import { unindexedKeys } from '../record/text.js';
import type { Term } from './parse.js';

/** How to run a query. */
export interface Plan {
  /** For FTS5's MATCH; undefined when the index cannot narrow the search. */
  readonly match: string | undefined;
  /** Terms to check on every hit; empty when the index alone decides. */
  readonly verify: readonly Term[];
}

/** Plans a query. */
export function plan(terms: readonly Term[]): Plan {
  const parts: string[] = [];
  const verify: Term[] = [];
  for (const term of terms) {
    if (term.kind === 'words' && !term.negate) {
      parts.push(phrase(term.words, term));
      continue;
    }
    verify.push(term);
    const narrower = narrow(term);
    if (narrower !== undefined) parts.push(narrower);
  }
  return { match: parts.length > 0 ? parts.join(' AND ') : undefined, verify };
}

// A value that a field must hold is in the record's text too, so the index can find the candidates: those with the words,
// and those whose text was cut. Times and levels are not in the text, and `1e3` equals 1000 but is another word.
function narrow(term: Term): string | undefined {
  if (term.kind !== 'field' || term.negate || unindexedKeys.has(term.path)) return undefined;
  if (term.operator !== 'is' && term.operator !== 'prefix') return undefined;
  const number = Number(term.value);
  if (!Number.isNaN(number) && String(number) !== term.value) return undefined;
  const found = words(term.value).slice(0, 8);
  return found.length === 0 ? undefined : `(${phrase(found, { prefix: true })} OR "${cutMark}")`;
}

function phrase(found: readonly string[], { prefix }: { prefix: boolean }): string {
  return `"${found.join(' ')}"${prefix ? '*' : ''}`;
}
