// Snappy's block format (github.com/google/snappy, format_description.txt).
// In: bytes. Out: their length as a varint, then literals and back-references. Written from the format alone.
// Greedy, as snappy is: a hash of the next four bytes finds the last place that held them, within 64 KiB.
// One table and one output buffer, used again for every call. Without compression nothing is copied at all.

import { ByteWriter } from './byte-writer.js';

const blockBytes = 65_536;
const hashBits = 14;
const hashShift = 32 - hashBits;
/** Shorter blocks are not worth a search. */
const minBlockBytes = 16;
/** After 2^5 fruitless bytes step over every other byte, after 2^6 over two, … : noise passes quickly. */
const skipBits = 5;

const table = new Uint16Array(1 << hashBits);
const output = new ByteWriter();
const head = new ByteWriter();

/** Room that {@link snappyLiteral} needs in front: the length as a varint, a tag and its four bytes. */
export const literalRoom = 10;

/** The bytes as one snappy block. */
export function snappy(input: Buffer): Buffer {
  // Literals cost at most one tag in 60 bytes, and a block four bytes more.
  output.reset(32 + input.length + Math.ceil(input.length / 6));
  output.varint(input.length);
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let at = output.length;
  for (let from = 0; from < input.length; from += blockBytes) {
    at = compressBlock({ input, view, out: output.buffer, at, from, to: Math.min(from + blockBytes, input.length) });
  }
  output.length = at;
  return output.copy();
}

/**
 * What follows the first {@link literalRoom} bytes as one snappy block that is not compressed: for where the CPU is dearer
 * than the network. Nothing is copied: what a block begins with goes into that room, and the block is a view.
 */
export function snappyLiteral(roomAndInput: Buffer): Buffer {
  const size = roomAndInput.length - literalRoom;
  head.reset();
  head.varint(size);
  head.length = emitTag(size, head.buffer, head.length);
  const start = literalRoom - head.length;
  roomAndInput.set(head.view(), start);
  return roomAndInput.subarray(start);
}

interface Block {
  readonly input: Buffer;
  readonly view: DataView;
  readonly out: Buffer;
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

function compressBlock({ input, view, out, at, from, to }: Block): number {
  let end = at;
  let literal = from;
  if (to - from >= minBlockBytes) {
    table.fill(0);
    // Four bytes are read at a time, and a match is sought up to here.
    const last = to - minBlockBytes + 1;
    let position = from + 1;
    let misses = 1 << skipBits;
    while (position < last) {
      const word = view.getInt32(position, true);
      const slot = Math.imul(word, 0x1e35a7bd) >>> hashShift;
      const candidate = from + table[slot]!;
      table[slot] = position - from;
      if (candidate >= position || view.getInt32(candidate, true) !== word) {
        position += misses++ >>> skipBits;
        continue;
      }
      if (literal < position) end = emitLiteral(input, literal, position, out, end);
      const length = matchLength(view, candidate, position, to);
      end = emitCopy(out, end, position - candidate, length);
      position += length;
      literal = position;
      misses = 1 << skipBits;
      // Remember the end of the match too: what follows repeats just as often.
      if (position < last) {
        const before = view.getInt32(position - 1, true);
        table[Math.imul(before, 0x1e35a7bd) >>> hashShift] = position - 1 - from;
      }
    }
  }
  return literal < to ? emitLiteral(input, literal, to, out, end) : end;
}

/** How many bytes from `candidate` on equal those from `position` on; four are known to. */
function matchLength(view: DataView, candidate: number, position: number, to: number): number {
  let length = 4;
  while (position + length + 4 <= to) {
    const difference = view.getInt32(candidate + length, true) ^ view.getInt32(position + length, true);
    if (difference !== 0) return length + ((31 - Math.clz32(difference & -difference)) >>> 3);
    length += 4;
  }
  while (position + length < to && view.getUint8(candidate + length) === view.getUint8(position + length)) length++;
  return length;
}

function emitLiteral(input: Buffer, from: number, to: number, out: Buffer, at: number): number {
  const size = to - from;
  let end = emitTag(size, out, at);
  // Most literals are short: a loop is quicker than a call.
  if (size <= 48) for (let i = from; i < to; i++) out[end++] = input[i]!;
  else {
    out.set(input.subarray(from, to), end);
    end += size;
  }
  return end;
}

/** What a literal of so many bytes begins with; an empty one is nothing at all. */
function emitTag(size: number, out: Buffer, at: number): number {
  const n = size - 1;
  let end = at;
  if (size === 0) return end;
  if (n < 60) out[end++] = n << 2;
  else if (n < 256) {
    out[end++] = 60 << 2;
    out[end++] = n;
  } else if (n < 65_536) {
    out[end++] = 61 << 2;
    out[end++] = n & 255;
    out[end++] = n >>> 8;
  } else {
    out[end++] = 63 << 2;
    end = out.writeUInt32LE(n, end);
  }
  return end;
}

/** Copies carry up to 64 bytes each; no rest may be shorter than four. */
function emitCopy(out: Buffer, at: number, offset: number, length: number): number {
  let end = at;
  let rest = length;
  while (rest >= 68) {
    end = emitLongCopy(out, end, offset, 64);
    rest -= 64;
  }
  if (rest > 64) {
    end = emitLongCopy(out, end, offset, 60);
    rest -= 60;
  }
  if (rest >= 12 || offset >= 2048) return emitLongCopy(out, end, offset, rest);
  out[end++] = ((offset >>> 8) << 5) | ((rest - 4) << 2) | 1;
  out[end++] = offset & 255;
  return end;
}

function emitLongCopy(out: Buffer, at: number, offset: number, length: number): number {
  out[at] = ((length - 1) << 2) | 2;
  out[at + 1] = offset & 255;
  out[at + 2] = offset >>> 8;
  return at + 3;
}
