// Snappy raw blocks (google/snappy, format_description.txt): an uncompressed length, then literals and back-references.
// In: a hostile body. Out: exactly the announced bytes, never more than `maxBytes`; anything else is a Refusal.
import { Refusal } from './refusal.js';

/** Decompresses one raw block. @throws Refusal 400 when it is damaged, 413 when it is larger than `maxBytes` */
export function unsnappy(input: Uint8Array, maxBytes: number): Buffer {
  const header = readLength(input);
  if (header.length > maxBytes) throw new Refusal(413, `request body too large: ${header.length} bytes decompressed`);
  // The densest element is a 3-byte copy of 64 bytes, so a short input cannot make us allocate a large output.
  if (header.length > input.length * 22 + 64) throw damaged();
  const output = Buffer.allocUnsafe(header.length);
  let from = header.next;
  let to = 0;
  while (from < input.length) {
    const tag = input[from]!;
    const kind = tag & 3;
    if (kind === 0) {
      const literal = literalSpan(input, from);
      if (literal.end > input.length || to + (literal.end - literal.start) > output.length) throw damaged();
      output.set(input.subarray(literal.start, literal.end), to);
      to += literal.end - literal.start;
      from = literal.end;
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const size = kind === 1 ? 2 : kind === 2 ? 3 : 5;
    if (from + size > input.length) throw damaged();
    const offset = copyOffset(input, from, kind);
    if (offset === 0 || offset > to || to + length > output.length) throw damaged();
    copyBack(output, { to, offset, length });
    to += length;
    from += size;
  }
  if (to !== output.length) throw damaged();
  return output;
}

function readLength(input: Uint8Array): { length: number; next: number } {
  let length = 0;
  for (let i = 0; i < 5 && i < input.length; i++) {
    const byte = input[i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) {
      if (length > 0xffff_ffff) break;
      return { length, next: i + 1 };
    }
  }
  throw damaged();
}

function literalSpan(input: Uint8Array, at: number): { start: number; end: number } {
  const short = input[at]! >> 2;
  if (short < 60) return { start: at + 1, end: at + 2 + short };
  const extra = short - 59;
  if (at + extra >= input.length) throw damaged();
  let length = 1;
  for (let i = 0; i < extra; i++) length += input[at + 1 + i]! * 2 ** (8 * i);
  return { start: at + 1 + extra, end: at + 1 + extra + length };
}

function copyOffset(input: Uint8Array, at: number, kind: number): number {
  if (kind === 1) return ((input[at]! >> 5) << 8) | input[at + 1]!;
  const low = input[at + 1]! | (input[at + 2]! << 8);
  return kind === 2 ? low : low + input[at + 3]! * 0x1_0000 + input[at + 4]! * 0x100_0000;
}

function copyBack(output: Buffer, { to, offset, length }: { to: number; offset: number; length: number }): void {
  const start = to - offset;
  if (offset >= length) {
    output.copyWithin(to, start, start + length);
    return;
  }
  // The source overlaps what is being written: this is how the format repeats a pattern, so byte by byte.
  for (let i = 0; i < length; i++) output[to + i] = output[start + i]!;
}

function damaged(): Refusal {
  return new Refusal(400, 'snappy: corrupt input');
}
