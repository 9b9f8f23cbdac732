// How text becomes searchable words, the same for the index and for queries, so that both always agree:
// lower case, no diacritics, words are runs of letters and digits, every CJK character is a word of its own.
// SQLite's `ascii` tokenizer does the ASCII part; here is what it cannot do.

// Scripts that are written without spaces. Hangul has spaces, so Korean words stay whole.
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/gu;
const notWord = /[^\p{L}\p{N}\0-\x7f]+/gu;
const ascii = /^[\0-\x7f]*$/;

/** A word that no text contains, because folding removes it: marks records of which only the beginning is indexed. */
export const cutMark = '\u{e000}';

/** Prepares text for the index: afterwards every non-ASCII character belongs to a word. ASCII text is returned as it is. */
export function fold(text: string): string {
  if (ascii.test(text)) return text;
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .normalize('NFC')
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .replace(notWord, ' ')
    .replace(unspaced, ' $& ');
}

/** The words of a text, in order. */
export function words(text: string): string[] {
  return (
    fold(text)
      .toLowerCase()
      .match(/[a-z0-9\x80-\u{10ffff}]+/gu) ?? []
  );
}

/** True when the words stand in the text next to each other and in this order; the last one may be a prefix. */
export function contains(text: string, phrase: readonly string[], { prefix }: { prefix: boolean }): boolean {
  const haystack = ` ${words(text).join(' ')} `;
  return haystack.includes(` ${phrase.join(' ')}${prefix ? '' : ' '}`);
}
