// JSON objects without parsing: our own members before the logger's, and which records already have a member.
// In: bytes of lines, each one JSON object, as the pipeline lets them through. Out: bytes, or flags.

import type { Batch } from '@spillway/core';
import { afterSpace, afterString } from './json-scan.js';
import type { LineWriter } from './line-writer.js';

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const colon = 0x3a;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;

/**
 * Ends an object that was begun, as in `{"a":1`, with the members of the line [from, to), of which there may be none.
 * Adds no byte to the line.
 * @throws TypeError for a line that is no JSON object; the pipeline lets none through
 */
export function writeMembers(writer: LineWriter, source: Buffer, from: number, to: number): void {
  const first = afterSpace(source, from, to);
  if (source[first] !== open) throw new TypeError('the line is not a JSON object');
  const members = afterSpace(source, first + 1, to);
  if (source[members] !== close) writer.byte(comma);
  writer.lines(members, to);
}

/**
 * Which records have a member of that name at their top level, as flags; undefined when none has. Names written with
 * escapes are not recognized.
 */
export function recordsWith(batch: Batch, name: string): Uint8Array | undefined {
  const values = memberValues(batch, name);
  if (!values) return undefined;
  const flags = new Uint8Array(values.length);
  for (let i = 0; i < flags.length; i++) if (values[i] !== 0) flags[i] = 1;
  return flags;
}

/**
 * Where the value of a record's top-level member of that name begins, as a position in the batch's bytes; 0 where it
 * has none. Undefined when none has, which one search through the bytes tells: a fast one where it begins with a byte
 * that is rare in logs. `rare` is the position of such a byte in the name.
 */
export function memberValues(batch: Batch, name: string, rare = 0): Uint32Array | undefined {
  // Without what is before it: searches run from first byte to first byte, and JSON is full of quotes.
  const needle = Buffer.from(`${name.slice(rare)}"`);
  const head = Buffer.from(`"${name.slice(0, rare)}`);
  // After a closing quote comes one of these: with any other first byte, a quote before the name opens it.
  const opens = !/^[\s,:}\]]/.test(name);
  const { bytes, offsets, count } = batch;
  const flat = new FlatRuns(bytes);
  const depths = new Depths(bytes);
  let values: Uint32Array | undefined;
  let record = 0;
  for (let hit = bytes.indexOf(needle); hit >= 0; ) {
    while (offsets[record + 1]! <= hit) record++;
    let from = hit + 1;
    const key = hit - head.length;
    if (spellsAt(bytes, key, head)) {
      const start = offsets[record]!;
      const plain = opens && !isEscaped(bytes, key) && flat.reaches(start, key);
      const colonAt = plain || depths.isMember(start, key) ? afterSpace(bytes, hit + needle.length, bytes.length) : -1;
      if (bytes[colonAt] === colon) {
        values ??= new Uint32Array(count);
        values[record] = afterSpace(bytes, colonAt + 1, bytes.length);
        from = offsets[record + 1]!;
      }
    }
    hit = bytes.indexOf(needle, from);
  }
  return values;
}

/** Where no brackets open, which two native searches tell that run ahead: what is there is at the top level. */
class FlatRuns {
  readonly #bytes: Buffer;
  #object = -1;
  #list = -1;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether no bracket opens between the first of the object at `start` and `to`. Asked in ascending order. */
  reaches(start: number, to: number): boolean {
    const first = this.#bytes.indexOf(open, start) + 1;
    if (this.#object < first) this.#object = this.#next(open, first);
    if (this.#list < first) this.#list = this.#next(openList, first);
    return this.#object >= to && this.#list >= to;
  }

  #next(byte: number, from: number): number {
    const at = this.#bytes.indexOf(byte, from);
    return at < 0 ? this.#bytes.length : at;
  }
}

/** How deep a place in an object is. Walks on from the last one: what is nested may hold a name many thousand times. */
class Depths {
  readonly #bytes: Buffer;
  #start = -1;
  #at = 0;
  #depth = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether `hit` is inside the object that starts at `start`, and neither in text nor deeper. Asked in ascending order. */
  isMember(start: number, hit: number): boolean {
    const bytes = this.#bytes;
    const known = start === this.#start;
    let at = known ? this.#at : start;
    let depth = known ? this.#depth : 0;
    while (at < hit) {
      const byte = bytes[at];
      if (byte === quote) {
        const end = afterString(bytes, at, bytes.length);
        at = end < 0 ? bytes.length : end;
        continue;
      }
      if (byte === open || byte === openList) depth++;
      else if (byte === close || byte === closeList) depth--;
      at++;
    }
    this.#start = start;
    this.#at = at;
    this.#depth = depth;
    return at === hit && depth === 1;
  }
}

/**
 * Where the name of the last member of the object [from, to) begins, with its quote, if it is that name and its value is
 * text; -1 otherwise. Loggers write the message last: then this is much cheaper than {@link memberValues}.
 */
export function lastTextMember(bytes: Buffer, [from, to]: readonly [number, number], name: Buffer): number {
  if (bytes[to - 1] !== close || bytes[to - 2] !== quote) return -1;
  // Inside text all quotes are escaped: the first that is not, backwards, is where it begins.
  let at = to - 3;
  while (at > from && (bytes[at] !== quote || isEscaped(bytes, at))) at--;
  const start = at - 1 - name.length;
  if (bytes[at - 1] !== colon || start <= from) return -1;
  for (let i = 0; i < name.length; i++) if (bytes[start + i] !== name[i]) return -1;
  const before = bytes[start - 1];
  return before === comma || before === open ? start : -1;
}

/** Whether an odd number of backslashes stands before. */
function isEscaped(bytes: Buffer, at: number): boolean {
  let first = at;
  while (bytes[first - 1] === backslash) first--;
  return (at - first) % 2 === 1;
}

function spellsAt(bytes: Buffer, at: number, word: Buffer): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  return true;
}
