// Numbers of variable length: seven bits a byte, low bits first, the high bit says that more follow (LEB128).
// For integers from 0 to 2^53 - 1; signed ones are folded first (0, -1, 1, -2 ... become 0, 1, 2, 3 ...).

/** Most bytes that one number takes. */
export const maxVarintBytes = 8;

/** Writes a number and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  if (rest >= 0x80 && rest < 0x4000) {
    // The length of a line, as a rule.
    target[at] = (rest & 0x7f) | 0x80;
    target[at + 1] = rest >>> 7;
    return at + 2;
  }
  while (rest >= 0x80) {
    // Past 31 bits the operators of JavaScript lose the high ones.
    target[at++] = (rest % 0x80) | 0x80;
    rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 0x80);
  }
  target[at++] = rest;
  return at;
}

export function fold(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

export function unfold(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Reads numbers one after the other. `failed` is set, and zeros are returned, past the end or past 2^53 - 1. */
export class VarintReader {
  readonly #source: Uint8Array;
  offset: number;
  failed = false;

  constructor(source: Uint8Array, offset = 0) {
    this.#source = source;
    this.offset = offset;
  }

  next(): number {
    const source = this.#source;
    let byte = source[this.offset++];
    if (byte === undefined) return this.#fail();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    let scale = 0x80;
    for (let i = 1; i < maxVarintBytes; i++) {
      byte = source[this.offset++];
      if (byte === undefined) return this.#fail();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value <= Number.MAX_SAFE_INTEGER ? value : this.#fail();
      scale *= 0x80;
    }
    return this.#fail();
  }

  #fail(): number {
    this.failed = true;
    return 0;
  }
}
