// Secrets within text that are whole structures: JSON, or what `util.inspect` prints, behind a secret name. In: text.
// Out: the same text with each structure hidden from its opening bracket to the one that closes it, over any number of levels and
// lines; to the end of the text where none does. Invariant: linear in the length of the text, each letter is passed once.

import { closing } from './quotes.js';

const QUOTES = '"\'`';

/** Hides the structures behind names; `named` is the source of a pattern for these. */
export function structureRedaction(named: string, censor: string): (text: string) => string {
  // Between the name and the bracket there may be what `inspect` says of a class: `Map(2) {`, `[Object: null prototype] {`.
  const opening = new RegExp(
    `(${named})(?:[a-z_$][\\w$]{0,40}(?:\\(\\d{1,9}\\))?\\s)?(?:\\[[\\w :]{1,60}\\]\\s)?[[{]`,
    'gi',
  );
  return (text) => {
    let out = '';
    let copied = 0;
    opening.lastIndex = 0;
    for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
      const [all, name] = found as unknown as [string, string];
      const end = endOfStructure(text, found.index + all.length);
      out += text.slice(copied, found.index) + name + censor;
      copied = end;
      opening.lastIndex = end;
    }
    return copied === 0 ? text : out + text.slice(copied);
  };
}

/** Where the structure ends whose opening bracket is just before `start`. Brackets within quotes do not count. */
function endOfStructure(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '{' || char === '[') depth++;
    else if (char === '}' || char === ']') {
      if (--depth === 0) return at + 1;
    } else if (QUOTES.includes(char)) {
      let escapes = 0;
      while (at - escapes > start && text[at - escapes - 1] === '\\') escapes++;
      const end = text.indexOf(char, closing(text, at + 1, char, escapes));
      if (end < 0) return text.length;
      at = end;
    }
  }
  return text.length;
}
