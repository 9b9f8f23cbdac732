// The query language: words, "phrases", field:value, field:>=number, field:*, and a leading - to exclude.
// In: what a person typed. Out: terms that all must hold. Never throws on odd input: what is no operator is a word.
import { limits } from '../limits.js';
import { words } from '../record/fold.js';

/** How a field is compared. `is` compares text without case, or numbers. */
export type Operator = 'is' | 'prefix' | 'exists' | '>' | '>=' | '<' | '<=';

/** One condition of a query. */
export type Term =
  | { readonly kind: 'words'; readonly negate: boolean; readonly words: readonly string[]; readonly prefix: boolean }
  /** Text without a letter or digit, such as `=>` or an emoji: looked up as bytes. */
  | { readonly kind: 'literal'; readonly negate: boolean; readonly text: string }
  | {
      readonly kind: 'field';
      readonly negate: boolean;
      readonly path: string;
      readonly operator: Operator;
      readonly value: string;
    };

// -? then field: (no quotes or spaces in it), then "quoted" or bare.
const token = /(?:(-)(?!-))?(?:([\p{L}_@$][^\s":]*):(?=\S))?(?:"((?:[^"\\]|\\.)*)"?|(\S+))/gu;

/** Parses a query; at most `limits.queryTerms` terms of its first `limits.queryChars` characters count. */
export function parseQuery(query: string): Term[] {
  const terms: Term[] = [];
  for (const match of query.slice(0, limits.queryChars).matchAll(token)) {
    if (terms.length === limits.queryTerms) break;
    const [, minus, path, quoted, bare = ''] = match;
    const negate = minus === '-';
    const text = quoted === undefined ? bare : quoted.replace(/\\(.)/gu, '$1');
    // A URL such as http://host is a word, not the field `http`.
    if (path !== undefined && !bare.startsWith('//'))
      terms.push(fieldTerm({ negate, path, text, exact: quoted !== undefined }));
    else {
      const whole = path === undefined ? text : `${path}:${text}`;
      const term = textTerm({ negate, text: whole, prefix: quoted === undefined });
      if (term !== undefined) terms.push(term);
    }
  }
  return terms;
}

function textTerm({ negate, text, prefix }: { negate: boolean; text: string; prefix: boolean }): Term | undefined {
  const found = words(text);
  if (found.length > 0) return { kind: 'words', negate, words: found, prefix };
  return text === '' ? undefined : { kind: 'literal', negate, text };
}

function fieldTerm(from: { negate: boolean; path: string; text: string; exact: boolean }): Term {
  const { negate, path, text, exact } = from;
  const field = (operator: Operator, value: string): Term => ({ kind: 'field', negate, path, operator, value });
  if (exact) return field('is', text);
  if (text === '*') return field('exists', '');
  const compared = /^(>=|<=|>|<)(.+)$/.exec(text);
  if (compared) return field(compared[1] as Operator, compared[2]!);
  if (text.endsWith('*')) return field('prefix', text.slice(0, -1));
  return field('is', text);
}
