// JSON without parsing: the logger's bytes inside a JSON string.
// In: bytes of a line. Out: the same, escaped, in one pass. What is JSON already holds only quotes and backslashes to
// escape; lines from elsewhere may hold control characters, which get their \u form.

import type { ByteWriter } from './byte-writer.js';

const quote = 0x22;
const backslash = 0x5c;
const digits = Buffer.from('0123456789abcdef');
/** 1 for the bytes that a JSON string cannot hold as they are. */
const special = new Uint8Array(256);
special.fill(1, 0, 0x20);
special[quote] = 1;
special[backslash] = 1;

/** Writes the bytes [from, to) as the inside of a JSON string, without the quotes around it. */
export function writeEscaped(writer: ByteWriter, source: Buffer, from: number, to: number): void {
  writer.reserve((to - from) * 2);
  let { buffer, length: at } = writer;
  let room = buffer.length - 6;
  for (let i = from; i < to; i++) {
    const byte = source[i]!;
    if (at > room) {
      writer.length = at;
      writer.reserve((to - i) * 2 + 6);
      ({ buffer } = writer);
      room = buffer.length - 6;
    }
    if (special[byte] === 0) buffer[at++] = byte;
    else if (byte >= 0x20) {
      buffer[at++] = backslash;
      buffer[at++] = byte;
    } else {
      buffer[at++] = backslash;
      buffer[at++] = 0x75;
      buffer[at++] = 0x30;
      buffer[at++] = 0x30;
      buffer[at++] = digits[byte >>> 4]!;
      buffer[at++] = digits[byte & 15]!;
    }
  }
  writer.length = at;
}
