// JSON to the letter, for destinations to which one line that is none would cost a message, or a whole request.
// In: bytes, a position and an end. Out: the position after what begins there, or -1 where it is not JSON.
// Numbers and words are as RFC 8259 has them, so no NaN, `01` or `.5`; text has neither control characters nor unknown
// escapes. Invariant: nothing from `end` on is read as part of a value.

import { afterSpace } from './json-scan.js';

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const open = 0x7b;
const close = 0x7d;
const space = 0x20;
const letterU = 0x75;
/** 1 for what may follow a backslash, but for `u`. */
const escapes = new Uint8Array(256);
for (const char of '"\\/bfnrt') escapes[char.charCodeAt(0)] = 1;
const words = ['true', 'false', 'null'].map((word) => Buffer.from(word));
/** Parsers have bounds of their own: Jackson's is 1000. */
const maxDepth = 500;

/** Whether the bytes [from, to) are one JSON object. */
export function isJsonObject(source: Uint8Array, from: number, to: number): boolean {
  const start = afterSpace(source, from, to);
  if (source[start] !== open) return false;
  const after = afterJsonValue(source, start, to);
  return after >= 0 && afterSpace(source, after, to) === to;
}

/** The position after the value that begins at `at`. */
export function afterJsonValue(source: Uint8Array, at: number, end: number, depth = 0): number {
  if (at >= end) return -1;
  const first = source[at]!;
  if (first === quote) return afterJsonString(source, at, end);
  if (first === open || first === openList) return afterItems(source, at, end, depth + 1);
  return first === minus || isDigit(first) ? afterNumber(source, at, end) : afterWord(source, at, end);
}

/** The position after the string that begins at `at`. */
export function afterJsonString(source: Uint8Array, at: number, end: number): number {
  for (let i = at + 1; i < end; i++) {
    const byte = source[i]!;
    if (byte === quote) return i + 1;
    if (byte < space) return -1;
    if (byte !== backslash) continue;
    const escaped = source[++i]!;
    if (escapes[escaped] === 1) continue;
    if (escaped !== letterU || !isHex(source, i + 1, end)) return -1;
    i += 4;
  }
  return -1;
}

/** The members of an object or the items of a list, to the bracket that closes it. */
function afterItems(source: Uint8Array, at: number, end: number, depth: number): number {
  if (depth > maxDepth) return -1;
  const isObject = source[at] === open;
  const last = isObject ? close : closeList;
  let next = afterSpace(source, at + 1, end);
  if (next < end && source[next] === last) return next + 1;
  for (;;) {
    if (isObject) next = afterName(source, next, end);
    if (next < 0) return -1;
    next = afterJsonValue(source, next, end, depth);
    if (next < 0) return -1;
    next = afterSpace(source, next, end);
    if (next >= end) return -1;
    if (source[next] === last) return next + 1;
    if (source[next] !== comma) return -1;
    next = afterSpace(source, next + 1, end);
  }
}

/** Where the value begins whose name is at `at`. */
function afterName(source: Uint8Array, at: number, end: number): number {
  if (source[at] !== quote) return -1;
  const after = afterJsonString(source, at, end);
  if (after < 0) return -1;
  const mark = afterSpace(source, after, end);
  return mark < end && source[mark] === colon ? afterSpace(source, mark + 1, end) : -1;
}

function afterNumber(source: Uint8Array, at: number, end: number): number {
  const first = source[at] === minus ? at + 1 : at;
  let next = afterDigits(source, first, end);
  if (next === first || (source[first] === zero && next > first + 1)) return -1;
  if (next < end && source[next] === dot) {
    const fraction = next + 1;
    next = afterDigits(source, fraction, end);
    if (next === fraction) return -1;
  }
  // `e` and `E`
  if (next >= end || (source[next]! | 0x20) !== 0x65) return next;
  const sign = source[next + 1];
  const exponent = sign === minus || sign === 0x2b ? next + 2 : next + 1;
  next = afterDigits(source, exponent, end);
  return next > exponent ? next : -1;
}

function afterDigits(source: Uint8Array, at: number, end: number): number {
  let next = at;
  while (next < end && isDigit(source[next]!)) next++;
  return next;
}

function afterWord(source: Uint8Array, at: number, end: number): number {
  for (const word of words) {
    if (source[at] !== word[0] || at + word.length > end) continue;
    return word.every((byte, i) => source[at + i] === byte) ? at + word.length : -1;
  }
  return -1;
}

function isHex(source: Uint8Array, at: number, end: number): boolean {
  if (at + 4 > end) return false;
  for (let i = at; i < at + 4; i++) {
    const byte = source[i]!;
    const letter = byte | 0x20;
    if (!isDigit(byte) && !(letter >= 0x61 && letter <= 0x66)) return false;
  }
  return true;
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= 0x39;
}
