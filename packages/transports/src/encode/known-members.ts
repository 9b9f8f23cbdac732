// Which of a few names a line has at its top level: one walk over its bytes, where a search for each name would cost more.
// In: names, then lines, each one JSON object. Out: where the value of each begins, until the next line is read.
// Names that are written with escapes are not recognized. What is no JSON ends the walk.

import { afterSpace, afterString, afterValue } from './json-scan.js';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;

/** Looks for the same names in line after line. */
export class KnownMembers {
  /** By length in bytes: for most lengths there is none, so most names cost one look. */
  readonly #byLength: { readonly name: Buffer; readonly index: number }[][] = [];
  readonly #values: Uint32Array;

  constructor(names: readonly string[]) {
    this.#values = new Uint32Array(names.length);
    for (const [index, text] of names.entries()) {
      const name = Buffer.from(text);
      this.#byLength[name.length] = [...(this.#byLength[name.length] ?? []), { name, index }];
    }
  }

  /** Reads the line [from, to): where the values of the names begin, in their order; 0 for those that it has not. */
  read(source: Buffer, from: number, to: number): Uint32Array {
    const values = this.#values.fill(0);
    let at = afterSpace(source, from, to) + 1;
    for (;;) {
      const key = afterSpace(source, at, to);
      if (source[key] !== quote) return values;
      const keyEnd = afterString(source, key, to);
      const mark = keyEnd < 0 ? to : afterSpace(source, keyEnd, to);
      if (mark >= to || source[mark] !== colon) return values;
      const value = afterSpace(source, mark + 1, to);
      const candidates = this.#byLength[keyEnd - key - 2];
      if (candidates) {
        for (const { name, index } of candidates) if (spells(source, key + 1, name)) values[index] = value;
      }
      const after = afterValue(source, value, to);
      if (after < 0) return values;
      const next = afterSpace(source, after, to);
      if (source[next] !== comma) return values;
      at = next + 1;
    }
  }
}

function spells(source: Buffer, at: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i++) if (source[at + i] !== name[i]) return false;
  return true;
}
