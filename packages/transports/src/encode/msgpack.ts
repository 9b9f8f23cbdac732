// The pieces of MessagePack that logs need (github.com/msgpack/msgpack, spec.md), always in their shortest form.
// In: numbers, text, sizes. Out: bytes in a writer. Big-endian throughout.

import type { ByteWriter } from './byte-writer.js';

/** A map of so many pairs follows. */
export function writeMapHeader(writer: ByteWriter, size: number): void {
  if (size < 16) writer.byte(0x80 | size);
  else wideHeader(writer, size, 0xde);
}

/** An array of so many items follows. */
export function writeArrayHeader(writer: ByteWriter, size: number): void {
  if (size < 16) writer.byte(0x90 | size);
  else wideHeader(writer, size, 0xdc);
}

/** Text of so many bytes follows. */
export function writeStringHeader(writer: ByteWriter, size: number): void {
  if (size < 32) writer.byte(0xa0 | size);
  else if (size < 0x100) twoBytes(writer, 0xd9, size);
  else wideHeader(writer, size, 0xda);
}

/** So many bytes follow. */
export function writeBinaryHeader(writer: ByteWriter, size: number): void {
  if (size < 0x100) twoBytes(writer, 0xc4, size);
  else wideHeader(writer, size, 0xc5);
}

function twoBytes(writer: ByteWriter, code: number, value: number): void {
  writer.byte(code);
  writer.byte(value);
}

/** A size in 16 bits, or in 32 with the next code. */
function wideHeader(writer: ByteWriter, size: number, code16: number): void {
  writer.reserve(5);
  const { buffer, length: at } = writer;
  const wide = size >= 0x10000;
  buffer[at] = wide ? code16 + 1 : code16;
  writer.length = wide ? buffer.writeUInt32BE(size, at + 1) : buffer.writeUInt16BE(size, at + 1);
}

/** Text. */
export function writeString(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text);
  writeStringHeader(writer, bytes.length);
  writer.bytes(bytes);
}

/** Bytes. */
export function writeBinary(writer: ByteWriter, bytes: Uint8Array): void {
  writeBinaryHeader(writer, bytes.length);
  writer.bytes(bytes);
}

/** A whole number within ±2^53. */
export function writeInteger(writer: ByteWriter, value: number): void {
  writer.reserve(9);
  const { buffer, length: at } = writer;
  if (value >= 0) {
    if (value < 0x80) {
      buffer[at] = value;
      writer.length = at + 1;
    } else if (value < 0x100) {
      buffer[at] = 0xcc;
      buffer[at + 1] = value;
      writer.length = at + 2;
    } else if (value < 0x10000) {
      buffer[at] = 0xcd;
      writer.length = buffer.writeUInt16BE(value, at + 1);
    } else if (value < 0x100000000) {
      buffer[at] = 0xce;
      writer.length = buffer.writeUInt32BE(value, at + 1);
    } else {
      buffer[at] = 0xcf;
      buffer.writeUInt32BE(Math.floor(value / 0x100000000), at + 1);
      writer.length = buffer.writeUInt32BE(value % 0x100000000, at + 5);
    }
  } else if (value >= -0x20) {
    buffer[at] = value & 0xff;
    writer.length = at + 1;
  } else if (value >= -0x80) {
    buffer[at] = 0xd0;
    writer.length = buffer.writeInt8(value, at + 1);
  } else if (value >= -0x8000) {
    buffer[at] = 0xd1;
    writer.length = buffer.writeInt16BE(value, at + 1);
  } else if (value >= -0x80000000) {
    buffer[at] = 0xd2;
    writer.length = buffer.writeInt32BE(value, at + 1);
  } else {
    writeBigInteger(writer, BigInt(value));
  }
}

/** A whole number from -2^63 to 2^64 - 1, in eight bytes. */
export function writeBigInteger(writer: ByteWriter, value: bigint): void {
  writer.reserve(9);
  const { buffer, length: at } = writer;
  if (value < 0n) {
    buffer[at] = 0xd3;
    writer.length = buffer.writeBigInt64BE(value, at + 1);
  } else {
    buffer[at] = 0xcf;
    writer.length = buffer.writeBigUInt64BE(value, at + 1);
  }
}

/** A number with a fraction, in eight bytes. */
export function writeFloat(writer: ByteWriter, value: number): void {
  writer.reserve(9);
  writer.buffer[writer.length] = 0xcb;
  writer.length = writer.buffer.writeDoubleBE(value, writer.length + 1);
}

const eventTimeSize = 10;

/** Fluentd's EventTime (Forward Protocol Specification v1): extension type 0, seconds and nanoseconds in 32 bits each. */
export function writeEventTime(writer: ByteWriter, seconds: number, nanoseconds: number): void {
  writer.reserve(eventTimeSize);
  const { buffer, length: at } = writer;
  buffer[at] = 0xd7;
  buffer[at + 1] = 0;
  writeUint32(buffer, at + 2, seconds);
  writeUint32(buffer, at + 6, nanoseconds);
  writer.length = at + eventTimeSize;
}

function writeUint32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value >>> 24;
  buffer[at + 1] = value >>> 16;
  buffer[at + 2] = value >>> 8;
  buffer[at + 3] = value;
}
