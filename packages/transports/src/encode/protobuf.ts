// The few pieces of protobuf that logs need. No schema, no reflection: each message is written by hand, in order.
// In: field numbers and values. Out: bytes, pre-encoded once where they never change.

import { ByteWriter } from './byte-writer.js';

/** Wire type 0: numbers. */
export const varintTag = (field: number): number => field << 3;
/** Wire type 2: bytes, text and messages, with their length before them. */
export const lengthTag = (field: number): number => (field << 3) | 2;

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
