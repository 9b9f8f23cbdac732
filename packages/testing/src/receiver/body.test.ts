import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type RequestHead, tally } from './body.js';
import { snappyDecompress } from './snappy.js';

function count(body: Buffer, head: Partial<RequestHead>) {
  const numbers: number[] = [];
  const tallied = tally(body, { path: '/x', contentType: '', contentEncoding: '', ...head }, (i) => numbers.push(i));
  return { ...tallied, numbers };
}

const lines =
  '{"level":30,"i":7,"msg":"a"}\n{"level":30,"msg":"no number"}\n{"level":30,"i":123456,"msg":"\\"i\\":9 quoted"}\n';

/** A literal-only snappy block. */
function snappy(plain: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = plain.length; ; rest >>>= 7) {
    length.push(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) break;
  }
  const tag = Buffer.from([62 << 2, 0, 0, 0]);
  tag.writeUIntLE(plain.length - 1, 1, 3);
  return Buffer.concat([Buffer.from(length), tag, plain]);
}

/** A protobuf field with a length. */
function field(number: number, ...parts: (string | Buffer)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
  const length = body.length < 128 ? [body.length] : [(body.length & 127) | 128, body.length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), body]);
}

describe('tally', () => {
  it('counts lines and finds the numbers in NDJSON', () => {
    const body = Buffer.from(lines);
    expect(count(body, { contentType: 'application/x-ndjson' })).toEqual({
      records: 3,
      bytes: body.length,
      numbers: [7, 123456, 9],
    });
  });

  it('undoes gzip', () => {
    const counted = count(zlib.gzipSync(lines), { contentType: 'application/x-ndjson', contentEncoding: 'gzip' });
    expect(counted.records).toBe(3);
    expect(counted.bytes).toBe(lines.length);
  });

  it('finds numbers in escaped lines of a Loki JSON body', () => {
    const body = {
      streams: [
        {
          stream: {},
          values: [
            ['1', '{"i":4}'],
            ['2', '{"i":5}'],
          ],
        },
      ],
    };
    expect(count(Buffer.from(JSON.stringify(body)), { contentType: 'application/json' })).toMatchObject({
      records: 2,
      numbers: [4, 5],
    });
  });

  it('counts the entries of a Loki protobuf body over several streams', () => {
    const entry = (line: string) => field(2, field(1, Buffer.from([8, 1])), field(2, line));
    const push = Buffer.concat([
      field(1, field(1, '{a="b"}'), entry('{"i":1}'), entry('{"i":2}')),
      field(1, field(1, '{a="c"}'), entry('plain')),
    ]);
    const head = { path: '/loki/api/v1/push', contentType: 'application/x-protobuf' };
    expect(count(snappy(push), head)).toEqual({ records: 3, bytes: push.length, numbers: [1, 2] });
  });

  it('finds integers and doubles among the attributes of OTLP in protobuf', () => {
    const double = Buffer.alloc(9, 0x21);
    double.writeDoubleLE(7, 1);
    const attributes = [
      field(6, field(1, 'i'), field(2, Buffer.from([0x18, 0xac, 2]))),
      field(6, field(1, 'i'), field(2, double)),
      field(6, field(2, double), field(1, 'i')),
      field(6, field(2, Buffer.from([0x18, 0xad, 2])), field(1, 'i')),
      field(6, field(1, 'i'), field(2, field(1, 'text'))),
      field(6, field(1, 'it'), field(2, Buffer.from([0x18, 5]))),
      field(5, field(1, '{"i":9}')),
    ];
    const head = { path: '/v1/logs', contentType: 'application/x-protobuf' };
    expect(count(Buffer.concat(attributes), head)).toMatchObject({ records: 5, numbers: [9, 300, 7, 7, 301] });
  });

  it('finds the attribute in the JSON of OTLP, in quotes or not', () => {
    const body = '[{"key":"i","value":{"intValue":"12"}},{"key":"i","value":{"intValue":13}}]';
    const head = { path: '/v1/logs', contentType: 'application/json' };
    expect(count(Buffer.from(body), head)).toMatchObject({ records: 2, numbers: [12, 13] });
  });

  it('counts two lines as one action of a bulk body', () => {
    const body = Buffer.from('{"index":{}}\n{"i":1}\n{"index":{}}\n{"i":2}\n');
    expect(count(body, { path: '/_bulk', contentType: 'application/x-ndjson' }).records).toBe(2);
  });
});

describe('snappyDecompress', () => {
  it('reads copies that overlap themselves', () => {
    expect(snappyDecompress(Buffer.from([10, 4, 97, 98, 17, 2]), 100).toString()).toBe('ababababab');
  });

  it.each([
    ['a copy before the start', [10, 4, 97, 98, 17, 3]],
    ['a literal that overruns', [2, 8, 97, 98]],
    ['a block that ends early', [10, 4, 97, 98]],
  ])('refuses %s', (_, bytes) => {
    expect(() => snappyDecompress(Buffer.from(bytes), 100)).toThrow(/snappy/);
  });

  it('refuses a block that says it is larger than allowed', () => {
    expect(() => snappyDecompress(Buffer.from([101, 0, 97]), 100)).toThrow(/more than 100/);
  });
});
