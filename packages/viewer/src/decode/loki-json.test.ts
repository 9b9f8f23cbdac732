import { expect, test } from 'vitest';
import type { Entry } from './entry.js';
import { decodeLokiJson } from './loki-json.js';

test('reads streams, times and metadata', () => {
  const entries = decode({
    streams: [
      {
        stream: { app: 'web' },
        values: [
          ['1700000000123456789', 'one', { trace_id: 'abc' }],
          ['1700000000124000000', ''],
        ],
      },
      {
        stream: { app: 'api' },
        values: [
          ['5', 'early'],
          ['-5000000', 'before'],
        ],
      },
      { stream: { app: 'quiet' } },
    ],
  });
  expect(
    entries.map(({ line, time, labels, metadata }) => [
      line.toString(),
      time,
      { ...labels },
      metadata && { ...metadata },
    ]),
  ).toEqual([
    ['one', 1_700_000_000_123, { app: 'web' }, { trace_id: 'abc' }],
    ['', 1_700_000_000_124, { app: 'web' }, undefined],
    ['early', 0, { app: 'api' }, undefined],
    ['before', -5, { app: 'api' }, undefined],
  ]);
});

test('entries of a stream share their labels', () => {
  const [first, second] = decode({
    streams: [
      {
        stream: { a: 'b' },
        values: [
          ['1', 'x'],
          ['2', 'y'],
        ],
      },
    ],
  });
  expect(first?.labels).toBe(second?.labels);
});

test.each([
  ['nothing', '', 400],
  ['no JSON', '{"streams":', 400],
  ['no streams', '{}', 422],
  ['an empty list', '{"streams":[]}', 422],
  ['an array', '[]', 422],
  ['a stream that is text', '{"streams":["x"]}', 400],
  ['no labels', '{"streams":[{"values":[["1","x"]]}]}', 400],
  ['empty labels', '{"streams":[{"stream":{},"values":[["1","x"]]}]}', 400],
  ['a label that is a number', '{"streams":[{"stream":{"a":1},"values":[]}]}', 400],
  ['values that are an object', '{"streams":[{"stream":{"a":"b"},"values":{}}]}', 400],
  ['a time that is a number', '{"streams":[{"stream":{"a":"b"},"values":[[1,"x"]]}]}', 400],
  ['a time with a fraction', '{"streams":[{"stream":{"a":"b"},"values":[["1.5","x"]]}]}', 400],
  ['a time of 20 digits', '{"streams":[{"stream":{"a":"b"},"values":[["12345678901234567890","x"]]}]}', 400],
  ['a line that is an object', '{"streams":[{"stream":{"a":"b"},"values":[["1",{}]]}]}', 400],
  ['nested metadata', '{"streams":[{"stream":{"a":"b"},"values":[["1","x",{"a":{}}]]}]}', 400],
  ['four parts', '{"streams":[{"stream":{"a":"b"},"values":[["1","x",{},1]]}]}', 400],
])('refuses %s', (_, body, status) => {
  expect(() => decodeLokiJson(Buffer.from(body), () => {})).toThrow(
    expect.objectContaining({ name: 'Refusal', status }),
  );
});

test('refuses a body of very many tiny values before it is parsed', () => {
  expect(() => decodeLokiJson(Buffer.alloc(5_000_000, '[,'), () => {})).toThrow(
    expect.objectContaining({ status: 413 }),
  );
});

test('a label named __proto__ is a label', () => {
  const [entry] = decodeText('{"streams":[{"stream":{"__proto__":"x","a":"b"},"values":[["1","x"]]}]}');
  expect(Object.keys(entry!.labels!)).toEqual(['__proto__', 'a']);
});

function decode(request: object): Entry[] {
  return decodeText(JSON.stringify(request));
}

function decodeText(body: string): Entry[] {
  const entries: Entry[] = [];
  decodeLokiJson(Buffer.from(body), (entry) => entries.push(entry));
  return entries;
}
