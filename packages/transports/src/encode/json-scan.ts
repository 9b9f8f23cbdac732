// Where things end in JSON text, byte by byte.
// In: bytes, a position and an end. Out: a position, or -1 where the text is not what it should be.
// Nothing is checked beyond what is needed to find the end: brackets only have to balance.

const quote = 0x22;
const backslash = 0x5c;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;
const comma = 0x2c;

/** The first position from `at` on that is no white space. */
export function afterSpace(source: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isSpace(source[next]!)) next++;
  return next;
}

/** The position after the string that begins at `at`. */
export function afterString(source: Uint8Array, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const byte = source[i];
    if (byte === backslash) i++;
    else if (byte === quote) return i + 1;
  }
  return -1;
}

/** The position after the value that begins at `at`. */
export function afterValue(source: Uint8Array, at: number, end: number): number {
  const first = source[at];
  if (first === quote) return afterString(source, at, end);
  if (first === open || first === openList) return afterNested(source, at, end);
  const to = afterScalar(source, at, end);
  return to > at ? to : -1;
}

/** The position after a number, true, false or null. */
export function afterScalar(source: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && !isDelimiter(source[next]!)) next++;
  return next;
}

function afterNested(source: Uint8Array, at: number, end: number): number {
  let depth = 0;
  for (let i = at; i < end; i++) {
    const byte = source[i];
    if (byte === quote) {
      i = afterString(source, i, end) - 1;
      if (i < 0) return -1;
    } else if (byte === open || byte === openList) depth++;
    else if ((byte === close || byte === closeList) && --depth === 0) return i + 1;
  }
  return -1;
}

function isDelimiter(byte: number): boolean {
  return byte === comma || byte === close || byte === closeList || isSpace(byte);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
