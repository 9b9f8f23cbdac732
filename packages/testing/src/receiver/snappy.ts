// Takes a raw snappy block apart (not the framed format), as Loki's protobuf bodies use it.
// In: compressed bytes. Out: the original bytes, or an error if the block is not valid. Bounded by `maxBytes`.

/** Decompresses a raw snappy block. */
export function snappyDecompress(block: Buffer, maxBytes: number): Buffer {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = block[at++];
    if (byte === undefined || shift > 28) throw new Error('snappy: bad length');
    size += (byte & 127) * 2 ** shift;
    if (byte < 128) break;
  }
  if (size > maxBytes) throw new Error(`snappy: ${size} bytes are more than ${maxBytes}`);
  const out = Buffer.allocUnsafe(size);
  let to = 0;
  while (at < block.length) {
    const tag = block[at++]!;
    if ((tag & 3) === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const bytes = length - 59;
        length = block.readUIntLE(at, bytes);
        at += bytes;
      }
      length += 1;
      if (at + length > block.length || to + length > size) throw new Error('snappy: literal overruns');
      block.copy(out, to, at, at + length);
      at += length;
      to += length;
      continue;
    }
    const { length, offset, bytes } = copyElement(block, at, tag);
    at += bytes;
    if (offset === 0 || offset > to || to + length > size) throw new Error('snappy: copy overruns');
    // A copy may overlap itself on purpose: that is how a run is written. Only then it must go byte by byte.
    if (offset >= length) out.copyWithin(to, to - offset, to - offset + length);
    else for (let i = 0; i < length; i++) out[to + i] = out[to + i - offset]!;
    to += length;
  }
  if (to !== size) throw new Error('snappy: block ends early');
  return out;
}

function copyElement(block: Buffer, at: number, tag: number): { length: number; offset: number; bytes: number } {
  switch (tag & 3) {
    case 1:
      return { length: ((tag >> 2) & 7) + 4, offset: ((tag >> 5) << 8) | block.readUInt8(at), bytes: 1 };
    case 2:
      return { length: (tag >> 2) + 1, offset: block.readUInt16LE(at), bytes: 2 };
    default:
      return { length: (tag >> 2) + 1, offset: block.readUInt32LE(at), bytes: 4 };
  }
}
