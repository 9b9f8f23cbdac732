// Which frames are delivered together: by properties, over any segment that a journal can leave behind.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type FrameHeader, frameTypes, type Settled } from './frame.js';
import { Segment, type Unit } from './segment.js';
import { unitsOf } from './units.js';
import type { FoundFrame } from './walk.js';

const segment = () =>
  new Segment({
    path: '',
    lane: 'normal',
    kind: 'journal',
    queueId: '',
    number: 1,
    createdAt: 0,
    header: undefined,
    recovered: true,
  });

interface Written {
  readonly type: 'batch' | 'piece' | 'seal';
  readonly records: number;
  readonly bytes: number;
  /** How many of the pieces that are open a seal binds. */
  readonly binds: number;
}

const written: fc.Arbitrary<Written> = fc.record({
  type: fc.constantFrom('piece' as const, 'piece' as const, 'piece' as const, 'batch' as const, 'seal' as const),
  records: fc.integer({ min: 1, max: 3000 }),
  bytes: fc.integer({ min: 1, max: 700_000 }),
  binds: fc.integer({ min: 1, max: 6 }),
});

/** What a walk finds of them. A mark settles a frame. */
function frames(all: readonly Written[], marks: readonly (Settled | undefined)[]): FoundFrame[] {
  const open: number[] = [];
  return all.flatMap(({ type, records, bytes, binds }, frameIndex): FoundFrame[] => {
    const own = type === 'seal' ? { recordCount: 0, lineBytes: 0 } : { recordCount: records, lineBytes: bytes };
    const header = { type: frameTypes[type], frameIndex, ...own } as FrameHeader;
    const frame = { offset: 128 + 1000 * frameIndex, header, mark: marks[frameIndex], attempts: 0 };
    if (type === 'piece') open.push(frameIndex);
    if (type !== 'seal') return [frame];
    const pieces = open.splice(0, binds);
    return pieces.length > 0 ? [{ ...frame, pieces }] : [];
  });
}

const indices = ({ parts }: Unit) => parts.map(({ header }) => header.frameIndex);
const mark = fc.option(fc.constantFrom<Settled>('acked', 'rejected'), { nil: undefined });
const lists = fc
  .array(written, { minLength: 1, maxLength: 60 })
  .chain((all) => fc.tuple(fc.constant(all), fc.array(mark, { minLength: all.length, maxLength: all.length })));

it('holds every record once, in the order of the file', () => {
  fc.assert(
    fc.property(lists, ([all]) => {
      const units = unitsOf(segment(), frames(all, []));
      const held = units.flatMap(indices);
      const expected = all.flatMap(({ type }, i) => (type === 'seal' ? [] : [i]));
      expect([...held].sort((a, b) => a - b)).toEqual(expected);
      const starts = units.map((unit) => indices(unit)[0]!);
      expect(starts).toEqual([...starts].sort((a, b) => a - b));
    }),
  );
});

it('groups what no seal binds within bounds', () => {
  fc.assert(
    fc.property(lists, ([all]) => {
      const whole = frames(all, []);
      const bound = new Set(whole.flatMap(({ pieces }) => pieces ?? []));
      for (const unit of unitsOf(segment(), whole)) {
        const loose = indices(unit).filter((i) => all[i]!.type === 'piece' && !bound.has(i));
        if (loose.length < 2) continue;
        expect(unit.bytes).toBeLessThanOrEqual(2 ** 20);
        expect(unit.records).toBeLessThanOrEqual(5000);
      }
    }),
  );
});

it('forms the same batches whatever has been settled meanwhile', () => {
  fc.assert(
    fc.property(lists, ([all, marks]) => {
      const before = unitsOf(segment(), frames(all, [])).map(indices);
      const units = unitsOf(segment(), frames(all, marks));
      const after = units.filter(({ state }) => state === 'free').map(indices);
      const bound = new Set(frames(all, []).flatMap(({ pieces }) => pieces ?? []));
      for (const group of after) {
        // A group that was there before, less what was settled of it alone.
        const same = before.find((each) => each.includes(group[0]!))!;
        expect(group).toEqual(same.filter((i) => bound.has(i) || !marks[i]));
      }
      expect(after.length).toBeLessThanOrEqual(before.length);
    }),
  );
});
