// The protobuf reader against protobufjs with Loki's own schema, and against damage.
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import type { Entry } from './entry.js';
import { decodeLokiProtobuf } from './loki-protobuf.js';
import { ProtobufReader } from './protobuf.js';
import { Refusal } from './refusal.js';

const schema = protobuf.parse(`
  syntax = "proto3";
  message PushRequest { repeated Stream streams = 1; string format = 2; }
  message Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3; }
  message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; repeated LabelPair parsed = 4; }
  message LabelPair { string name = 1; string value = 2; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
`).root;
const PushRequest = schema.lookupType('PushRequest');

const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const entry = fc.record({
  seconds: fc.integer({ min: -1_000_000, max: 4_000_000_000 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  line: text,
  metadata: fc.dictionary(fc.stringMatching(/^[a-z_]{1,10}$/), text, { maxKeys: 3 }),
});
const streams = fc.array(fc.record({ app: text, entries: fc.array(entry, { maxLength: 5 }) }), {
  minLength: 1,
  maxLength: 4,
});

test('reads what protobufjs wrote', () => {
  fc.assert(
    fc.property(streams, fc.nat(), (model, hash) => {
      const body = encode(
        model.map(({ app, entries }) => ({
          labels: `{app=${JSON.stringify(app)}, env="test"}`,
          hash,
          entries: entries.map(({ seconds, nanos, line, metadata }) => ({
            timestamp: { seconds, nanos },
            line,
            structuredMetadata: Object.entries(metadata).map(([name, value]) => ({ name, value })),
          })),
        })),
      );
      const expected = model.flatMap(({ app, entries }) =>
        entries.map(({ seconds, nanos, line, metadata }) => ({
          line,
          time: seconds * 1000 + Math.floor(nanos / 1e6),
          labels: { app, env: 'test' },
          metadata,
        })),
      );
      const actual = decode(body).map(({ line, time, labels, metadata }) => ({
        line: line.toString(),
        time,
        labels: { ...labels },
        metadata: { ...metadata },
      }));
      expect(actual).toEqual(expected);
    }),
  );
});

test('finds labels that stand after the entries, and steps over unknown fields', () => {
  const entries = PushRequest.encode({ streams: [{ entries: [{ line: 'one' }] }] }).finish();
  const labels = Buffer.from('{app="late"}');
  const inner = Buffer.concat([
    entries.subarray(2),
    // Unknown fields of every wire type: varint 9, fixed64 10, bytes 11, fixed32 12.
    Buffer.from([
      9 << 3,
      0xff,
      1,
      (10 << 3) | 1,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      (11 << 3) | 2,
      1,
      7,
      (12 << 3) | 5,
      1,
      2,
      3,
      4,
    ]),
    Buffer.from([0x0a, labels.length]),
    labels,
  ]);
  const [only] = decode(Buffer.concat([Buffer.from([0x0a, inner.length]), inner]));
  expect(only?.line.toString()).toBe('one');
  expect({ ...only?.labels }).toEqual({ app: 'late' });
});

test('damage of any kind is a refusal, and what was not damaged is not lost in silence', () => {
  const whole = encode([
    { labels: '{app="web"}', entries: [{ timestamp: { seconds: 1_700_000_000, nanos: 5 }, line: 'hello' }] },
  ]);
  for (let end = 0; end < whole.length; end++) expect(() => decode(whole.subarray(0, end))).toThrow(Refusal);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.uint8Array({ maxLength: 100 }), (at, byte, tail) => {
      const altered = Buffer.concat([whole, tail]);
      altered[at] = byte;
      try {
        decode(altered);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
    }),
    { numRuns: 2000 },
  );
});

test('invalid UTF-8 in a line is replaced', () => {
  const writer = protobuf.Writer.create();
  writer
    .uint32(0x0a)
    .fork()
    .uint32(0x0a)
    .string('{a="b"}')
    .uint32(0x12)
    .fork()
    .uint32(0x12)
    .bytes(Buffer.from([0x61, 0xff, 0x62]))
    .ldelim()
    .ldelim();
  expect(decode(writer.finish())[0]?.line.toString()).toBe('a\ufffdb');
});

test('no stream is refused with 422, as by Loki', () => {
  expect(() => decode(new Uint8Array(0))).toThrow(expect.objectContaining({ status: 422 }));
});

test('too many pairs, too large metadata and bad labels are refused', () => {
  const pairs = (count: number, value: string) => Array.from({ length: count }, (_, i) => ({ name: `n${i}`, value }));
  const push =
    (labels: string, structuredMetadata: object[] = []) =>
    () =>
      decode(encode([{ labels, entries: [{ line: 'x', structuredMetadata }] }]));
  expect(push('{a="b"}', pairs(257, ''))).toThrow(/too many structured metadata/);
  expect(push('{a="b"}', pairs(2, 'v'.repeat(40_000)))).toThrow(/structured metadata too large/);
  expect(push('{}')).toThrow(/at least one label pair/);
  expect(push('')).toThrow(/couldn't parse labels/);
});

test.each([
  ['zero', [0], 0],
  ['the largest of one byte', [0x7f], 127],
  ['28 bits', [0xff, 0xff, 0xff, 0x7f], 2 ** 28 - 1],
  ['32 bits', [0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
  ['53 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 53 - 1],
  ['minus one', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], -1],
  ['zero, padded', [0x80, 0x80, 0x00], 0],
])('a varint: %s', (_, bytes, value) => {
  expect(new ProtobufReader(Uint8Array.from(bytes)).int64()).toBe(value);
});

test.each([
  ['no end', [0x80]],
  ['over 64 bits', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
  ['eleven bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
])('a varint with %s is refused', (_, bytes) => {
  expect(() => new ProtobufReader(Uint8Array.from(bytes)).int64()).toThrow(Refusal);
});

test('a length that is negative or beyond the message is refused', () => {
  for (const length of [
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x05],
    [0xff, 0xff, 0xff, 0xff, 0x0f],
  ]) {
    expect(() => decode(Uint8Array.from([0x0a, ...length, 1, 2]))).toThrow(Refusal);
  }
});

function encode(request: object[]): Uint8Array {
  return PushRequest.encode(PushRequest.fromObject({ streams: request })).finish();
}

function decode(body: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  decodeLokiProtobuf(body, (one) => entries.push(one));
  return entries;
}
