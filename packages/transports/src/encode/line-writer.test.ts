import { batchOf, linesOf, logBatch } from '@spillway/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reclaim } from './byte-writer.js';
import { LineWriter } from './line-writer.js';

const writer = new LineWriter();

describe('a line writer', () => {
  it('frames lines, whatever their sizes, as long as the framing keeps to its bound', () => {
    fc.assert(
      fc.property(
        logBatch,
        fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 12 }), { minLength: 1 }),
        (batch, frames) => {
          writer.start(batch, 12);
          let expected = '';
          for (let i = 0; i < batch.count; i++) {
            const frame = frames[i % frames.length]!;
            writer.text(frame);
            writer.lines(batch.offsets[i]!, batch.offsets[i + 1]! - (i % 2));
            expected += frame + linesOf(batch)[i] + (i % 2 ? '' : '\n');
          }
          expect(writer.finish().toString()).toBe(expected);
        },
      ),
    );
  });

  it('makes room in the middle without touching what it wrote', () => {
    const batch = batchOf(['{"level":10,"time":1700000000000,"msg":""}', '{}']);
    writer.start(batch, 12);
    writer.text('123456');
    writer.lines(0, 43);
    writer.text('12345678');
    writer.lines(43, 46);
    expect(writer.finish().toString()).toBe('123456{"level":10,"time":1700000000000,"msg":""}\n12345678{}\n');
  });

  it('gives its buffer away', () => {
    const batch = batchOf(['{"a":1}']);
    writer.start(batch, 0).lines(0, 8);
    const first = writer.finish();
    writer.start(batchOf(['{"b":2}']), 0).lines(0, 8);
    expect(first.toString()).toBe('{"a":1}\n');
    expect(writer.finish().toString()).toBe('{"b":2}\n');
  });

  it('uses the memory of a body again when it was handed back, and only then', () => {
    const large = batchOf(Array.from({ length: 1000 }, (_, i) => JSON.stringify({ i, pad: 'x'.repeat(100) })));
    const encode = () => {
      writer.start(large, 2).lines(0, large.bytes.length);
      return writer.finish();
    };
    const first = encode();
    const second = encode();
    expect(second.buffer).not.toBe(first.buffer);
    reclaim(first);
    reclaim(first);
    expect(encode().buffer).toBe(first.buffer);
    expect(encode().buffer).not.toBe(first.buffer);
    expect(second.equals(large.bytes)).toBe(true);
    reclaim(large.bytes);
    expect(encode().buffer).not.toBe(large.bytes.buffer);
  });

  it('refuses to write over lines that are still to be moved', () => {
    const batch = batchOf(['{"a":1}', '{"b":2}']);
    writer.start(batch, 1);
    writer.text('123');
    expect(() => writer.lines(0, 8)).toThrow(RangeError);
  });
});
