// JSON strings as MessagePack text: copied where nothing is escaped, unescaped in place where something is.
// In: the bytes of a string from its opening quote on. Out: text in UTF-8 with its header, and where the string ended.
// Invariant: the room that a string needs here is never more than the JSON took, its header included.

import type { ByteWriter } from './byte-writer.js';
import { writeStringHeader } from './msgpack.js';

const quote = 0x22;
const backslash = 0x5c;

/** Longest text whose header is one byte: those are copied while their end is sought. */
const shortest = 31;

/** Writes the string whose opening quote is at `open`. The position after its closing quote; -1 where it has none. */
export function writeJsonText(writer: ByteWriter, bytes: Buffer, open: number, end: number): number {
  const { buffer, length: head } = writer;
  const start = open + 1;
  const near = Math.min(end, start + shortest + 1);
  let into = head + 1;
  let i = start;
  for (; i < near; i++) {
    const byte = bytes[i]!;
    if (byte === quote) {
      buffer[head] = 0xa0 | (i - start);
      writer.length = into;
      return i + 1;
    }
    if (byte === backslash) return writeEscaped(writer, bytes, start, end);
    buffer[into++] = byte;
  }
  for (; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === backslash) return writeEscaped(writer, bytes, start, end);
    if (byte !== quote) continue;
    writeStringHeader(writer, i - start);
    copy(writer, bytes, start, i);
    return i + 1;
  }
  return -1;
}

function copy(writer: ByteWriter, bytes: Buffer, from: number, to: number): void {
  const { buffer } = writer;
  let into = writer.length;
  // A loop is quicker than a call for what is short.
  if (to - from > 64) into += bytes.copy(buffer, into, from, to);
  else for (let i = from; i < to; i++) buffer[into++] = bytes[i]!;
  writer.length = into;
}

/** Of bytes that follow a backslash: what they stand for; 0 for none. */
const meanings = new Uint8Array(256);
for (const [name, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  meanings[name!.charCodeAt(0)] = meaning!.charCodeAt(0);
}

function writeEscaped(writer: ByteWriter, bytes: Buffer, start: number, end: number): number {
  const length = lengthOf(bytes, start, end);
  if (length < 0) return -1;
  writeStringHeader(writer, length);
  let from = start;
  let i = start;
  while (bytes[i] !== quote) {
    if (bytes[i] !== backslash) i++;
    else {
      copy(writer, bytes, from, i);
      i = writeEscape(writer, bytes, i, end);
      from = i;
    }
  }
  copy(writer, bytes, from, i);
  return i + 1;
}

/** Bytes that the string takes without its escapes; -1 where it does not end or an escape is none. */
function lengthOf(bytes: Buffer, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; ) {
    const byte = bytes[i]!;
    if (byte === quote) return length;
    if (byte !== backslash) {
      length++;
      i++;
    } else if (i + 1 < end && meanings[bytes[i + 1]!] !== 0) {
      length++;
      i += 2;
    } else {
      const unit = unitAt(bytes, i, end);
      if (unit < 0) return -1;
      const pair = isHigh(unit) && isLow(unitAt(bytes, i + 6, end));
      length += pair ? 4 : unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
      i += pair ? 12 : 6;
    }
  }
  return -1;
}

/** Writes what the escape at `i` stands for, and returns the position after it. */
function writeEscape(writer: ByteWriter, bytes: Buffer, i: number, end: number): number {
  const meaning = meanings[bytes[i + 1]!]!;
  if (meaning !== 0) {
    writer.buffer[writer.length++] = meaning;
    return i + 2;
  }
  const unit = unitAt(bytes, i, end);
  const low = isHigh(unit) ? unitAt(bytes, i + 6, end) : -1;
  if (isLow(low)) {
    writePoint(writer, 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff));
    return i + 12;
  }
  // Half a character has no UTF-8: it becomes the replacement character, as everywhere in Node.js.
  writePoint(writer, isHigh(unit) || isLow(unit) ? 0xfffd : unit);
  return i + 6;
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** What bytes are worth as hexadecimal digits; -1 for those that are none. */
const digits = new Int8Array(256).fill(-1);
for (const digit of '0123456789abcdefABCDEF') digits[digit.charCodeAt(0)] = Number.parseInt(digit, 16);

/** The code unit of the `\uXXXX` at `i`; -1 where there is none. */
function unitAt(bytes: Buffer, i: number, end: number): number {
  if (i + 6 > end || bytes[i] !== backslash || bytes[i + 1] !== 0x75) return -1;
  let unit = 0;
  for (let at = i + 2; at < i + 6; at++) {
    const digit = digits[bytes[at]!]!;
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

function writePoint(writer: ByteWriter, point: number): void {
  const { buffer } = writer;
  let at = writer.length;
  if (point < 0x80) buffer[at++] = point;
  else {
    if (point < 0x800) buffer[at++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) buffer[at++] = 0xe0 | (point >> 12);
      else {
        buffer[at++] = 0xf0 | (point >> 18);
        buffer[at++] = 0x80 | ((point >> 12) & 63);
      }
      buffer[at++] = 0x80 | ((point >> 6) & 63);
    }
    buffer[at++] = 0x80 | (point & 63);
  }
  writer.length = at;
}
