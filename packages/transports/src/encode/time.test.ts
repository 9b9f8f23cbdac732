import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from './byte-writer.js';
import { putNanos64, writeDecimal, writeIso, writeIsoNanos, writeNanos, writeSeconds } from './time.js';

const written = (write: (writer: ByteWriter) => void) => {
  const writer = new ByteWriter().reset();
  write(writer);
  return writer.view().toString();
};
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 });

describe('times', () => {
  it('are what Date writes, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(instant, { minLength: 1, maxLength: 5 }), (times) => {
        for (const ms of times) expect(written((w) => writeIso(w, ms))).toBe(new Date(ms).toISOString());
      }),
    );
  });

  it('have nine decimals where nanoseconds are told', () => {
    fc.assert(
      fc.property(instant, fc.nat(999_999), (ms, nanos) => {
        const expected = new Date(ms).toISOString().replace('Z', `${String(nanos).padStart(6, '0')}Z`);
        expect(written((w) => writeIsoNanos(w, ms, nanos))).toBe(expected);
      }),
    );
  });

  it('are decimal seconds without an exponent', () => {
    fc.assert(
      fc.property(instant, (ms) => {
        const text = written((w) => writeSeconds(w, ms));
        expect(text).toMatch(/^\d+\.\d{3}$/);
        expect(BigInt(text.replace('.', ''))).toBe(BigInt(ms));
      }),
    );
  });

  it.each([
    [-1, '1970-01-01T00:00:00.000Z'],
    [Number.NaN, '1970-01-01T00:00:00.000Z'],
    [1.9, '1970-01-01T00:00:00.001Z'],
    [8e15, '9999-12-31T23:59:59.999Z'],
  ])('stay plain for %d', (ms, iso) => {
    expect(written((w) => writeIso(w, ms))).toBe(iso);
  });

  it('in nanoseconds stay within 63 bits, which end in the year 2262', () => {
    const edge = fc.integer({ min: 9_223_372_036_852, max: 9_223_372_036_855 });
    fc.assert(
      fc.property(fc.oneof(instant, edge), fc.nat(999_999), (ms, nanos) => {
        const expected = BigInt(Math.min(ms, 9_223_372_036_853)) * 1_000_000n + BigInt(nanos);
        expect(expected).toBeLessThan(2n ** 63n);
        expect(BigInt(written((w) => writeNanos(w, ms, nanos)))).toBe(expected);
        const buffer = Buffer.alloc(8);
        putNanos64(buffer, 0, ms, nanos);
        expect(buffer.readBigUInt64LE()).toBe(expected);
      }),
    );
  });

  it('numbers are written as String does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(), fc.constantFrom(0, 9, 10, 2 ** 31, 2 ** 53 - 1)), (value) => {
        expect(written((w) => writeDecimal(w, value))).toBe(String(value));
      }),
    );
  });
});
