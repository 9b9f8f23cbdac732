// The fields of a line as additional fields of a GELF message: `_name`, values that are text or numbers.
// In: the bytes of one JSON object. Out: members, each with a comma before it, and where the message is.
// Objects are taken apart, `err.stack` becomes `_err_stack`; lists are text; true and false are text, since Graylog drops
// them; null is left out. Nothing is parsed but where things begin and end, and whether it is JSON at all: Graylog drops a
// message that is not, without a word.

import type { ByteWriter } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { afterSpace } from './encode/json-scan.js';
import { afterJsonString, afterJsonValue } from './encode/json-strict.js';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const underscore = 0x5f;
/** Longer names, and objects in objects beyond, become text. */
const maxPathBytes = 128;
const maxDepth = 8;

/**
 * Names that mean something to Graylog, which drops additional fields of that name or takes them for its own; they get an
 * underscore behind them. `_id` is what the specification forbids.
 */
export const reservedNames: readonly string[] = [
  ...['id', '_id', 'host', 'level', 'source', 'message', 'streams', 'version', 'timestamp'],
  ...['full_message', 'short_message'],
];
const reservedByLength: Buffer[][] = [];
for (const name of reservedNames) {
  reservedByLength[name.length] = [...(reservedByLength[name.length] ?? []), Buffer.from(name)];
}

/** 1 for the bytes that names may have: `^[\w.-]*$`. */
const plain = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-') plain[char.charCodeAt(0)] = 1;

const timeName = Buffer.from('time');
const trueText = Buffer.from('"true"');
const falseText = Buffer.from('"false"');

/** A value's place among the bytes of a batch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Writes additional fields. One instance works on one line at a time. */
export class GelfFields {
  readonly #writer: ByteWriter;
  readonly #messageName: Buffer;
  readonly #path = Buffer.alloc(maxPathBytes);
  #source: Buffer = this.#path;
  #end = 0;
  #message: Span | undefined;

  constructor(writer: ByteWriter, messageField: string) {
    this.#writer = writer;
    this.#messageName = Buffer.from(messageField);
  }

  /** Where the message of the last line is, if it has one. */
  get message(): Span | undefined {
    return this.#message;
  }

  /** Writes the members of the line [from, to). False, with nothing written, for what is not JSON. */
  write(source: Buffer, from: number, to: number): boolean {
    const start = this.#writer.length;
    this.#source = source;
    this.#end = to;
    this.#message = undefined;
    const first = afterSpace(source, from, to);
    const after = source[first] === open ? this.#members(first + 1, 0, 0) : -1;
    if (after >= 0 && afterSpace(source, after, to) === to) return true;
    this.#message = undefined;
    this.#writer.length = start;
    return false;
  }

  /** The members from `at` to the brace; the position after it, or -1. `path`: bytes of the name so far. */
  #members(at: number, path: number, depth: number): number {
    const source = this.#source;
    const end = this.#end;
    let key = afterSpace(source, at, end);
    if (source[key] === close) return key + 1;
    for (;;) {
      if (source[key] !== quote) return -1;
      const keyEnd = afterJsonString(source, key, end);
      if (keyEnd < 0) return -1;
      const mark = afterSpace(source, keyEnd, end);
      if (source[mark] !== colon) return -1;
      const value = afterSpace(source, mark + 1, end);
      const after = this.#member(key + 1, keyEnd - 1, value, path, depth);
      if (after < 0) return -1;
      const next = afterSpace(source, after, end);
      if (source[next] === close) return next + 1;
      if (source[next] !== comma) return -1;
      key = afterSpace(source, next + 1, end);
    }
  }

  #member(key: number, keyEnd: number, value: number, path: number, depth: number): number {
    const source = this.#source;
    const first = source[value];
    const length = this.#extend(path, key, keyEnd);
    if (first === open && length >= 0 && depth < maxDepth) return this.#members(value + 1, length, depth + 1);
    const after = afterJsonValue(source, value, this.#end);
    if (after < 0) return -1;
    if (depth === 0) {
      if (this.#spells(key, keyEnd, timeName)) return after;
      if (!this.#message && this.#spells(key, keyEnd, this.#messageName)) {
        this.#message = { from: value, to: after };
        return after;
      }
    }
    // `null`
    if (first === 0x6e) return after;
    this.#name(length < 0 ? path : length);
    this.#value(value, after);
    return after;
  }

  /** Adds a name to the path; the path's new length, or -1 where it would be too long. */
  #extend(path: number, from: number, to: number): number {
    const bytes = this.#path;
    const start = path === 0 ? 0 : path + 1;
    // Room for an underscore behind it.
    if (start + to - from >= maxPathBytes) return -1;
    if (path > 0) bytes[path] = underscore;
    let at = start;
    for (let i = from; i < to; i++) {
      const byte = this.#source[i]!;
      bytes[at++] = plain[byte] === 1 ? byte : underscore;
    }
    return at;
  }

  /** `,"_name":` */
  #name(length: number): void {
    const path = this.#path;
    const full = this.#isReserved(length) || length === 0 ? length + 1 : length;
    if (full > length) path[length] = underscore;
    const writer = this.#writer;
    writer.reserve(full + 5);
    const { buffer } = writer;
    let at = writer.length;
    buffer[at++] = comma;
    buffer[at++] = quote;
    buffer[at++] = underscore;
    for (let i = 0; i < full; i++) buffer[at++] = path[i]!;
    buffer[at++] = quote;
    buffer[at++] = colon;
    writer.length = at;
  }

  #value(from: number, to: number): void {
    const writer = this.#writer;
    const first = this.#source[from];
    if (first === 0x74) writer.bytes(trueText);
    else if (first === 0x66) writer.bytes(falseText);
    else if (first === open || first === openList) {
      writer.byte(quote);
      writeEscaped(writer, this.#source, from, to);
      writer.byte(quote);
    } else copy(writer, this.#source, from, to);
  }

  #isReserved(length: number): boolean {
    const candidates = reservedByLength[length];
    if (!candidates) return false;
    return candidates.some((name) => name.compare(this.#path, 0, length) === 0);
  }

  #spells(from: number, to: number, name: Buffer): boolean {
    if (to - from !== name.length) return false;
    for (let i = 0; i < name.length; i++) if (this.#source[from + i] !== name[i]) return false;
    return true;
  }
}

/** Bytes from here to there; short ones one by one, which is faster. */
export function copy(writer: ByteWriter, source: Buffer, from: number, to: number): void {
  const size = to - from;
  writer.reserve(size);
  if (size > 40) source.copy(writer.buffer, writer.length, from, to);
  else for (let i = 0, at = writer.length; i < size; i++) writer.buffer[at + i] = source[from + i]!;
  writer.length += size;
}
