import { batchOf, logLine } from '@spillway/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineWriter } from './line-writer.js';
import { lastTextMember, memberValues, recordsWith, writeMembers } from './members.js';

function spliced(line: string): string {
  const batch = batchOf([line]);
  const writer = new LineWriter().start(batch, 10);
  writer.text('{"ours":1');
  writeMembers(writer, batch.bytes, 0, batch.bytes.length - 1);
  return writer.finish().toString();
}

describe('members', () => {
  it('follow ours, untouched', () => {
    fc.assert(
      fc.property(logLine, (line) => {
        const members = line.slice(1).trimStart();
        const text = spliced(line);
        expect(text).toBe(`{"ours":1${members === '}' ? '' : ','}${members}`);
        expect(JSON.parse(text)).toEqual({ ours: 1, ...JSON.parse(line) });
      }),
    );
  });

  it.each([
    ['{}', '{"ours":1}'],
    ['{ \t}', '{"ours":1}'],
    [' { "b":2}', '{"ours":1,"b":2}'],
  ])('of %j', (line, whole) => {
    expect(spliced(line)).toBe(whole);
  });

  it.each(['plain text', '[1]', '"{}"', ''])('of %j are none', (line) => {
    expect(() => spliced(line)).toThrow('not a JSON object');
  });
});

const key = fc.constantFrom('at', 'b', 'a"t', 'at\\', '"at"', ',"at');
const { object } = fc.letrec<{ object: Record<string, unknown>; value: unknown }>((tie) => ({
  object: fc.dictionary(key, tie('value'), { maxKeys: 3, noNullPrototype: true }),
  value: fc.oneof({ depthSize: 'small' }, key, fc.constant(1), fc.array(tie('value'), { maxLength: 2 }), tie('object')),
}));

describe('a member of a name', () => {
  const flagsOf = (...lines: string[]) => {
    const flags = recordsWith(batchOf(lines), 'at');
    return flags && [...flags];
  };

  it('is found at the top level only', () => {
    expect(flagsOf('{"a":1}', '{"b":2}')).toBeUndefined();
    expect(flagsOf('{"at":1}', '{"b":2}', '{"b":2,"at" : 1}')).toEqual([1, 0, 1]);
    expect(
      flagsOf('{"b":{"at":1}}', '{"b":[{"at":1}]}', '{"b":"at"}', '{"b":["at"]}', '{"b":"\\"at"}'),
    ).toBeUndefined();
    expect(flagsOf('{"b":{"at":1},"at":2}', '{"b":"x\\\\","at":1}', '{"b":"}}","at":1}')).toEqual([1, 1, 1]);
    expect(flagsOf('{"b":"\\"at\\":1"}', '{"b":"{\\"at\\":1}","c":1}')).toBeUndefined();
  });

  it('is found by any of its bytes, and its value with it', () => {
    const batch = batchOf(['{"trace_id":"a"}', '{"span_id":1,"x":"trace_id"}', '{"b":{"trace_id":2},"trace_id" : 3}']);
    for (const rare of [0, 5, 7]) {
      const values = [...memberValues(batch, 'trace_id', rare)!];
      expect(values.map((at) => batch.bytes.toString('utf8', at, at + 1))).toEqual(['"', '{', '3']);
      expect(values[1]).toBe(0);
    }
    expect(memberValues(batch, 'trace_i', 5)).toBeUndefined();
  });

  it('is found exactly where the parsed object has it', () => {
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 6 }), (objects) => {
        const flags = flagsOf(...objects.map((each) => JSON.stringify(each))) ?? objects.map(() => 0);
        expect(flags).toEqual(objects.map((each) => Number(Object.hasOwn(each, 'at'))));
      }),
      { numRuns: 500 },
    );
  });

  it('is looked for in one walk, however often it is in nested objects', () => {
    const nested = Array.from({ length: 40_000 }, () => '{"at":1}').join();
    const started = performance.now();
    expect(flagsOf(`{"b":[${nested}],"c":"\\"at","at":1}`, `{"b":[${nested}]}`, '{"at":1}')).toEqual([1, 0, 1]);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('is found if it is the last, and text', () => {
    fc.assert(
      fc.property(object, (fields) => {
        const line = JSON.stringify(fields);
        const bytes = Buffer.from(line);
        const found = lastTextMember(bytes, [0, bytes.length], Buffer.from('"at"'));
        const [name, value] = Object.entries(fields).at(-1) ?? [];
        const expected =
          name === 'at' && typeof value === 'string' ? line.length - 6 - JSON.stringify(value).length : -1;
        expect(found).toBe(expected);
      }),
      { numRuns: 500 },
    );
    const at = (line: string) => lastTextMember(Buffer.from(line), [0, line.length], Buffer.from('"at"'));
    expect([at('{"at": "x"}'), at('{"at":"x" }'), at('"at":"x"}'), at('"}'), at('')]).toEqual([-1, -1, -1, -1, -1]);
  });
});
