// JSON values as OpenTelemetry's AnyValue in protobuf (opentelemetry-proto, common/v1/common.proto), without parsing.
// In: a line's bytes and a position. Out: protobuf in one pass: strings are copied while their end is looked for.
// Invariants: 64-bit integers stay exact; what is no JSON makes a method return false and never throws; a length is
// guessed to be one byte and what follows it is moved if not, so messages are as short as those of any other encoder.

import { afterScalar, afterSpace, afterValue } from './json-scan.js';
import { putLength } from './protobuf.js';

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const openList = 0x5b;
const closeList = 0x5d;
const open = 0x7b;
const close = 0x7d;

// Fields of AnyValue, with their wire types.
const stringTag = 0x0a;
const boolTag = 0x10;
const intTag = 0x18;
const doubleTag = 0x21;
const arrayTag = 0x2a;
const listTag = 0x32;
/** Field 1 of ArrayValue, of KeyValueList and of KeyValue. */
const firstTag = 0x0a;
/** Field 2 of KeyValue. */
const valueTag = 0x12;

/** Deeper values become text. Decoders have limits, too: 100 levels of messages, three of which are one of ours. */
const maxDepth = 16;
/** Numbers of so many digits are exact. */
const exactDigits = 15;
const powers = Array.from({ length: exactDigits + 1 }, (_, i) => 10 ** i);
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

const float = new Float64Array(1);
const floatBytes = new Uint8Array(float.buffer);
const words = { t: Buffer.from('true'), f: Buffer.from('false'), n: Buffer.from('null') };

/** Most bytes that a line of that size becomes: `-1,` in a list is 13. Lengths of long values add a few for each level. */
export function anyValueBound(lineBytes: number): number {
  return lineBytes * 6 + 128;
}

/** Reads from a line and writes where there is room: see {@link anyValueBound}. */
export class AnyValueWriter {
  source: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;
  buffer: Buffer = Buffer.alloc(0);
  length = 0;

  /** A field of type AnyValue. */
  value(tag: number, depth = 0): boolean {
    this.buffer[this.length++] = tag;
    const slot = this.length++;
    if (!this.#any(depth)) return false;
    this.finish(slot);
    return true;
  }

  /** The rest of a KeyValue whose key was written, from the colon on. */
  valueOfKey(depth = 0): boolean {
    return this.colon() && this.value(valueTag, depth);
  }

  /** Steps over a colon and the spaces around it. */
  colon(): boolean {
    this.space();
    if (this.source[this.at] !== colon) return false;
    this.at++;
    this.space();
    return true;
  }

  /** A string, unescaped, with its length before it. */
  string(): boolean {
    const slot = this.length++;
    if (!this.text()) return false;
    this.finish(slot);
    return true;
  }

  /** A string, unescaped, without its length. */
  text(): boolean {
    const { source, buffer, end } = this;
    if (source[this.at] !== quote) return false;
    let at = this.at + 1;
    let to = this.length;
    while (at < end) {
      const byte = source[at++]!;
      if (byte === quote) {
        this.at = at;
        this.length = to;
        return true;
      }
      if (byte !== backslash) {
        buffer[to++] = byte;
        continue;
      }
      this.at = at;
      this.length = to;
      if (!this.#escaped()) return false;
      at = this.at;
      to = this.length;
    }
    return false;
  }

  /** Text of our own, in ASCII, without a length. */
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.buffer[this.length++] = text.charCodeAt(i);
  }

  space(): void {
    if (this.source[this.at]! <= 0x20) this.at = afterSpace(this.source, this.at, this.end);
  }

  /** Fills in the length of what follows `slot`, one byte that was left for it. */
  finish(slot: number): void {
    const size = this.length - slot - 1;
    if (size < 128) this.buffer[slot] = size;
    else this.length = putLength(this.buffer, slot, 1, this.length);
  }

  #any(depth: number): boolean {
    const first = this.source[this.at];
    if (first === quote) {
      this.buffer[this.length++] = stringTag;
      return this.string();
    }
    if (first === open || first === openList) {
      if (depth >= maxDepth) return this.#asText();
      return first === open ? this.#members(depth + 1) : this.#items(depth + 1);
    }
    if (first === 0x74) return this.#word(words.t, 1);
    if (first === 0x66) return this.#word(words.f, 0);
    if (first === 0x6e) return this.#word(words.n, -1);
    return this.#number();
  }

