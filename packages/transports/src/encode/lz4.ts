// LZ4's block format (github.com/lz4/lz4, doc/lz4_Block_format.md): no frame, no length before it.
// In: bytes. Out: sequences of literals and back-references. Written from the format alone.
// Greedy: a hash of the next four bytes finds the last place that held them, within 64 KiB.
// One table and one output buffer, used again for every call.

import { ByteWriter } from './byte-writer.js';

const hashBits = 14;
const hashShift = 32 - hashBits;
/** A back-reference has two bytes for its distance. */
const maxDistance = 65_535;
const minMatch = 4;
/** The last match begins so many bytes before the end, and the last bytes are literals, so that decoders may copy in words. */
const lastMatchBytes = 12;
const lastLiterals = 5;
/** After 2^6 fruitless bytes step over every other byte, after 2^7 over two, … : noise passes quickly. */
const skipBits = 6;

const table = new Int32Array(1 << hashBits);
const output = new ByteWriter();

/** The bytes as one block. */
export function lz4Block(input: Buffer): Buffer {
  // A run of literals costs a byte in 255.
  output.reset(input.length + Math.ceil(input.length / 255) + 16);
  const { buffer: out } = output;
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  const matchEnd = input.length - lastLiterals;
  const last = input.length - lastMatchBytes;
  table.fill(-1);
  let end = 0;
  let literal = 0;
  let position = 0;
  let misses = 1 << skipBits;
  while (position <= last) {
    const word = view.getInt32(position, true);
    const slot = Math.imul(word, 0x9e3779b1) >>> hashShift;
    const candidate = table[slot]!;
    table[slot] = position;
    if (candidate < 0 || position - candidate > maxDistance || view.getInt32(candidate, true) !== word) {
      position += misses++ >>> skipBits;
      continue;
    }
    const length = matchLength(view, candidate, position, matchEnd);
    end = emitLiterals(out, end, input.subarray(literal, position), length - minMatch);
    end = emitMatch(out, end, position - candidate, length - minMatch);
    position += length;
    literal = position;
    misses = 1 << skipBits;
    // Remember the end of the match too: what follows repeats just as often.
    if (position <= last) table[Math.imul(view.getInt32(position - 2, true), 0x9e3779b1) >>> hashShift] = position - 2;
  }
  output.length = emitLiterals(out, end, input.subarray(literal), 0);
  return output.copy();
}

/** How many bytes from `candidate` on equal those from `position` on; four are known to. */
function matchLength(view: DataView, candidate: number, position: number, to: number): number {
  let length = minMatch;
  while (position + length + 4 <= to) {
    const difference = view.getInt32(candidate + length, true) ^ view.getInt32(position + length, true);
    if (difference !== 0) return length + ((31 - Math.clz32(difference & -difference)) >>> 3);
    length += 4;
  }
  while (position + length < to && view.getUint8(candidate + length) === view.getUint8(position + length)) length++;
  return length;
}

/** The token of a sequence, with the length of the match that follows in its lower half, and its literals. */
function emitLiterals(out: Buffer, at: number, literals: Buffer, match: number): number {
  const size = literals.length;
  let end = at;
  out[end++] = (Math.min(size, 15) << 4) | Math.min(match, 15);
  if (size >= 15) end = emitRest(out, end, size - 15);
  out.set(literals, end);
  return end + size;
}

function emitMatch(out: Buffer, at: number, distance: number, match: number): number {
  out[at] = distance & 255;
  out[at + 1] = distance >>> 8;
  return match >= 15 ? emitRest(out, at + 2, match - 15) : at + 2;
}

/** What a length has beyond the 15 that its half of the token holds. */
function emitRest(out: Buffer, at: number, rest: number): number {
  let end = at;
  let left = rest;
  for (; left >= 255; left -= 255) out[end++] = 255;
  out[end++] = left;
  return end;
}
