// Reads what arrived: undoes the compression, counts the records, finds the number that each record carries.
// In: a request's body and headers. Out: a tally. It looks for the bytes of a number `i` in JSON, in JSON within a
// string, or as an attribute of OTLP, instead of parsing, so that a receiver on the same machine takes little from what
// is being measured.

import zlib from 'node:zlib';
import { snappyDecompress } from './snappy.js';

const maxBytes = 256 * 2 ** 20;

/** What one request held. */
export interface Tally {
  /** Records by the structure of the body: lines, entries or actions; for JSON documents the numbers found. */
  readonly records: number;
  /** Bytes after decompression. */
  readonly bytes: number;
}

/** The parts of a request that say how to read it. */
export interface RequestHead {
  readonly path: string;
  readonly contentType: string;
  readonly contentEncoding: string;
}

/** Counts the records of a body and reports the number `i` of each one that has it. */
export function tally(body: Buffer, head: RequestHead, onNumber: (i: number) => void): Tally {
  const plain = decompress(body, head);
  const numbers = scanNumbers(plain, head, onNumber);
  return { records: countRecords(plain, head) ?? numbers, bytes: plain.length };
}

function decompress(body: Buffer, head: RequestHead): Buffer {
  const limit = { maxOutputLength: maxBytes };
  switch (head.contentEncoding) {
    case 'gzip':
      return zlib.gunzipSync(body, limit);
    case 'deflate':
      return head.path.startsWith('/loki') ? zlib.inflateRawSync(body, limit) : zlib.inflateSync(body, limit);
    case 'zstd': {
      // From Node 22.15; who cannot read zstd cannot have sent it either, except from another version of Node.
      const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (body: Buffer, options: object) => Buffer };
      if (!zstdDecompressSync) throw new Error('this Node cannot read zstd');
      return zstdDecompressSync(body, limit);
    }
    default:
      return isProtobuf(head) || head.contentEncoding === 'snappy' ? snappyDecompress(body, maxBytes) : body;
  }
}

function isProtobuf(head: RequestHead): boolean {
  return head.contentType.includes('protobuf') && head.path.startsWith('/loki');
}

function isOtlp(head: RequestHead): boolean {
  return head.path.endsWith('/v1/logs');
}

/** Whether a request holds OTLP in protobuf, and so wants its answer in it. */
export function isOtlpProtobuf(head: RequestHead): boolean {
  return isOtlp(head) && head.contentType.includes('protobuf');
}

const raw = Buffer.from('"i":');
const escaped = Buffer.from('\\"i\\":');
const jsonAttribute = Buffer.from('"key":"i","value":{"intValue":');
/** KeyValue { key = 1 "i" }; the value comes after it or, as some encoders write backwards, before it. */
const attribute = Buffer.from([0x0a, 1, 0x69]);

function scanNumbers(plain: Buffer, head: RequestHead, onNumber: (i: number) => void): number {
  const found = scan(plain, raw, onNumber) + scan(plain, escaped, onNumber);
  if (!isOtlp(head)) return found;
  return found + (isOtlpProtobuf(head) ? scanAttributes(plain, onNumber) : scan(plain, jsonAttribute, onNumber));
}

/** The integers and doubles of the attribute `i` in OTLP's protobuf. */
function scanAttributes(plain: Buffer, onNumber: (i: number) => void): number {
  let found = 0;
  for (let at = plain.indexOf(attribute); at !== -1; at = plain.indexOf(attribute, at)) {
    const end = at + attribute.length;
    const number = plain[end] === 0x12 ? anyNumber(plain, end) : anyNumber(plain, valueBefore(plain, at));
    at = end;
    if (number === undefined) continue;
    found += 1;
    onNumber(number);
  }
  return found;
}

/** Where the value begins that ends at `end`, or -1: its tag, its length, its content of at most a varint's ten bytes. */
function valueBefore(plain: Buffer, end: number): number {
  for (let length = 2; length <= 11; length++) {
    const at = end - length - 2;
    if (plain[at] === 0x12 && plain[at + 1] === length) return at;
  }
  return -1;
}

/** KeyValue { value = 2 AnyValue { int_value = 3 or double_value = 4 } } at that place, if there is one. */
function anyNumber(plain: Buffer, at: number): number | undefined {
  const type = at < 0 ? undefined : plain[at + 2];
  if (type === 0x18) return varint(plain, at + 3);
  return type === 0x21 ? plain.readDoubleLE(at + 3) : undefined;
}

function varint(plain: Buffer, from: number): number {
  let value = 0;
  for (let at = from, scale = 1; ; at += 1, scale *= 128) {
    const byte = plain[at] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

function scan(plain: Buffer, key: Buffer, onNumber: (i: number) => void): number {
  let found = 0;
  for (let at = plain.indexOf(key); at !== -1; at = plain.indexOf(key, at)) {
    at += key.length;
    // 64-bit integers of OTLP's JSON are in quotes.
    if (plain[at] === 34) at += 1;
    let value = -1;
    for (let digit = plain[at]! - 48; digit >= 0 && digit <= 9; digit = plain[++at]! - 48) {
      value = Math.max(value, 0) * 10 + digit;
    }
    if (value < 0) continue;
    found += 1;
    onNumber(value);
  }
  return found;
}

function countRecords(plain: Buffer, head: RequestHead): number | undefined {
  if (isProtobuf(head)) return countLokiEntries(plain);
  if (head.path.endsWith('_bulk')) return countLines(plain) / 2;
  if (/ndjson|jsonl|stream\+json|text\/plain/.test(head.contentType)) return countLines(plain);
  return undefined;
}

function countLines(plain: Buffer): number {
  let count = plain.length > 0 && plain[plain.length - 1] !== 10 ? 1 : 0;
  for (let at = plain.indexOf(10); at !== -1; at = plain.indexOf(10, at + 1)) count += 1;
  return count;
}

/** PushRequest { streams = 1 { labels = 1, entries = 2 {…} } }: walks the two outer levels. */
function countLokiEntries(message: Buffer): number {
  let count = 0;
  walk(message, 0, message.length, (field, from, to) => {
    if (field !== 1) return;
    walk(message, from, to, (inner) => {
      if (inner === 2) count += 1;
    });
  });
  return count;
}

function walk(message: Buffer, from: number, to: number, onField: (field: number, from: number, to: number) => void) {
  let at = from;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      if (byte === undefined || scale > 2 ** 63) throw new Error('protobuf: bad varint');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < to) {
    const key = varint();
    switch (key & 7) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (at + length > to) throw new Error('protobuf: field overruns');
        onField(key >> 3, at, at + length);
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new Error(`protobuf: wire type ${key & 7}`);
    }
  }
}