  #members(depth: number): boolean {
    this.buffer[this.length++] = listTag;
    const slot = this.length++;
    this.at++;
    this.space();
    while (this.source[this.at] !== close) {
      this.buffer[this.length++] = firstTag;
      const pair = this.length++;
      this.buffer[this.length++] = firstTag;
      if (!this.string() || !this.valueOfKey(depth)) return false;
      this.finish(pair);
      if (!this.separated(close)) return false;
    }
    this.at++;
    this.finish(slot);
    return true;
  }

  #items(depth: number): boolean {
    this.buffer[this.length++] = arrayTag;
    const slot = this.length++;
    this.at++;
    this.space();
    while (this.source[this.at] !== closeList) {
      if (!this.value(firstTag, depth) || !this.separated(closeList)) return false;
    }
    this.at++;
    this.finish(slot);
    return true;
  }

  /** Steps over a comma; false if neither that nor the end follows. */
  separated(end: number): boolean {
    this.space();
    const byte = this.source[this.at];
    if (byte === end) return true;
    if (byte !== comma) return false;
    this.at++;
    this.space();
    return true;
  }

  /** true, false, or null, which is an AnyValue without a value. */
  #word(word: Buffer, value: 1 | 0 | -1): boolean {
    for (let i = 0; i < word.length; i++) if (this.source[this.at + i] !== word[i]) return false;
    this.at += word.length;
    if (value < 0) return true;
    this.buffer[this.length++] = boolTag;
    this.buffer[this.length++] = value;
    return true;
  }

  #asText(): boolean {
    const to = afterValue(this.source, this.at, this.end);
    if (to < 0) return false;
    this.buffer[this.length++] = stringTag;
    const slot = this.length++;
    this.length += this.source.copy(this.buffer, this.length, this.at, to);
    this.finish(slot);
    this.at = to;
    return true;
  }

  /** Integers and short decimals digit by digit; the others are left to JavaScript. */
  #number(): boolean {
    const { source } = this;
    const negative = source[this.at] === minus;
    let at = negative ? this.at + 1 : this.at;
    const first = at;
    let value = 0;
    while (source[at]! >= zero && source[at]! <= 0x39) value = value * 10 + source[at++]! - zero;
    const whole = at - first;
    let fraction = 0;
    if (source[at] === dot) {
      const point = ++at;
      while (source[at]! >= zero && source[at]! <= 0x39) value = value * 10 + source[at++]! - zero;
      fraction = at - point;
      if (fraction === 0) return false;
    }
    const digits = whole + fraction;
    // With an exponent, or so many digits that they cannot be counted exactly.
    if (whole === 0 || digits > exactDigits || afterScalar(source, at, this.end) !== at) return this.#longNumber();
    this.at = at;
    if (fraction > 0) this.#double((negative ? -value : value) / powers[fraction]!);
    else if (negative) this.#bigInt(-BigInt(value));
    else this.#int(value);
    return true;
  }

  #longNumber(): boolean {
    const to = afterScalar(this.source, this.at, this.end);
    const text = this.source.toString('latin1', this.at, to);
    if (!/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return false;
    this.at = to;
    const integer = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
    if (integer !== undefined && integer >= minInt64 && integer <= maxInt64) this.#bigInt(integer);
    else this.#double(Number(text));
    return true;
  }

  #int(value: number): void {
    const { buffer } = this;
    let to = this.length;
    buffer[to++] = intTag;
    let rest = value;
    while (rest > 0x7fffffff) {
      buffer[to++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      buffer[to++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buffer[to++] = rest;
    this.length = to;
  }

  #bigInt(value: bigint): void {
    this.buffer[this.length++] = intTag;
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) this.buffer[this.length++] = Number(rest & 127n) | 128;
    this.buffer[this.length++] = Number(rest);
  }

  #double(value: number): void {
    float[0] = value;
    this.buffer[this.length++] = doubleTag;
    for (let i = 0; i < 8; i++) this.buffer[this.length++] = floatBytes[i]!;
  }

  /** What follows a backslash. */
  #escaped(): boolean {
    const byte = this.source[this.at++]!;
    if (byte === 0x75) return this.#codePoint();
    const plain = escapes[byte]!;
    this.buffer[this.length++] = plain;
    return plain !== 0;
  }

  #codePoint(): boolean {
    let code = this.#hex(this.at);
    if (code < 0) return false;
    this.at += 4;
    if (code >= 0xd800 && code <= 0xdfff) {
      const isPair = code < 0xdc00 && this.source[this.at] === backslash && this.source[this.at + 1] === 0x75;
      const low = isPair ? this.#hex(this.at + 2) : -1;
      if (low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        this.at += 6;
        // Half a pair has no form in UTF-8.
      } else code = 0xfffd;
    }
    this.#utf8(code);
    return true;
  }

  #hex(at: number): number {
    if (at + 4 > this.end) return -1;
    let code = 0;
    for (let i = at; i < at + 4; i++) {
      const byte = this.source[i]! | 0x20;
      const digit = byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : this.source[i]! - zero;
      if (digit < 0 || digit > 15 || (digit > 9 && byte < 0x61)) return -1;
      code = code * 16 + digit;
    }
    return code;
  }

  #utf8(code: number): void {
    const { buffer } = this;
    let to = this.length;
    if (code < 0x80) buffer[to++] = code;
    else {
      if (code < 0x800) buffer[to++] = 0xc0 | (code >> 6);
      else {
        if (code < 0x10000) buffer[to++] = 0xe0 | (code >> 12);
        else {
          buffer[to++] = 0xf0 | (code >> 18);
          buffer[to++] = 0x80 | ((code >> 12) & 63);
        }
        buffer[to++] = 0x80 | ((code >> 6) & 63);
      }
      buffer[to++] = 0x80 | (code & 63);
    }
    this.length = to;
  }
}

/** What the escapes of one letter stand for; 0 for those that JSON does not have. */
const escapes = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
})) {
  escapes[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}
