// Which names promise a secret. One vocabulary for keys of objects, keys inside a serialized line, query parameters and text.
// In: a key. Out: whether its value must not be shown. Invariant: whatever a key is redacted for, `hint` finds in a line too.

import type { Hint } from './suspicion.js';

/** What a name says about its value. */
export type Secrecy = 'open' | 'contains' | 'ends';

// A secret if the name contains it: `userPassword`, `X-Api-Key`, `refresh_token`. Words may be joined by `-`, `_`, `.` or a
// space. Beside each pattern stands its anchor (see suspicion.ts): the rarest three letters that it cannot do without.
const STEMS: readonly (readonly [pattern: string, anchor: string])[] = [
  ['pass[-_. ]{0,3}w(?:or)?d', 'pas'],
  ['pwd', 'pwd'],
  ['pass[-_. ]{0,3}(?:phrase|code|key)', 'pas'],
  ['secret', 'ecr'],
  ['token', 'tok'],
  ['(?:api|access|private|signing|encryption)[-_. ]{0,3}key', 'key'],
  ['authorization', 'riz'],
  ['cookie', 'kie'],
  ['credential', 'ede'],
  ['session[-_. ]{0,3}id', 'ssi'],
  ['jwt', 'jwt'],
  ['bearer', 'bea'],
  ['[cx]srf', 'srf'],
  ['(?:card[-_. ]{0,3}number|credit[-_. ]{0,3}card)', 'ard'],
  ['raw[-_. ]{0,3}headers', 'raw'],
];
// A secret only if it is the whole name: these are parts of too many harmless words.
const WHOLE = ['pass', 'auth', 'pin', 'otp', 'totp', 'sid', 'cvv', 'cvv2', 'cvc', 'ssn', 'pan'];
const WHOLE_ANCHORS = ['pas', 'uth', 'pin', 'otp', 'sid', 'cvv', 'cvc', 'ssn', 'pan'];
// A secret as the name of a query parameter: OAuth codes, signed URLs, keys of maps and mail services.
const QUERY = ['key', 'code', 'sig', '(?:x-amz-|x-goog-)?signature', ...WHOLE];
const QUERY_ANCHORS = ['key', 'de=', 'ig=', 're=', '%3d', ...WHOLE_ANCHORS];

/** Between a name, what follows it and its value: on one line as much as it takes to align values. */
const GAP = '(?:[ \\t]{0,40}|\\s{0,3})';
/** A percent sign that has been encoded once or, within what was encoded already, several times. */
export const PERCENT = '%(?:25){0,3}';
/** What may stand between a name and its sign in a query: brackets and the numbers in them, encoded quotes, spaces. */
const CLOSING = `(?:[\\][+\\d]|${PERCENT}(?:22|27|5[BD]|20))`;

const REMEMBERED_NAMES = 2000;

/** The names of one configuration, compiled. */
export interface SecretNames {
  /** What the name of a key says about its value. */
  secrecy(key: string): Secrecy;
  /** Whether a text in a list names a header whose value, the next item, is a secret: headers that are no object, `['Cookie', 'a=1']`. */
  namesCredentials(item: unknown): boolean;
  /** Source of a pattern for a name within text, up to its value. */
  readonly named: string;
  /** Source of a pattern for a query parameter up to its value. */
  readonly query: string;
  /** The same for what is nested, `user[password]=`, and for what is in a parameter in its encoded form, `%22pin%22%3A`. */
  readonly encoded: string;
  /** Source of a pattern for the name of a header whose secret goes on to the end of its line. */
  readonly header: string;
  /** Finds every text with a secret name in it. */
  readonly textHint: Hint;
  /** Finds every line in which a whole key could be secret. */
  readonly keyHint: Hint;
}

/** A name as a pattern in which `-`, `_`, `.` and spaces between its words are optional, and its anchor. */
function flexible(name: string): readonly (readonly [string, string])[] {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[-_. ]+/)
    .filter((word) => word !== '');
  if (words.length === 0) return [];
  const pattern = words.map(literally).join('[-_. ]{0,3}');
  const long = words.find((word) => /^[A-Za-z0-9]{3}/.test(word));
  return [[pattern, long?.slice(0, 3).toLowerCase() ?? '']];
}

