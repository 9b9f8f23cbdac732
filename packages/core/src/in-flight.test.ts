import { batchOf } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import type { Entry } from './entry.js';
import { InFlight } from './in-flight.js';

const entry = (seal: number): Entry => ({
  batch: batchOf(['{"a":1}', '{"b":2}', '{"c":3}']),
  seal,
  lane: 'normal',
  at: 0,
});

describe('in flight', () => {
  it('counts what is not settled, and hands that out with its entry', () => {
    const inFlight = new InFlight();
    const [first, second] = [entry(1), entry(2)];
    const { count, bytes } = first.batch;
    const parts = inFlight.add(first);
    inFlight.add(second);
    const rest = first.batch.range(1, 3);
    parts.splice(0, 1, rest);
    inFlight.settled(count - rest.count, bytes.length - rest.bytes.length);
    expect(inFlight).toMatchObject({ size: 2, records: 5, bytes: bytes.length + rest.bytes.length, oldestSeal: 1 });

    expect(inFlight.takeOut(first)).toEqual([rest]);
    expect(parts).toEqual([]);
    expect(inFlight.has(first)).toBe(false);
    expect(inFlight).toMatchObject({ size: 1, records: count, bytes: bytes.length, oldestSeal: 2 });

    inFlight.takeOut(second);
    expect(inFlight).toMatchObject({ size: 0, records: 0, bytes: 0, oldestSeal: Number.POSITIVE_INFINITY });
  });
});
