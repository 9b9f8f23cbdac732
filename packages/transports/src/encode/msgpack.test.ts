import { decode, encode } from '@msgpack/msgpack';
import { logLine } from '@spillway/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.js';
import {
  writeArrayHeader,
  writeBigInteger,
  writeBinary,
  writeEventTime,
  writeFloat,
  writeInteger,
  writeMapHeader,
  writeString,
} from './msgpack.js';
import { writeJsonObject } from './msgpack-json.js';
import { MsgpackReader, type Unpacked } from './msgpack-reader.js';

const bytesOf = (write: (writer: ByteWriter) => void) => {
  const writer = new ByteWriter();
  write(writer);
  return writer.copy();
};
const transcode = (json: string, extra = 0) => {
  const writer = new ByteWriter();
  const source = Buffer.from(`xx${json}yy`);
  const done = writeJsonObject(writer, source, 2, source.length - 2, extra);
  if (!done) expect(writer.length).toBe(0);
  return done ? writer.copy() : undefined;
};
const read = (bytes: Uint8Array) => decode(bytes, { useBigInt64: false });

describe('MessagePack', () => {
  const numbers = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer({ min: -300, max: 300 }),
    fc.constantFrom(
      0,
      -32,
      -33,
      -128,
      -129,
      -32_768,
      -32_769,
      -(2 ** 31),
      -(2 ** 31) - 1,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
    ),
    fc.constantFrom(2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
  );

  it('of numbers is what another encoder writes', () => {
    fc.assert(
      fc.property(numbers, (value) => {
        expect(bytesOf((writer) => writeInteger(writer, value))).toEqual(Buffer.from(encode(value)));
      }),
    );
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(read(bytesOf((writer) => writeFloat(writer, value)))).toBe(value);
      }),
    );
    for (const value of [2n ** 64n - 1n, 2n ** 63n, -(2n ** 63n)]) {
      expect(
        decode(
          bytesOf((writer) => writeBigInteger(writer, value)),
          { useBigInt64: true },
        ),
      ).toBe(value);
    }
  });

  it.each([0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536, 70_000])('of %i items, characters and bytes too', (size) => {
    const text = 'x'.repeat(size);
    expect(bytesOf((writer) => writeString(writer, text))).toEqual(Buffer.from(encode(text)));
    const blob = Buffer.alloc(size, 7);
    expect(bytesOf((writer) => writeBinary(writer, blob))).toEqual(Buffer.from(encode(blob)));
    const list = bytesOf((writer) => {
      writeArrayHeader(writer, size);
      for (let i = 0; i < size; i++) writeInteger(writer, 1);
    });
    expect(list).toEqual(Buffer.from(encode(new Array(size).fill(1))));
    const map = bytesOf((writer) => {
      writeMapHeader(writer, size);
      for (let i = 0; i < size; i++) {
        writeString(writer, `k${i}`);
        writeInteger(writer, i);
      }
    });
    expect(map).toEqual(Buffer.from(encode(Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, i])))));
  });

  it("of a time is Fluentd's extension", () => {
    const time = bytesOf((writer) => writeEventTime(writer, 1_700_000_000, 123_000_000));
    expect(time.toString('hex')).toBe('d7006553f1000754d4c0');
  });
});

