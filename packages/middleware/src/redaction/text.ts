// Secrets within text: credentials of URLs, query tokens, `Authorization` values, `name=value` and `"name": "value"` pairs,
// JSON web tokens, private keys. In: any string. Out: the string without them; the same string if there are none.
// Invariants: linear in the length of the text (no pattern can backtrack into itself); never throws.

import { closing } from './quotes.js';
import { PERCENT, type SecretNames } from './secret-names.js';
import { structureRedaction } from './structures.js';
import { type Hint, joinHints, suspicion } from './suspicion.js';

/** Removes secrets from text. */
export interface TextRedaction {
  /** Finds every text that has something to remove. */
  readonly hint: Hint;
  text(text: string): string;
}

/** `://` within a query. */
const ENCODED_SLASHES = `${PERCENT}3A${PERCENT}2F${PERCENT}2F`;

// Beside each pattern its anchors (see suspicion.ts). User info: from `://` to the last `@` before the path, be it a user, a
// password, or a bare token. Web tokens: only where a run of their letters begins, or every letter of the run would be tried.
const CREDENTIALS: Hint = {
  patterns: [
    '://[^\\s/?#"\'<>\\\\@]*@',
    '(?:bearer|basic|digest|negotiate)\\s',
    '(?<![\\w-])eyJ[\\w-]{8,}\\.',
    '-----BEGIN',
    ENCODED_SLASHES,
  ],
  anchors: ['://', 'bea', 'asi', 'dig', 'neg', 'eyj', '--b', 'a%2'],
};

/** Compiles the patterns for a vocabulary. */
export function textRedaction(names: SecretNames, censor: string): TextRedaction {
  // Header lines keep their secret up to the end of the line; pairs up to the next delimiter.
  const header = new RegExp(`(${names.header}\\\\*["']?\\s{0,3}[:=]\\s{0,3}\\\\*["']?)[^\\r\\n"'\\\\]+`, 'gi');
  const quoted = new RegExp(`(${names.named})(\\\\*)(["'])`, 'gi');
  const bare = new RegExp(
    `(${names.named})(?!["'\\\\])(?:\\[[^\\]\\r\\n]*\\]?|\\{[^}\\r\\n]*\\}?|[^\\s"'&;,<>\\\\}\\]]+)`,
    'gi',
  );
  const structures = structureRedaction(names.named, censor);
  const parameter = new RegExp(`(${names.query})[^&#\\s"'\\\\]+`, 'gi');
  // To the end of the parameter where the value is JSON, of which a quote is not told from one within.
  const encoded = new RegExp(
    `(${names.encoded})(?:(?:\\+|${PERCENT}20){0,3}${PERCENT}22[^&#\\s"'\\\\]*|(?:(?!${PERCENT}26)[^&#\\s"'\\\\])+)`,
    'gi',
  );
  const userInfo = /(:\/\/)[^\s/?#"'<>\\]*@/g;
  const encodedUserInfo = new RegExp(`(${ENCODED_SLASHES})(?:(?!${PERCENT}2F)[^&#\\s"'\\\\])*${PERCENT}40`, 'gi');
  const scheme = /\b(bearer|basic|digest|negotiate)(\s{1,3})([\w.~+/=-]{6,})/gi;
  const webToken = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{2,}(?:\.[\w-]*)?/g;
  const privateKey = /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)[\s\S]*?(?:(-----END [A-Z ]{0,40}PRIVATE KEY-----)|$)/g;
  const hint = joinHints(names.textHint, CREDENTIALS);
  const suspicious = suspicion(hint);

  return {
    hint,
    text(text) {
      if (!suspicious(text)) return text;
      return structures(hideQuoted(text, quoted, censor))
        .replace(userInfo, `$1${censor}@`)
        .replace(encodedUserInfo, `$1${censor}%40`)
        .replace(encoded, `$1${censor}`)
        .replace(scheme, (all, name: string, gap: string, value: string) =>
          name.toLowerCase() === 'bearer' || looksRandom(value) ? `${name}${gap}${censor}` : all,
        )
        .replace(header, `$1${censor}`)
        .replace(bare, `$1${censor}`)
        .replace(parameter, `$1${censor}`)
        .replace(webToken, censor)
        .replace(privateKey, `$1${censor}$2`);
    },
  };
}

/** Tells a credential after `Basic` or `Digest` from an ordinary word: words have one case and no digits. */
function looksRandom(value: string): boolean {
  return /[\d=+/._~]/.test(value) || (/[a-z][A-Z]|[A-Z].*[a-z].*[A-Z]/.test(value) && value.length >= 6);
}

/** Hides the quoted values of secret names: `"token":"…"`, `password: '…'`, and JSON within a string: `\"token\":\"…\"`. */
function hideQuoted(text: string, pattern: RegExp, censor: string): string {
  let out = '';
  let copied = 0;
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const [all, , escapes, quote] = found as unknown as [string, string, string, string];
    const start = found.index + all.length;
    const end = closing(text, start, quote, escapes.length);
    out += text.slice(copied, start) + censor;
    copied = end;
    pattern.lastIndex = end;
  }
  return copied === 0 ? text : out + text.slice(copied);
}
