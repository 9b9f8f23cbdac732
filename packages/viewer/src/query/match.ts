// Whether a record satisfies the terms that the full-text index cannot decide alone: fields, exclusions, literals.
// Pure. Fields are looked up in the record, then in its metadata, then in its labels.
import type { Pairs } from '../decode/entry.js';
import { contains } from '../record/fold.js';
import { levelName } from '../record/level.js';
import { walk } from '../record/text.js';
import type { Operator, Term } from './parse.js';

/** A stored record, parsed. */
export interface Candidate {
  readonly level: number;
  /** The parsed object, or the text of a line that is none. */
  readonly record: unknown;
  readonly raw: string;
  readonly labels: Pairs | undefined;
  readonly metadata: Pairs | undefined;
}

/** True when every term holds. */
export function matches(candidate: Candidate, terms: readonly Term[]): boolean {
  let text: string | undefined;
  return terms.every((term) => {
    if (term.kind === 'words') {
      text ??= walk(candidate.record, candidate.labels, candidate.metadata).text;
      return contains(text, term.words, term) !== term.negate;
    }
    if (term.kind === 'literal') return candidate.raw.includes(term.text) !== term.negate;
    return matchesField(candidate, term) !== term.negate;
  });
}

function matchesField(candidate: Candidate, term: { path: string; operator: Operator; value: string }): boolean {
  if (term.path === 'level' && compare(levelName(candidate.level), term)) return true;
  const { record, metadata, labels } = candidate;
  return [record, metadata, labels].some((source) => values(source, term.path).some((value) => compare(value, term)));
}

/** Values at a dotted path; a key may itself contain dots, and arrays are searched through. */
function values(source: unknown, path: string): unknown[] {
  if (source === null || typeof source !== 'object') return [];
  if (Array.isArray(source)) return source.slice(0, 1000).flatMap((element) => values(element, path));
  const fields = source as Record<string, unknown>;
  const found: unknown[] = Object.hasOwn(fields, path) ? leaves(fields[path]) : [];
  for (let dot = path.indexOf('.'); dot !== -1; dot = path.indexOf('.', dot + 1)) {
    const key = path.slice(0, dot);
    if (Object.hasOwn(fields, key)) found.push(...values(fields[key], path.slice(dot + 1)));
  }
  return found;
}

function leaves(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, 1000) : [value];
}

function compare(actual: unknown, { operator, value }: { operator: Operator; value: string }): boolean {
  if (operator === 'exists') return true;
  if (actual !== null && typeof actual === 'object') return false;
  const text = String(actual).toLowerCase();
  if (operator === 'is')
    return text === value.toLowerCase() || (typeof actual === 'number' && actual === Number(value || 'NaN'));
  if (operator === 'prefix') return text.startsWith(value.toLowerCase());
  const [left, right] = [Number(text || 'NaN'), Number(value)];
  if (Number.isNaN(left) || Number.isNaN(right)) return false;
  if (operator === '>') return left > right;
  if (operator === '>=') return left >= right;
  return operator === '<' ? left < right : left <= right;
}
