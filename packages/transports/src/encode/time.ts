// Times, digit by digit into the writer: ISO 8601, decimal seconds, nanoseconds.
// In: milliseconds since the epoch. Out: bytes. The part up to the second is kept from one record to the next,
// since neighbours share it; that memory never shows in what is written.

import type { ByteWriter } from './byte-writer.js';

const zero = 0x30;
const dot = 0x2e;
/** The last millisecond of the year 9999: later years need a sign that few readers take. */
const lastMs = 253_402_300_799_999;
/** The last whole millisecond whose nanoseconds since the epoch all fit in 63 bits, which is what receivers keep them in. */
const lastNanosMs = 9_223_372_036_853;
/** Bytes of `2023-11-14T22:13:20.` */
const isoHeadSize = 20;

const isoHead = Buffer.alloc(isoHeadSize);
let isoSecond = Number.NaN;

/** Whole milliseconds within the years 1970 to 9999. */
export function plainMs(ms: number): number {
  return ms > 0 ? Math.min(Math.floor(ms), lastMs) : 0;
}

/** Whole milliseconds within the years 1970 to 2262, as far as nanoseconds reach. */
function nanosMs(ms: number): number {
  return ms > 0 ? Math.min(Math.floor(ms), lastNanosMs) : 0;
}

/** Bytes that {@link writeIso} writes. */
const isoSize = isoHeadSize + 4;

/** Writes `2023-11-14T22:13:20.123Z`. */
export function writeIso(writer: ByteWriter, ms: number): void {
  const whole = plainMs(ms);
  const rest = whole % 1000;
  const second = (whole - rest) / 1000;
  if (second !== isoSecond) {
    isoHead.write(new Date(second * 1000).toISOString(), 'latin1');
    isoSecond = second;
  }
  writer.reserve(isoSize);
  const { buffer, length: at } = writer;
  for (let i = 0; i < isoHeadSize; i++) buffer[at + i] = isoHead[i]!;
  thousandths(buffer, at + isoHeadSize, rest);
  buffer[at + isoHeadSize + 3] = 0x5a;
  writer.length = at + isoSize;
}

/** Writes `2023-11-14T22:13:20.123000042Z`; `nanos` are those within the millisecond. */
export function writeIsoNanos(writer: ByteWriter, ms: number, nanos: number): void {
  writeIso(writer, ms);
  writer.length--;
  writer.reserve(7);
  let rest = nanos;
  for (let at = writer.length + 5; at >= writer.length; at--) {
    const next = Math.floor(rest / 10);
    writer.buffer[at] = zero + (rest - next * 10);
    rest = next;
  }
  writer.length += 6;
  writer.byte(0x5a);
}

/** Writes `1700000000.123`: seconds, with milliseconds as decimals and never an exponent. */
export function writeSeconds(writer: ByteWriter, ms: number): void {
  const whole = plainMs(ms);
  const rest = whole % 1000;
  writeDecimal(writer, (whole - rest) / 1000);
  writer.reserve(4);
  const { buffer, length: at } = writer;
  buffer[at] = dot;
  thousandths(buffer, at + 1, rest);
  writer.length = at + 4;
}

/** Writes a whole number from 0 to 2^53 - 1. */
export function writeDecimal(writer: ByteWriter, value: number): void {
  let digits = 1;
  for (let bound = 10; digits < 16 && value >= bound; bound *= 10) digits++;
  writer.reserve(digits);
  const { buffer, length: start } = writer;
  let rest = value;
  let at = start + digits;
  while (rest > 0x7fffffff) {
    const next = Math.floor(rest / 10);
    buffer[--at] = zero + (rest - next * 10);
    rest = next;
  }
  while (at > start) {
    const next = (rest / 10) | 0;
    buffer[--at] = zero + (rest - next * 10);
    rest = next;
  }
  writer.length = start + digits;
}

/** Writes nanoseconds since the epoch as a decimal number, which exceeds what a JavaScript number holds exactly. */
export function writeNanos(writer: ByteWriter, ms: number, nanos: number): void {
  const whole = nanosMs(ms);
  if (whole === 0) {
    writeDecimal(writer, nanos);
    return;
  }
  writeDecimal(writer, whole);
  for (let bound = 100_000; bound > 1 && nanos < bound; bound /= 10) writer.byte(zero);
  writeDecimal(writer, nanos);
}

/** Nanoseconds since the epoch as 64 bits, lowest byte first, into the eight bytes at `at`. */
export function putNanos64(buffer: Buffer, at: number, ms: number, nanos: number): void {
  const whole = nanosMs(ms);
  // In two parts, each exact: ms * 10^6 = upper * 2^16 + lower. Divisions, as a remainder of doubles is slow.
  const msHigh = Math.floor(whole / 65_536);
  const upper = msHigh * 1_000_000;
  const upperHigh = Math.floor(upper / 65_536);
  const lower = (upper - upperHigh * 65_536) * 65_536 + (whole - msHigh * 65_536) * 1_000_000 + nanos;
  const carry = Math.floor(lower / 4_294_967_296);
  put32(buffer, at, lower - carry * 4_294_967_296);
  put32(buffer, at + 4, upperHigh + carry);
}

function put32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value;
  buffer[at + 1] = value >>> 8;
  buffer[at + 2] = value >>> 16;
  buffer[at + 3] = value >>> 24;
}

function thousandths(buffer: Buffer, at: number, rest: number): void {
  buffer[at] = zero + ((rest / 100) | 0);
  buffer[at + 1] = zero + (((rest / 10) | 0) % 10);
  buffer[at + 2] = zero + (rest % 10);
}
