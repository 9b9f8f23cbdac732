import { logLine } from '@spillway/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KnownMembers } from './known-members.js';

const names = ['msg', 'level', 'pid', 'nested', 'trace_id', 'nothing', 'missing'];

/** What stands where a value begins, by way of parsing the rest. */
function valueAt(bytes: Buffer, at: number): string {
  return bytes.toString('utf8', at, at + 40);
}

it('finds what parsing finds, wherever the line is', () => {
  const known = new KnownMembers(names);
  fc.assert(
    fc.property(logLine, fc.nat(5), (line, before) => {
      const bytes = Buffer.from(`${' '.repeat(before)}${line}\n`);
      const values = known.read(bytes, before, bytes.length - 1);
      const parsed = JSON.parse(line) as Record<string, unknown>;
      for (const [i, name] of names.entries()) {
        expect(values[i]! > 0).toBe(Object.hasOwn(parsed, name));
        const text = JSON.stringify(parsed[name]);
        if (values[i]! > 0 && typeof parsed[name] === 'string') expect(valueAt(bytes, values[i]!)).toContain(text[0]!);
      }
    }),
  );
});

it.each([
  ['{"a":{"msg":1},"msg":2}', '2}'],
  ['{"b":["msg",{"msg":3}],"c":"\\"msg\\":4","msg" : 5 }', '5 }'],
  ['{"msg":6,"msg":7}', '7}'],
])('tells names from text and from names further down: %s', (line, rest) => {
  const bytes = Buffer.from(line);
  const [value] = new KnownMembers(['msg']).read(bytes, 0, bytes.length);
  expect(bytes.toString('utf8', value)).toBe(rest);
});

it.each(['', '{', '{"a"', '{"a":', '{"a":1', '{"a":"', 'no JSON', '{"a" 1}', '{"a":1 "msg":2}'])(
  'survives %j',
  (line) => {
    const bytes = Buffer.from(line);
    expect([...new KnownMembers(['msg']).read(bytes, 0, bytes.length)]).toEqual([0]);
  },
);
