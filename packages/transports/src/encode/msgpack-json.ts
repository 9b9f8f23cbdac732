// JSON to MessagePack in one pass over the bytes: no object, no string, no second buffer.
// In: the bytes of one JSON object. Out: the same value in MessagePack, or false and nothing written where it is not JSON.
// Names and values keep their order, names that occur twice occur twice. Whole numbers stay whole as far as 64 bits go.
// Invariant: it never throws and never reads or recurses beyond its bounds, whatever the bytes.

import type { ByteWriter } from './byte-writer.js';
import { writeBigInteger, writeFloat, writeInteger } from './msgpack.js';
import { writeJsonText } from './msgpack-text.js';

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const colon = 0x3a;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** Deeper values are not transcoded; no logger writes them. */
const maxDepth = 64;
/** `-0` is the shortest text that becomes the longest number: three bytes with its comma, nine in MessagePack. */
const growth = 3;
/** Digits that a number holds exactly. */
const exactDigits = 15;
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/;

// What the one pass works on: encoding is synchronous, so there is never a second one. Positions are passed from hand to
// hand, each the one to go on from, or -1 after what is not JSON.
let writer: ByteWriter;
let bytes: Buffer;
let end = 0;

/** Writes the object [from, to) with its header. `extra`: how many members the caller will add behind it. */
export function writeJsonObject(target: ByteWriter, source: Buffer, from: number, to: number, extra = 0): boolean {
  const start = target.length;
  [writer, bytes, end] = [target, source, to];
  writer.reserve((to - from) * growth + 16);
  const open = afterSpace(from);
  if (open < end && bytes[open] === openObject) {
    const after = writeItems(open, 0, extra);
    if (after >= 0 && afterSpace(after) === end) return true;
  }
  target.length = start;
  return false;
}

/** Where the next byte is that is no space; `end` if there is none. */
function afterSpace(at: number): number {
  let next = at;
  while (next < end) {
    const byte = bytes[next]!;
    if (byte > 0x20 || (byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d)) return next;
    next++;
  }
  return next;
}

function writeValue(at: number, depth: number): number {
  const byte = at < end ? bytes[at]! : 0;
  if (byte === quote) return writeJsonText(writer, bytes, at, end);
  if (byte === minus || isDigit(byte)) return writeNumber(at);
  if (byte === openObject || byte === openList) return writeItems(at, depth + 1, 0);
  if (byte === 0x74) return writeWord(at, 'true', 0xc3);
  if (byte === 0x66) return writeWord(at, 'false', 0xc2);
  return byte === 0x6e ? writeWord(at, 'null', 0xc0) : -1;
}

/** The object or the list that begins at `open`. */
function writeItems(open: number, depth: number, extra: number): number {
  if (depth > maxDepth) return -1;
  const isObject = bytes[open] === openObject;
  const close = isObject ? closeObject : closeList;
  const head = writer.length++;
  let count = 0;
  let at = afterSpace(open + 1);
  if (at < end && bytes[at] === close) at++;
  else {
    for (let more = true; more; ) {
      if (isObject) at = writeName(at);
      if (at < 0) return -1;
      at = writeValue(at, depth);
      if (at < 0) return -1;
      count++;
      at = afterSpace(at);
      const byte = at < end ? bytes[at]! : 0;
      more = byte === comma;
      if (!more && byte !== close) return -1;
      at++;
      if (more) at = afterSpace(at);
    }
  }
  if (isObject) closeHeader(head, count + extra, 0x80, 0xde);
  else closeHeader(head, count, 0x90, 0xdc);
  return at;
}

/** The name at `at` and its colon; where its value begins. */
function writeName(at: number): number {
  if (at >= end || bytes[at] !== quote) return -1;
  const after = writeJsonText(writer, bytes, at, end);
  if (after < 0) return -1;
  const mark = afterSpace(after);
  return mark < end && bytes[mark] === colon ? afterSpace(mark + 1) : -1;
}

/** Fills in how many items there are. One byte was left for it; what needs more moves its items along. */
function closeHeader(head: number, count: number, fix: number, b16: number): void {
  if (count < 16) {
    writer.buffer[head] = fix | count;
    return;
  }
  const width = count < 0x10000 ? 2 : 4;
  writer.reserve(width);
  writer.buffer.copyWithin(head + 1 + width, head + 1, writer.length);
  writer.buffer[head] = width === 2 ? b16 : b16 + 1;
  writer.buffer.writeUIntBE(count, head + 1, width);
  writer.length += width;
}

function writeNumber(at: number): number {
  const first = bytes[at] === minus ? at + 1 : at;
  let value = 0;
  let i = first;
  while (i < end && isDigit(bytes[i]!)) value = value * 10 + bytes[i++]! - 0x30;
  const whole = i === end || (bytes[i] !== dot && (bytes[i]! | 0x20) !== 0x65);
  const plain = i > first && i - first <= exactDigits && (bytes[first] !== 0x30 || i === at + 1);
  // `-0` is not plain, since only a float can hold it, and neither is `00`.
  if (!whole || !plain) return writeLongNumber(at, whole);
  writeInteger(writer, first === at ? value : -value);
  return i;
}

function writeLongNumber(at: number, whole: boolean): number {
  let after = at;
  while (after < end && isNumeric(bytes[after]!)) after++;
  const text = bytes.toString('latin1', at, after);
  if (!jsonNumber.test(text)) return -1;
  const integer = whole && text.length <= 20 && text !== '-0' ? BigInt(text) : undefined;
  if (integer !== undefined && integer >= -(2n ** 63n) && integer < 2n ** 64n) writeBigInteger(writer, integer);
  else writeFloat(writer, Number(text));
  return after;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isNumeric(byte: number): boolean {
  return isDigit(byte) || byte === dot || byte === minus || byte === 0x2b || (byte | 0x20) === 0x65;
}

function writeWord(at: number, word: string, code: number): number {
  if (at + word.length > end) return -1;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return -1;
  writer.buffer[writer.length++] = code;
  return at + word.length;
}
