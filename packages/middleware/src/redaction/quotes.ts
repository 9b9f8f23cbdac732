// Where quoted values within text end, be the text JSON, or JSON in a string of JSON, with as many backslashes as it is deep.

/** Where the value that began with `depth` backslashes and a quote ends: at the next quote with no more backslashes than that. */
export function closing(text: string, start: number, quote: string, depth: number): number {
  for (let at = text.indexOf(quote, start); at >= 0; at = text.indexOf(quote, at + 1)) {
    let escapes = 0;
    while (at - escapes > start && text.charCodeAt(at - escapes - 1) === 92) escapes++;
    if (escapes <= depth) return at - escapes;
  }
  return text.length;
}
