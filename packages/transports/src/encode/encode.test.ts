import fc from 'fast-check';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';
import { describe, expect, it } from 'vitest';
import { ByteWriter, varintSize } from './byte-writer.js';
import { writeEscaped } from './json.js';
import { labelName, labelSet } from './labels.js';
import { textField } from './protobuf.js';
import { levelName } from './severity.js';
import { literalRoom, snappy, snappyLiteral } from './snappy.js';

const uncompress = (block: Buffer) => Buffer.from(SnappyJS.uncompress(block));
const literal = (input: Uint8Array) => snappyLiteral(Buffer.concat([Buffer.alloc(literalRoom, 0xff), input]));

describe('snappy', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom('{"level":30,"time":1700000000000,"msg":"', '"}\n', 'aaaa', 'abc').map((text) => Buffer.from(text)),
    fc.tuple(fc.nat(255), fc.nat(3000)).map(([byte, size]) => Buffer.alloc(size, byte)),
  );
  const bytes = fc.array(piece, { maxLength: 200 }).map((pieces) => Buffer.concat(pieces));

  it('is read back by a decoder of others', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        expect(uncompress(snappy(input)).equals(input)).toBe(true);
        expect(uncompress(literal(input)).equals(input)).toBe(true);
      }),
    );
  });

  it.each([0, 1, 3, 4, 15, 16, 17, 59, 60, 61, 256, 257, 65_535, 65_536, 65_537, 131_072, 200_001])(
    'of %i bytes',
    (size) => {
      const noise = Buffer.alloc(size);
      for (let i = 0, state = 7; i < size; i++) {
        state = (Math.imul(state, 1103515245) + 12345) >>> 0;
        noise[i] = state >>> 16;
      }
      for (const input of [noise, Buffer.alloc(size, 'x'), Buffer.alloc(size, '{"level":30,"msg":"hello"}\n')]) {
        expect(uncompress(snappy(input)).equals(input)).toBe(true);
        expect(uncompress(literal(input)).equals(input)).toBe(true);
      }
    },
  );

  it('finds matches at every distance within 64 KiB', () => {
    const marker = Buffer.from('0123456789abcdefghij');
    for (const distance of [20, 2047, 2048, 2049, 40_000, 65_000]) {
      const input = Buffer.concat([marker, Buffer.alloc(distance - marker.length, 0), marker, Buffer.alloc(40, 1)]);
      expect(uncompress(snappy(input)).equals(input)).toBe(true);
    }
  });

  it('compresses log lines as well as others do', () => {
    const lines = Array.from(
      { length: 3000 },
      (_, i) =>
        `{"level":30,"time":${1_700_000_000_000 + i},"pid":7,"hostname":"web-1","reqId":"r-${(i * 2654435761) >>> 0}","msg":"request completed","status":${i % 9 ? 200 : 404}}\n`,
    );
    const input = Buffer.from(lines.join(''));
    expect(snappy(input).length).toBeLessThan(SnappyJS.compress(input).length * 1.05);
  });
});

describe('protobuf pieces', () => {
  const numbers = fc.oneof(fc.nat(300), fc.maxSafeNat());

  it('has varints of the size that it says, which others read', () => {
    fc.assert(
      fc.property(numbers, (value) => {
        const writer = new ByteWriter();
        writer.varint(value);
        expect(writer.length).toBe(varintSize(value));
        expect(Number(protobuf.Reader.create(writer.copy()).uint64())).toBe(value);
      }),
    );
  });

  it('has text fields that others read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.string({ unit: 'binary' }), (field, value) => {
        const reader = protobuf.Reader.create(textField(field, value));
        expect(reader.uint32()).toBe(field * 8 + 2);
        expect(reader.string()).toBe(value);
      }),
    );
  });

  it('fills in lengths afterwards', () => {
    for (const size of [0, 1, 127, 128, 70_000, 3_000_000]) {
      const writer = new ByteWriter();
      const start = writer.openLength();
      writer.bytes(Buffer.alloc(size));
      writer.closeLength(start);
      expect(protobuf.Reader.create(writer.copy()).bytes()).toHaveLength(size);
    }
  });

  it('gives memory back after a huge batch', () => {
    const writer = new ByteWriter();
    writer.reset(40_000_000);
    expect(writer.buffer.length).toBeGreaterThanOrEqual(40_000_000);
    writer.reset(1000);
    expect(writer.buffer.length).toBeLessThan(1_000_000);
  });
});

describe('JSON inside JSON', () => {
  it('is read back as the same bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(5), (text, offset) => {
        const source = Buffer.concat([Buffer.alloc(offset, '"'), Buffer.from(text)]);
        const writer = new ByteWriter();
        writer.byte(0x22);
        writeEscaped(writer, source, offset, source.length);
        writer.byte(0x22);
        expect(JSON.parse(writer.copy().toString())).toBe(text);
      }),
    );
  });

  it('grows as far as the worst case needs', () => {
    const source = Buffer.alloc(200_000, 1);
    const writer = new ByteWriter();
    writer.text('"');
    writeEscaped(writer, source, 0, source.length);
    writer.text('"');
    expect(JSON.parse(writer.copy().toString())).toBe('\u0001'.repeat(200_000));
  });
});

describe('words', () => {
  it.each([
    [0, undefined],
    [1, 'trace'],
    [10, 'trace'],
    [20, 'debug'],
    [30, 'info'],
    [35, 'info'],
    [40, 'warn'],
    [50, 'error'],
    [60, 'fatal'],
    [1000, 'fatal'],
  ] as const)('level %i is %s', (level, name) => {
    expect(levelName(level)).toBe(name);
  });

  it('writes labels sorted and escaped', () => {
    expect(labelSet({ b: 'x"y\\z\nw', a: '1' })).toBe('{a="1", b="x\\"y\\\\z\\nw"}');
    expect(['a.b-c', '1st', 'ok_2'].map(labelName)).toEqual(['a_b_c', '_1st', 'ok_2']);
  });
});