/** Source of a pattern for the end of a name within text that is none of these as a whole. */
function notAny(names: readonly string[]): string {
  if (names.length === 0) return '';
  return `(?<!(?:(?<![\\w.-])|%[\\da-f]{2})(?:${names.map(literally).join('|')}))`;
}

function literally(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, '\\$&');
}

/**
 * Compiles the names.
 * @param names.keys more names that are secret wherever they are part of a key
 * @param names.allow whole names that are not secret although they look so
 */
export function secretNames(names: {
  readonly keys: readonly string[];
  readonly allow: readonly string[];
}): SecretNames {
  const all = [...STEMS, ...names.keys.flatMap(flexible)];
  const stems = [...new Set(all.map(([pattern]) => pattern))].join('|');
  const whole = WHOLE.join('|');
  const secret = notAny(names.allow);
  // Within text, as in a body that is logged as it came, a whole name is one only between quotes.
  const part = `(?:${stems})[\\w.-]{0,40}${secret}`;
  const named = `(?:${part}\\\\*["']?|(?<=["'])(?:${whole})${secret}\\\\*["'])${GAP}[:=]>?${GAP}`;
  const queried = `(?:${QUERY.join('|')})${secret}`;
  const query = `[?&;]${queried}=`;
  const quoted = `(?:\\[|${PERCENT}(?:22|27|5B))(?:${whole})${secret}`;
  const encodedQuery = `%(?:3F|26)${queried}%3D`;
  const encoded = `(?:(?:${part}|${quoted})(?:${CLOSING}{1,12}[:=]|${CLOSING}{0,12}${PERCENT}3[AD])|${encodedQuery})`;
  const header = `(?:(?:proxy-)?authorization|(?:set-)?cookie)${secret}`;
  const contains = new RegExp(stems, 'i');
  const ends = new RegExp(`(?:${stems})$|^(?:${whole})$`, 'i');
  const allowed = new Set(names.allow.map((name) => name.toLowerCase()));
  const known = new Map<string, Secrecy>();

  function judge(key: string): Secrecy {
    if (allowed.has(key.toLowerCase())) return 'open';
    if (ends.test(key)) return 'ends';
    return contains.test(key) ? 'contains' : 'open';
  }

  return {
    named,
    query,
    encoded,
    header,
    textHint: {
      patterns: [stems, query, `["'](?:${whole})\\\\*["']`, quoted, encodedQuery],
      anchors: [...all.map(([, anchor]) => anchor), ...QUERY_ANCHORS],
    },
    // A key spelled with escapes would hide from the names, so lines with escaped letters are looked at in full.
    keyHint: { patterns: [`"(?:${whole})"\\s*:`, '\\\\u00[2-7]'], anchors: [...WHOLE_ANCHORS, '\\u0'] },
    secrecy(key) {
      const before = known.get(key);
      if (before !== undefined) return before;
      const secrecy = judge(key);
      // Names come from data: the memory of them is bounded.
      if (known.size >= REMEMBERED_NAMES) known.clear();
      if (key.length <= 64) known.set(key, secrecy);
      return secrecy;
    },
    namesCredentials: (item) => typeof item === 'string' && CREDENTIALS.test(item) && !allowed.has(item.toLowerCase()),
  };
}

const CREDENTIALS = /^(?:(?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token)$/i;
const WORDS = /^[a-z-]*$/i;

/** Whether an item of a list may be the value of a header, and not one more name, as in a list of headers that are allowed. */
export function isHeaderValue(item: unknown): boolean {
  return typeof item !== 'string' || !WORDS.test(item);
}

/**
 * Whether a value is hidden under a key. Counts and flags stay (`token_count: 3`, `hasPassword: true`); a number stays hidden
 * where the name ends in the secret word (`pin: 1234`).
 */
export function hides(secrecy: Secrecy, type: 'text' | 'number' | 'flag'): boolean {
  if (secrecy === 'open' || type === 'flag') return false;
  return type === 'text' || secrecy === 'ends';
}
