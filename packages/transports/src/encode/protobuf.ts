// The few pieces of protobuf that logs need. No schema, no reflection: each message is written by hand, in order.
// In: field numbers and values. Out: bytes, pre-encoded once where they never change.

import { ByteWriter, varintSize } from './byte-writer.js';

/** Wire type 0: numbers. */
export const varintTag = (field: number): number => field << 3;
/** Wire type 2: bytes, text and messages, with their length before them. */
export const lengthTag = (field: number): number => (field << 3) | 2;

/** Wire type 5: four bytes. */
export const fixed32Tag = (field: number): number => (field << 3) | 5;

/** Wire type 1: eight bytes. */
export const fixed64Tag = (field: number): number => (field << 3) | 1;

const scratch = new ByteWriter();

/** A field of text, pre-encoded. */
export function textField(field: number, value: string): Buffer {
  return bytesField(field, Buffer.from(value));
}

/** A field of bytes or of a message, pre-encoded. */
export function bytesField(field: number, value: Uint8Array): Buffer {
  scratch.reset(value.length + 16);
  scratch.varint(lengthTag(field));
  scratch.varint(value.length);
  scratch.bytes(value);
  return scratch.copy();
}

/** Leaves `width` bytes for a length that is not known yet; pass the result to {@link closeMessage}. */
export function openMessage(writer: ByteWriter, width: number): number {
  return writer.skip(width);
}

/** Fills in the length of what was written since, in as few bytes as it takes: a wrong guess at `width` costs a move. */
export function closeMessage(writer: ByteWriter, start: number, width: number): void {
  writer.reserve(slack);
  writer.length = putLength(writer.buffer, start - width, width, writer.length);
}

/** Most bytes by which {@link putLength} moves what comes after a length. */
const slack = 8;

/**
 * Puts the length of [at + width, end) as a varint at `at`, and moves what follows if the varint is not `width` bytes.
 * Returns where that then ends.
 */
export function putLength(buffer: Buffer, at: number, width: number, end: number): number {
  const size = end - at - width;
  const exact = varintSize(size);
  if (exact !== width) buffer.copyWithin(at + exact, at + width, end);
  let next = at;
  let rest = size;
  while (rest > 127) {
    buffer[next++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buffer[next] = rest;
  return at + exact + size;
}
