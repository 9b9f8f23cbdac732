// JSON objects without parsing: our own members before the logger's, and which records already have a member.
// In: bytes of lines, each one JSON object, as the pipeline lets them through. Out: bytes, or flags.

import type { Batch } from '@spillway/core';
import { afterSpace, afterString } from './json-scan.js';
import type { LineWriter } from './line-writer.js';

const quote = 0x22;
const comma = 0x2c;
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
  const { bytes, offsets, count } = batch;
  let values: Uint32Array | undefined;
  let record = 0;
  for (let hit = bytes.indexOf(needle); hit >= 0; ) {
    while (offsets[record + 1]! <= hit) record++;
    let from = hit + 1;
    if (isMember(bytes, offsets[record]!, hit - head.length, head)) {
      const colonAt = afterSpace(bytes, hit + needle.length, bytes.length);
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

/** Whether text that begins with `head` at `hit` is of the object that starts at `start`, not inside other text or deeper. */
function isMember(bytes: Buffer, start: number, hit: number, head: Buffer): boolean {
  for (let i = 0; i < head.length; i++) if (bytes[hit + i] !== head[i]) return false;
  let depth = 0;
  for (let at = start; at < hit; at++) {
    const byte = bytes[at];
    if (byte === quote) {
      at = afterString(bytes, at, bytes.length) - 1;
      if (at < 0 || at > hit) return false;
    } else if (byte === open || byte === openList) depth++;
    else if (byte === close || byte === closeList) depth--;
  }
  return depth === 1;
}