describe('JSON as MessagePack', () => {
  it('is what the object would be, for lines as loggers write them', () => {
    fc.assert(
      fc.property(logLine, (line) => {
        expect(read(transcode(line)!)).toEqual(JSON.parse(line));
      }),
    );
  });

  it('is what the object would be, for all JSON', () => {
    // Two encoders of others disagree on nothing but zero's sign and how a whole number is told from a float.
    const plain = (value: unknown) => JSON.parse(JSON.stringify(value));
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue()), fc.nat(2), (value, indent) => {
        const json = JSON.stringify(value, null, indent);
        // The decoder takes any key but this one.
        fc.pre(!json.includes('"__proto__"'));
        const bytes = transcode(json);
        expect(bytes).toBeDefined();
        expect(plain(read(bytes!))).toEqual(plain(JSON.parse(json)));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['{}', {}],
    [' {\t"a" :\r\n [ ] , "b":{ } } ', { a: [], b: {} }],
    ['{"a":"\\u0041\\u00e9\\u20ac\\ud83c\\udf0d\\"\\\\\\/\\b\\f\\n\\r\\t"}', { a: 'Aé€🌍"\\/\b\f\n\r\t' }],
    ['{"a":"\\uD83C","b":"\\udf0dx","c":"\\ud83c\\u0041"}', { a: '\ufffd', b: '\ufffdx', c: '\ufffdA' }],
    ['{"a":0,"b":-1,"c":1.5,"d":1e3,"e":-0.25,"f":1E-2}', { a: 0, b: -1, c: 1.5, d: 1000, e: -0.25, f: 0.01 }],
    ['{"a":-0}', { a: -0 }],
    ['{"a":true,"b":false,"c":null}', { a: true, b: false, c: null }],
    ['{"a":1,"a":2}', { a: 2 }],
    ['{"a":123456789012345,"b":1234567890123456}', { a: 123_456_789_012_345, b: 1_234_567_890_123_456 }],
    ['{"a":1e400}', { a: Number.POSITIVE_INFINITY }],
    ['{"a":184467440737095516150}', { a: 1.8446744073709552e20 }],
  ])('of %s', (json, value) => {
    expect(read(transcode(json)!)).toEqual(value);
  });

  it('keeps 64 bits', () => {
    const json = '{"a":18446744073709551615,"b":-9223372036854775808,"c":9007199254740993,"d":-9223372036854775809}';
    expect(decode(transcode(json)!, { useBigInt64: true })).toEqual({
      a: 18_446_744_073_709_551_615n,
      b: -9_223_372_036_854_775_808n,
      c: 9_007_199_254_740_993n,
      d: -(2 ** 63),
    });
  });

  it.each([15, 16, 65_535, 65_536])('of %i members and items', (size) => {
    const value = {
      list: Array.from({ length: size }, (_, i) => i % 100),
      map: Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}`, 0])),
    };
    expect(transcode(JSON.stringify(value))).toEqual(Buffer.from(encode(value)));
  });

  it('counts the members that somebody else will add', () => {
    const bytes = Buffer.concat([transcode('{"a":1}', 1)!, Buffer.from(encode('b')), Buffer.from(encode(2))]);
    expect(read(bytes)).toEqual({ a: 1, b: 2 });
  });

  it.each([
    '',
    ' ',
    '[]',
    '"a"',
    '1',
    '{',
    '{"a"',
    '{"a":',
    '{"a":}',
    '{"a":1',
    '{"a":1,}',
    '{"a":1}}',
    '{"a":1} x',
    '{a:1}',
    '{"a" 1}',
    '{"a":01}',
    '{"a":-}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":+1}',
    '{"a":--1}',
    '{"a":truth}',
    '{"a":nul}',
    '{"a":undefined}',
    '{"a":[1,]}',
    '{"a":[1 2]}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":"\\u12"}',
    '{"a":"b',
    '{"a":"b\\',
    '{"a":"b\\"}',
    `{"a":${'['.repeat(80)}${']'.repeat(80)}}`,
    `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`,
    `{"a":${'['.repeat(100_000)}`,
  ])('is not made of %j', (text) => {
    expect(transcode(text)).toBeUndefined();
  });

  it('never fails otherwise, and takes nothing that JSON.parse does not', () => {
    const mutated = fc.tuple(logLine, fc.nat(), fc.nat(255)).map(([line, position, byte]) => {
      const bytes = Buffer.from(line);
      bytes[position % bytes.length] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(mutated, (bytes) => {
        const writer = new ByteWriter();
        if (!writeJsonObject(writer, bytes, 0, bytes.length)) return;
        // Control characters pass: what they stand for is clear, and only JSON forbids them.
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is meant
        const text = bytes.toString().replace(/[\u0000-\u001f]/g, ' ');
        expect(() => JSON.parse(text)).not.toThrow();
        expect(() => decode(writer.copy())).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });
});

describe('the reader of answers', () => {
  const plain = (value: Unpacked): unknown => {
    if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
    return Array.isArray(value) ? value.map(plain) : value;
  };
  const answer: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.oneof(
        fc.constantFrom(null, true, false, '', 'x'.repeat(40), 'y'.repeat(300)),
        fc.integer({ min: -32, max: 2 ** 32 - 1 }),
        fc.string({ unit: 'grapheme' }),
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      ),
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 20, noNullPrototype: true },
      ),
    ),
  })).value;

  const small = answer.filter((value) => encode(value).length < 4000);

  it('puts together what another encoder wrote, however it was cut', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 4 }), fc.integer({ min: 1, max: 9000 }), (answers, cut) => {
        const bytes = Buffer.concat(answers.map((value) => Buffer.from(encode(value))));
        const reader = new MsgpackReader();
        const found: Unpacked[] = [];
        for (let at = 0; at < bytes.length; at += cut) found.push(...reader.read(bytes.subarray(at, at + cut)));
        expect(found.map(plain)).toEqual(answers);
      }),
    );
  });

  it.each([
    ['an extension', Buffer.from([0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['a code that is never used', Buffer.from([0xc1])],
    ['nesting without end', Buffer.alloc(100, 0x91)],
    ['text without end', Buffer.concat([Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(70_000)])],
    ['an array without end', Buffer.concat([Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(70_000, 1)])],
  ])('refuses %s', (_, bytes) => {
    expect(() => new MsgpackReader().read(bytes)).toThrow(expect.objectContaining({ code: 'SPILLWAY_PROTOCOL' }));
  });
});
