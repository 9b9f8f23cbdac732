// Redacts a serialized line without parsing it: numbers, order and every untouched byte stay as the logger wrote them.
// In: one line of JSON. Out: the same string if nothing in it looks secret (a quick look decides), else a copy in which
// the values of secret keys and the secrets within strings are replaced.
// Invariant: what is not JSON is treated as text; never throws.

import { hides, isHeaderValue, type SecretNames } from './secret-names.js';
import { joinHints, suspicion } from './suspicion.js';
import type { TextRedaction } from './text.js';

const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;
const COMMA = 44;

/** Compiles the redaction of lines. */
export function lineRedaction(names: SecretNames, texts: TextRedaction, censor: string): (line: string) => string {
  const suspicious = suspicion(joinHints(names.keyHint, texts.hint));
  const hidden = JSON.stringify(censor);

  return (line) => {
    if (!suspicious(line)) return line;
    try {
      return walk(line);
    } catch {
      return texts.text(line);
    }
  };

  function walk(line: string): string {
    let out = '';
    let copied = 0;
    for (let at = line.indexOf('"'); at >= 0; at = line.indexOf('"', at)) {
      const end = endOfString(line, at);
      const next = afterSpace(line, end);
      const text = decoded(line.slice(at, end));
      const isKey = line.charCodeAt(next) === COLON;
      const start = afterSpace(line, next + 1);
      const hidesNext = isKey
        ? hides(names.secrecy(text), typeAt(line, start))
        : line.charCodeAt(next) === COMMA && names.namesCredentials(text) && isHeaderValue(itemAt(line, start));
      if (!hidesNext) {
        const clean = texts.text(text);
        if (clean !== text) {
          out += line.slice(copied, at) + JSON.stringify(clean);
          copied = end;
        }
        at = isKey ? start : end;
        continue;
      }
      const stop = endOfValue(line, start);
      out += line.slice(copied, start) + hidden;
      copied = stop;
      at = stop;
    }
    return copied === 0 ? line : out + line.slice(copied);
  }
}

function decoded(raw: string): string {
  return raw.includes('\\') ? (JSON.parse(raw) as string) : raw.slice(1, -1);
}

/** The text that begins at a position: nothing if it is a key, undefined for any other value. */
function itemAt(line: string, at: number): string | undefined {
  if (line.charCodeAt(at) !== QUOTE) return undefined;
  const end = endOfString(line, at);
  return line.charCodeAt(afterSpace(line, end)) === COLON ? '' : decoded(line.slice(at, end));
}

function typeAt(line: string, at: number): 'text' | 'number' | 'flag' {
  const first = line[at] ?? '';
  if (first === 't' || first === 'f' || first === 'n') return 'flag';
  return first === '-' || (first >= '0' && first <= '9') ? 'number' : 'text';
}

function afterSpace(line: string, at: number): number {
  while (line.charCodeAt(at) <= 32) at++;
  return at;
}

/** The position after the string that begins at `start`. */
function endOfString(line: string, start: number): number {
  for (let at = line.indexOf('"', start + 1); at >= 0; at = line.indexOf('"', at + 1)) {
    let escapes = 0;
    while (line.charCodeAt(at - escapes - 1) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
  throw new SyntaxError('a string has no end');
}

/** The position after the value that begins at `start`. */
function endOfValue(line: string, start: number): number {
  const first = line.charCodeAt(start);
  if (first === QUOTE) return endOfString(line, start);
  let depth = 0;
  for (let at = start; at < line.length; at++) {
    const char = line[at];
    if (char === '"') at = endOfString(line, at) - 1;
    else if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (char === ',' || char === ' ' || char === '\n')) return at;
  }
  throw new SyntaxError('a value has no end');
}
