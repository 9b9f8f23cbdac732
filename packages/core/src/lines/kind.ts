// The kind of a line whose `"kind"` was found, read without walking the whole line.
// In: bytes of a line, and where the name stands. Out: the text of the field, or undefined where it takes a closer look to tell.
// Invariant: never wrong about a line of JSON: what is not plainly a text at the top level is left to the general reader.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;

/** How the name stands in a line. */
export const KIND = Buffer.from('"kind"');

/** The text of the field whose name stands at `at`, in a line that starts at `start` and has that name once. */
export function kindOf(bytes: Buffer, start: number, at: number): string | undefined {
  const value = at + KIND.length + 1;
  if (bytes[value - 1] !== COLON || bytes[value] !== QUOTE || depthAt(bytes, start, at) !== 1) return undefined;
  const end = bytes.indexOf(QUOTE, value + 1);
  const text = bytes.toString('latin1', value + 1, end);
  return text === '' || text.includes('\\') ? undefined : text;
}

/** How many objects and lists are open at a position; -1 within a text. */
function depthAt(bytes: Buffer, start: number, at: number): number {
  let depth = 0;
  let inText = false;
  for (let i = start; i < at; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) inText = !inText;
    else if (inText) {
      if (byte === BACKSLASH) i++;
    } else if (byte === OPEN || byte === OPEN_LIST) depth++;
    else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
  }
  return inText ? -1 : depth;
}
