// Reads the parameters of the query API. A bad one is a 400 that names it, says what was expected and what was got.
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import { readLevel } from '../record/level.js';
import { readTime } from '../record/time.js';
import type { Search } from '../store/model.js';

/** What selects records, for a search and for a tail. */
export type Filter = Pick<Search, 'query' | 'level' | 'since' | 'until'>;

const filterNames = ['query', 'level', 'since', 'until'];
const searchNames = [...filterNames, 'after', 'before', 'limit', 'order'];

/** The parameters of `GET /api/records`. @throws Refusal 400 */
export function searchParameters(query: URLSearchParams): Search {
  checkNames(query, searchNames);
  const order = query.get('order') ?? 'newest';
  if (order !== 'newest' && order !== 'oldest') throw bad('order', '`newest` or `oldest`', order);
  return {
    ...filter(query),
    after: whole(query, 'after', { fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER }),
    before: whole(query, 'before', { fallback: Number.MAX_SAFE_INTEGER, min: 0, max: Number.MAX_SAFE_INTEGER }),
    limit: whole(query, 'limit', { fallback: 200, min: 1, max: limits.pageRecords }),
    maxBytes: limits.pageBytes,
    order,
    tail: false,
  };
}

/** The parameters of `GET /api/tail`; `after` is undefined when the tail starts with what comes next. @throws Refusal 400 */
export function tailParameters(query: URLSearchParams): { filter: Filter; after: number | undefined } {
  checkNames(query, [...filterNames, 'after']);
  const after = query.has('after')
    ? whole(query, 'after', { fallback: 0, min: 0, max: Number.MAX_SAFE_INTEGER })
    : undefined;
  return { filter: filter(query), after };
}

function filter(query: URLSearchParams): Filter {
  const text = query.get('query') ?? '';
  if (text.length > limits.queryChars) throw bad('query', `at most ${limits.queryChars} characters`, text);
  return {
    query: text,
    level: level(query.get('level')),
    since: time(query, 'since') ?? 0,
    until: time(query, 'until') ?? Number.MAX_SAFE_INTEGER,
  };
}

function level(text: string | null): number {
  if (text === null || text === '') return 0;
  const value = readLevel(text);
  if (value === 0) throw bad('level', 'a level such as `warn` or 40', text);
  return value;
}

const unitMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function time(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const value = amount === undefined ? readTime(text) : Date.now() - Number(amount) * unitMs[unit!]!;
  if (value === undefined) throw bad(name, 'an ISO time, epoch milliseconds, or an age such as `15m`', text);
  return value;
}

function whole(query: URLSearchParams, name: string, range: { fallback: number; min: number; max: number }): number {
  const text = query.get(name);
  if (text === null || text === '') return range.fallback;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= range.min && value <= range.max))
    throw bad(name, `a whole number from ${range.min} to ${range.max}`, text);
  return value;
}

function checkNames(query: URLSearchParams, known: readonly string[]): void {
  for (const name of query.keys()) {
    if (!known.includes(name))
      throw new Refusal(400, `unknown parameter \`${name.slice(0, 40)}\`; known: ${known.join(', ')}`);
  }
}

function bad(name: string, expected: string, got: string): Refusal {
  return new Refusal(400, `expected \`${name}\` to be ${expected}, got ${JSON.stringify(got.slice(0, 80))}`);
}
