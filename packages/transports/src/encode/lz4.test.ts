import fc from 'fast-check';
import { decompressBlock } from 'lz4js';
import { describe, expect, it } from 'vitest';
import { lz4Block } from './lz4.js';

function unpacked(block: Buffer, size: number): Buffer {
  const output = Buffer.alloc(size);
  expect(decompressBlock(block, output, 0, block.length, 0)).toBe(size);
  return output;
}

/** The end of a block as decoders may rely on it: the last sequence is literals alone, at least five of them. */
function lastLiterals(block: Buffer): number {
  let at = 0;
  for (;;) {
    const token = block[at++]!;
    const [literals, afterLength] = lengthAt(block, at, token >>> 4);
    at = afterLength + literals;
    if (at === block.length) return literals;
    at = lengthAt(block, at + 2, token & 15)[1];
  }
}

function lengthAt(block: Buffer, from: number, start: number): [length: number, after: number] {
  let length = start;
  let at = from;
  if (start === 15) {
    let byte: number;
    do {
      byte = block[at++]!;
      length += byte;
    } while (byte === 255);
  }
  return [length, at];
}

const compressible = fc
  .array(fc.constantFrom('{"level":30,"msg":"', 'request completed', '","n":', '12345', 'aaaaaaaa', 'é', 'z'), {
    maxLength: 400,
  })
  .map((parts) => Buffer.from(parts.join('')));

describe('an LZ4 block', () => {
  it('is read by another decoder, whatever it holds', () => {
    fc.assert(
      fc.property(fc.oneof(compressible, fc.uint8Array({ maxLength: 600 }).map(Buffer.from)), (input) => {
        const block = lz4Block(input);
        expect(unpacked(block, input.length).equals(input)).toBe(true);
        expect(lastLiterals(block)).toBeGreaterThanOrEqual(Math.min(5, input.length));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one long match', Buffer.alloc(300_000, 97)],
    [
      'repetitions beyond the reach of a distance',
      Buffer.concat([Buffer.from('0123456789abcdef'), Buffer.alloc(70_000), Buffer.from('0123456789abcdef')]),
    ],
    ['a run of literals of 255 more than 15', Buffer.from(Array.from({ length: 270 }, (_, i) => (i * 7919) >>> 3))],
  ])('takes %s', (_, input) => {
    expect(unpacked(lz4Block(input), input.length).equals(input)).toBe(true);
  });

  it('is a single run of literals where nothing repeats', () => {
    expect(lz4Block(Buffer.from('abc')).toString('latin1')).toBe('\u0030abc');
    const block = lz4Block(Buffer.from(Array.from({ length: 74 }, (_, i) => i)));
    expect([...block.subarray(0, 2)]).toEqual([0xf0, 59]);
  });

  it('makes logs several times smaller, and nothing much larger', () => {
    const logs = Buffer.from(
      Array.from(
        { length: 2000 },
        (_, n) => `{"level":30,"time":${1.7e12 + n},"pid":42,"msg":"request ${n} completed"}\n`,
      ).join(''),
    );
    expect(lz4Block(logs).length * 3).toBeLessThan(logs.length);
    const noise = Buffer.from(Array.from({ length: 100_000 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24));
    expect(lz4Block(noise).length).toBeLessThanOrEqual(noise.length + noise.length / 255 + 16);
  });
});
