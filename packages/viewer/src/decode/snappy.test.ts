// Snappy against another implementation, and against damage.
import fc from 'fast-check';
import { compress, uncompress } from 'snappyjs';
import { expect, test } from 'vitest';
import { Refusal } from './refusal.js';
import { unsnappy } from './snappy.js';

const MAX = 1024 * 1024;
// Repetitive bytes, so that the compressor makes copies near and far and not only literals.
const compressible = fc
  .tuple(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 90 }), { minLength: 1, maxLength: 12 }),
    fc.array(fc.nat(11), { maxLength: 400 }),
  )
  .map(([pieces, order]) => Buffer.concat(order.map((i) => pieces[i % pieces.length]!)));

test('reads what another implementation compressed', () => {
  fc.assert(
    fc.property(compressible, (bytes) => {
      expect(unsnappy(compress(bytes), MAX).equals(bytes)).toBe(true);
    }),
  );
});

test('reads blocks that are one literal, of every length form', () => {
  for (const length of [1, 59, 60, 61, 256, 257, 65_536, 65_537, 300_000]) {
    const bytes = Buffer.alloc(length, 'log ');
    expect(unsnappy(literal(bytes), MAX).equals(bytes)).toBe(true);
    expect(Buffer.from(uncompress(literal(bytes))).equals(bytes)).toBe(true);
  }
});

test('repeats a pattern that overlaps itself, and copies from 64 KiB back', () => {
  // 12 bytes: the literal "ab", then a copy of 10 from 2 back.
  expect(unsnappy(Buffer.from([12, (2 - 1) << 2, 97, 98, ((10 - 4) << 2) | 1, 2]), MAX).toString()).toBe(
    'abababababab',
  );
  const far = Buffer.alloc(70_000, 'x');
  far.write('far', 0);
  const head = literal(far).subarray(3);
  // A four-byte offset: copy 3 bytes from 70,000 back.
  const copy = Buffer.from([((3 - 1) << 2) | 3, 0x70, 0x11, 0x01, 0x00]);
  const block = Buffer.concat([varint(70_003), head, copy]);
  expect(unsnappy(block, MAX).subarray(-3).toString()).toBe('far');
});

test('an empty block is empty', () => {
  expect(unsnappy(Buffer.from([0]), MAX)).toHaveLength(0);
});

test('every truncation is refused', () => {
  const whole = compress(Buffer.from('a log line, a log line, and another log line '.repeat(20)));
  for (let end = 0; end < whole.length; end++) expect(() => unsnappy(whole.subarray(0, end), MAX)).toThrow(Refusal);
});

test('random and altered bytes are read or refused, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, prefixed) => {
      const input = prefixed ? Buffer.concat([varint(bytes.length * 3), bytes]) : bytes;
      try {
        expect(unsnappy(input, 10_000).length).toBeLessThanOrEqual(10_000);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['no length', [], 400],
  ['a length that never ends', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 400],
  ['a length over 32 bits', [0xff, 0xff, 0xff, 0xff, 0x7f, 0], 400],
  ['more than the cap', [0xff, 0xff, 0xff, 0x07, 0], 413],
  ['a length its bytes cannot make', [0xff, 0xff, 0x03, 4, 97], 400],
  ['a copy from before the start', [8, 0, 97, 0b101, 9], 400],
  ['a copy from nowhere', [8, 0, 97, 0b101, 0], 400],
  ['a literal longer than the output', [1, 8, 97, 98, 99], 400],
  ['a literal longer than the input', [200, 1, 0xf0, 199, 97], 400],
  ['less than was announced', [5, 4, 97, 98], 400],
])('refuses %s', (_, bytes, status) => {
  expect(() => unsnappy(Buffer.from(bytes), MAX)).toThrow(expect.objectContaining({ name: 'Refusal', status }));
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function literal(bytes: Buffer): Buffer {
  const last = bytes.length - 1;
  const size = last < 60 ? 0 : last < 256 ? 1 : last < 65_536 ? 2 : 3;
  const tag =
    size === 0 ? [last << 2] : [(59 + size) << 2, ...Array.from({ length: size }, (_, i) => (last >> (8 * i)) & 255)];
  return Buffer.concat([varint(bytes.length), Buffer.from(tag), bytes]);
}
