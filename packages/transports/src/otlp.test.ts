import transformer from '@opentelemetry/otlp-transformer/build/src/generated/root.js';
import type { Batch, HttpReply, HttpWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type OtlpOptions, otlp } from './otlp.js';

/** A message type of protobufjs. */
interface Message {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): object;
}
// OpenTelemetry's own code for its own schema.
type Generated = { opentelemetry: { proto: { collector: { logs: { v1: Record<string, Message> } } } } };
const messages = (transformer as unknown as Generated).opentelemetry.proto.collector.logs.v1;
const Request = messages.ExportLogsServiceRequest!;
const Response = messages.ExportLogsServiceResponse!;

const url = 'http://127.0.0.1:9';
const plain: OtlpOptions = { url, environment: false };
const traced = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331', trace_flags: '01' };

interface Value {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: Value[] };
  readonly kvlistValue?: { readonly values?: Pair[] };
}
interface Pair {
  readonly key: string;
  readonly value: Value;
}
interface LogRecord {
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly body?: Value;
  readonly attributes?: Pair[];
  readonly traceId?: string;
  readonly spanId?: string;
  readonly flags?: number;
}
interface Decoded {
  readonly resourceLogs: readonly {
    readonly resource: { readonly attributes?: Pair[] };
    readonly scopeLogs: readonly { readonly scope: { readonly name: string }; readonly logRecords: LogRecord[] }[];
  }[];
}

/** A request in the JSON of the protocol, whichever encoding it came in. */
function requestOf({ body }: Pick<HttpWire, 'body'>, json: boolean): Decoded {
  if (json) return JSON.parse(body.toString()) as Decoded;
  const request = Request.toObject(Request.decode(body), { longs: String, bytes: Buffer, json: true }) as Decoded;
  for (const { scopeLogs } of request.resourceLogs)
    for (const { logRecords } of scopeLogs)
      for (const record of logRecords as { traceId?: string | Buffer; spanId?: string | Buffer }[]) {
        if (record.traceId) record.traceId = Buffer.from(record.traceId as Buffer).toString('hex');
        if (record.spanId) record.spanId = Buffer.from(record.spanId as Buffer).toString('hex');
      }
  return request;
}

const isJson = ({ encoding }: OtlpOptions) => encoding === 'json';

/** What JSON calls a value, told apart by type where the protocol does. */
function plainOf(value: Value | undefined): unknown {
  if (value === undefined) return undefined;
  if (value.stringValue !== undefined) return wellFormed(value.stringValue);
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return { int: String(value.intValue) };
  if (value.doubleValue !== undefined) return { double: value.doubleValue };
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plainOf);
  if (value.kvlistValue) return pairsOf(value.kvlistValue.values);
  return null;
}

function pairsOf(pairs: Pair[] = []): { pairs: [string, unknown][] } {
  return { pairs: pairs.map(({ key, value }) => [wellFormed(key), plainOf(value)]) };
}

/** The same for a parsed line. */
function expectedOf(value: unknown): unknown {
  if (typeof value === 'string') return wellFormed(value);
  if (typeof value === 'number') {
    const text = JSON.stringify(value);
    const isInt = /^-?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
    return isInt ? { int: text } : { double: value };
  }
  if (Array.isArray(value)) return value.map(expectedOf);
  if (typeof value === 'object' && value !== null)
    return { pairs: Object.entries(value).map(([key, each]) => [wellFormed(key), expectedOf(each)]) };
  return value;
}

/** Half a surrogate pair has no form in UTF-8. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

const texts = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const severities: Record<number, number> = { 10: 1, 20: 5, 30: 9, 35: 11, 40: 13, 50: 17, 60: 21, 65: 23 };

function decode(wire: HttpWire, options: OtlpOptions): unknown[] {
  return requestOf(wire, isJson(options)).resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((record) => {
        expect(record.observedTimeUnixNano).toBe(record.timeUnixNano);
        return {
          time: String(record.timeUnixNano),
          severity: record.severityNumber ?? 0,
          text: record.severityText ?? '',
          body: plainOf(record.body),
          attributes: pairsOf(record.attributes),
          traceId: record.traceId,
          spanId: record.spanId,
          flags: record.flags,
        };
      }),
    ),
  );
}

function expected(batch: Batch, i: number, { body = 'message', recordIds }: OtlpOptions) {
  const fields = batch.fields(i);
  const level = batch.levels[i]!;
  const { trace_id: traceId } = fields;
  const valid = typeof traceId === 'string' && /[1-9a-f]/.test(traceId);
  const attributes = Object.entries(fields)
    .filter(([key]) => !['level', 'time', 'msg', ...(valid ? ['trace_id'] : [])].includes(key))
    .map(([key, value]) => [key === 'pid' ? 'process.pid' : key, expectedOf(value)]);
  return {
    time: String(BigInt(batch.times[i]!) * 1_000_000n + BigInt(batch.nanosecond(i))),
    severity: severities[level] ?? 0,
    text: level === 0 ? '' : texts[Math.floor(level / 10) - 1],
    body: body === 'line' ? batch.line(i).toString() : expectedOf(fields.msg),
    attributes: {
      pairs: [...(recordIds ? [['log.record.uid', batch.recordId(i)]] : []), ...(body === 'line' ? [] : attributes)],
    },
    traceId: valid ? traceId : undefined,
    spanId: undefined,
    flags: undefined,
  };
}

const protobufReply = (status: number, body: Uint8Array) => ({
  ...httpReply(status, '', { 'content-type': 'application/x-protobuf' }),
  body: Buffer.from(body),
});
const answered = (rejectedLogRecords: number, errorMessage = '') =>
  protobufReply(200, Response.encode({ partialSuccess: { rejectedLogRecords, errorMessage } }).finish());
/** google.rpc.Status { code, message }. */
const failed = (status: number, code: number, message: string) =>
  protobufReply(status, Buffer.concat([Buffer.from([8, code, 18, message.length]), Buffer.from(message)]));

transportContract<OtlpOptions, HttpWire, HttpReply>({
  name: 'otlp',
  make: otlp,
  options: plain,
  variants: {
    lines: { ...plain, body: 'line' },
    json: { ...plain, encoding: 'json' },
    'lines in json': { ...plain, encoding: 'json', body: 'line' },
    'with ids': { ...plain, recordIds: true },
    'lines with ids': { ...plain, body: 'line', recordIds: true },
    'json with ids': { ...plain, encoding: 'json', recordIds: true },
    'lines in json with ids': { ...plain, encoding: 'json', body: 'line', recordIds: true },
  },
  secret: {
    options: {
      url: 'http://joe:hunter2@127.0.0.1:9/?k=hunter3',
      bearerToken: 'hunter4',
      headers: { 'api-key': 'hunter5' },
    },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5'],
  },
  lengthens: true,
  decode,
  expected,
  replies: [
    { name: '200, empty', reply: protobufReply(200, Buffer.alloc(0)), verdict: 'ack' },
    {
      name: '200, empty partial success',
      reply: protobufReply(200, Response.encode({ partialSuccess: {} }).finish()),
      verdict: 'ack',
    },
    { name: '200 in JSON', reply: httpReply(200, '{}'), verdict: 'ack' },
    { name: '200, partial success of nothing in JSON', reply: httpReply(200, '{"partialSuccess":{}}'), verdict: 'ack' },
    { name: '204 of Loki', reply: httpReply(204), verdict: 'ack' },
    { name: '202', reply: httpReply(202), verdict: 'ack' },
    {
      name: '200, some rejected: never to be sent again',
      reply: answered(2, 'too old'),
      verdict: { outcome: 'partial', retry: [], reject: 2, reason: 'too old' },
    },
    {
      name: '200, some rejected, in JSON as text',
      reply: httpReply(200, '{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"too old"}}'),
      verdict: { outcome: 'partial', retry: [], reject: 1, reason: 'too old' },
    },
    {
      name: '200, some rejected, in JSON as a number',
      reply: httpReply(200, '{"partialSuccess":{"rejectedLogRecords":1}}'),
      verdict: { outcome: 'partial', retry: [], reject: 1 },
    },
    { name: '200, all rejected', reply: answered(3, 'no'), verdict: { outcome: 'reject', reason: 'no' } },
    { name: '200, more rejected than sent', reply: answered(99), verdict: 'reject' },
    { name: '200 with a warning', reply: answered(0, 'this endpoint is deprecated'), verdict: 'ack' },
    { name: '200, a negative count', reply: answered(-1), verdict: 'ack' },
    { name: '200, cut off', reply: protobufReply(200, Buffer.from([10, 200])), verdict: 'ack' },
    { name: '200, a web page', reply: httpReply(200, '<!DOCTYPE html><title>Jaeger</title>'), verdict: 'hold' },
    {
      name: '400, a malformed request',
      reply: failed(400, 3, 'proto: wrong wireType'),
      verdict: { outcome: 'split', reason: '400: proto: wrong wireType' },
    },
    {
      name: "400, over the Collector's limit",
      reply: httpReply(400, '{"code":3,"message":"http: request body too large"}', {
        'content-type': 'application/json',
      }),
      verdict: { outcome: 'split', reason: '400: http: request body too large' },
    },
    { name: '401', reply: failed(401, 16, 'no token'), verdict: { outcome: 'hold', reason: '401: no token' } },
    { name: '403', reply: httpReply(403), verdict: 'hold' },
    { name: '404, a wrong path', reply: httpReply(404, '404 page not found'), verdict: 'hold' },
    { name: '405', reply: httpReply(405), verdict: 'hold' },
    { name: '413', reply: httpReply(413), verdict: 'split' },
    { name: '415, a receiver of protobuf only', reply: httpReply(415), verdict: 'hold' },
    {
      name: '429 with a time to wait',
      reply: {
        ...failed(429, 8, 'slow down'),
        headers: { 'content-type': 'application/x-protobuf', 'retry-after': '7' },
      },
      verdict: { outcome: 'retry', afterMs: 7000, reason: '429: slow down' },
    },
    {
      name: '500, permanent in the words of the Collector',
      reply: failed(500, 13, 'Permanent error: no'),
      verdict: { outcome: 'split', reason: '500: Permanent error: no' },
    },
    { name: '500 of a proxy', reply: httpReply(500, '<html>oops</html>'), verdict: 'retry' },
    { name: '501', reply: httpReply(501), verdict: 'hold' },
    { name: '502', reply: httpReply(502), verdict: 'retry' },
    {
      name: '503, memory limiter',
      reply: failed(503, 14, 'data refused due to high memory usage'),
      verdict: { outcome: 'retry', reason: '503: data refused due to high memory usage' },
    },
    { name: '504', reply: httpReply(504), verdict: 'retry' },
  ],
});

const encodings = ['protobuf', 'json'] as const;

function recordsOf(options: OtlpOptions, lines: readonly string[], times?: readonly number[]): LogRecord[] {
  const batch = batchOf(lines, { firstSequence: 0, ...(times && { times }) });
  const { resourceLogs } = requestOf(otlp(options).encode(batch), isJson(options));
  return resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
}

function attributesOf(options: OtlpOptions, line: string): unknown {
  return pairsOf(recordsOf(options, [line])[0]?.attributes).pairs;
}

describe.each(encodings)('otlp in %s', (encoding) => {
  const options = { ...plain, encoding };

  it('lifts trace and span ids, typed and in lines', () => {
    const line = JSON.stringify({ level: 30, time: 1_700_000_000_000, pid: 1, hostname: 'h', ...traced, msg: 'hi' });
    for (const body of ['message', 'line'] as const) {
      const [record] = recordsOf({ ...options, body }, [line]);
      expect(record).toMatchObject({ traceId: traced.trace_id, spanId: traced.span_id, flags: 1 });
      expect(record?.attributes ?? []).toEqual([]);
    }
  });

  it.each([
    ['zeros', { trace_id: '0'.repeat(32) }],
    ['too short', { trace_id: 'abc' }],
    ['not hexadecimal', { span_id: 'g7ad6b7169203331' }],
    ['a number', { trace_flags: 1 }],
  ])('leaves ids that are none among the attributes: %s', (_, fields) => {
    const [record] = recordsOf(options, [JSON.stringify(fields)]);
    expect(record?.traceId).toBeUndefined();
    expect(record?.spanId).toBeUndefined();
    expect(record?.flags).toBeUndefined();
    expect(attributesOf(options, JSON.stringify(fields))).toEqual(
      Object.entries(fields).map(([key, value]) => [key, expectedOf(value)]),
    );
    const [inLine] = recordsOf({ ...options, body: 'line' }, [JSON.stringify({ ...traced, ...fields })]);
    expect(Object.values(inLine ?? {})).not.toContain(Object.values(fields)[0]);
  });

  it('lifts no ids from within', () => {
    const lines = [JSON.stringify({ context: traced }), JSON.stringify({ msg: JSON.stringify(traced) })];
    for (const body of ['message', 'line'] as const) {
      for (const record of recordsOf({ ...options, body }, lines)) expect(record.traceId).toBeUndefined();
    }
  });

  it('keeps the types and every digit of numbers', () => {
    const numbers =
      '0 -0 7 -1 127 128 300 2147483647 2147483648 4294967296 123456789012345 9007199254740993 9223372036854775807 ' +
      '-9223372036854775808 9223372036854775808 1.5 -0.1 0.30000000000000004 1e3 1E-7 123456789.12345678 5e-324 1e400 100000000000000000000';
    const line = `{${numbers.split(' ').map((number, i) => `"n${i}":${number}`)}}`;
    const attributes = attributesOf(options, line) as [string, { int?: string; double?: number | string }][];
    const found = attributes.map(([, { int, double }]) => (int === undefined ? Number(double) : `int ${BigInt(int)}`));
    expect(found).toEqual(
      numbers.split(' ').map((number) => {
        const isInt = /^-?\d+$/.test(number) && BigInt.asIntN(64, BigInt(number)) === BigInt(number);
        return isInt ? `int ${BigInt(number)}` : Number(number);
      }),
    );
  });

  it('unescapes text as JSON does', () => {
    const value = '"\\/\b\f\n\r\t\u0000\u001f é \u2028 \ud83c\udf0d';
    const escaped = [...value].map((each) =>
      Array.from({ length: each.length }, (_, i) => `\\u${each.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
    );
    const line = `{"a":${JSON.stringify(value)},"b":"${escaped.join('').toUpperCase().replaceAll('\\U', '\\u')}","c":"\\/","d":"\\ud800x\\udc00"}`;
    expect(attributesOf(options, line)).toEqual([
      ['a', value],
      ['b', value],
      ['c', '/'],
      ['d', '\ufffdx\ufffd'],
    ]);
  });

  it('names the members of an error as the conventions do', () => {
    const err = { type: 'TypeError', message: 'no', stack: 'TypeError: no\n at x', code: 7, cause: { a: [1] } };
    expect(attributesOf(options, JSON.stringify({ err, a: true }))).toEqual([
      ['exception.type', 'TypeError'],
      ['exception.message', 'no'],
      ['exception.stacktrace', 'TypeError: no\n at x'],
      ['exception.code', { int: '7' }],
      ['exception.cause', expectedOf({ a: [1] })],
      ['a', true],
    ]);
    expect(attributesOf(options, '{"err":{}}')).toEqual([]);
    expect(attributesOf(options, '{"err":"text"}')).toEqual([['err', 'text']]);
    expect(attributesOf({ ...options, errorField: 'error' }, '{"err":{},"error":{"type":"E"}}')).toEqual([
      ['err', { pairs: [] }],
      ['exception.type', 'E'],
    ]);
  });

  it('takes the body from where the message is, whatever its type', () => {
    const lines = ['{"msg":"a","message":"b"}', '{"message":{"deep":[1,null]},"msg":1}', '{}', '{"msg":"a","msg":"b"}'];
    expect(recordsOf(options, lines).map(({ body }) => plainOf(body))).toEqual(['a', { int: '1' }, undefined, 'a']);
    expect(recordsOf({ ...options, messageField: 'message' }, lines).map(({ body }) => plainOf(body))).toEqual([
      'b',
      expectedOf({ deep: [1, null] }),
      undefined,
      undefined,
    ]);
  });

  it('takes levels in words as they are', () => {
    const [info, own] = recordsOf(options, ['{"level":"info"}', '{"level":"notice"}']);
    expect(info?.severityText).toBe('info');
    expect(own).toMatchObject({ severityText: 'notice' });
    expect(own?.severityNumber ?? 0).toBe(0);
    expect(own?.attributes ?? []).toEqual([]);
  });

  it('keeps a time that is none as an attribute', () => {
    expect(attributesOf(options, '{"time":"soon"}')).toEqual([['time', 'soon']]);
    expect(attributesOf(options, '{"time":"2026-01-01T00:00:00Z"}')).toEqual([]);
  });

  it('writes times of every age exactly', () => {
    const times = [0, 1, 999, 65_535, 65_536, 1_700_000_000_123, 4_102_444_800_000, 253_402_300_799_999];
    const records = recordsOf(
      options,
      times.map(() => '{}'),
      times,
    );
    // The year 2554 is the last that 64 bits without a sign hold in nanoseconds.
    expect(records.map(({ timeUnixNano }) => String(timeUnixNano)).slice(0, 7)).toEqual(
      times.slice(0, 7).map((ms, i) => String(BigInt(ms) * 1_000_000n + BigInt(i))),
    );
  });

  it('says once who wrote the records: process and host are in the resource', () => {
    const line = (pid: number, hostname: string, msg: string) =>
      JSON.stringify({ level: 30, time: 1_700_000_000_000, pid, hostname, msg });
    const lines = [
      line(7, 'a', '1'),
      line(7, 'a', '2'),
      line(8, 'a', '3'),
      '{"msg":"4"}',
      line(7, 'a', '5'),
      line(7, 'b"', '6'),
    ];
    const form = {
      ...options,
      resource: { 'service.name': 'shop', replicas: 3, ratio: 0.5, canary: false, offset: -2 },
    };
    for (const body of ['message', 'line'] as const) {
      const { resourceLogs } = requestOf(otlp({ ...form, body }).encode(batchOf(lines)), encoding === 'json');
      const origins = resourceLogs.map(({ resource }) => pairsOf(resource.attributes).pairs);
      expect(origins[0]).toEqual([
        ['service.name', 'shop'],
        ['replicas', { int: '3' }],
        ['ratio', { double: 0.5 }],
        ['canary', false],
        ['offset', { int: '-2' }],
        ['process.pid', { int: '7' }],
        ['host.name', 'a'],
      ]);
      expect(origins.map((pairs) => pairs.slice(5).map(([, value]) => value))).toEqual([
        [{ int: '7' }, 'a'],
        [{ int: '8' }, 'a'],
        [],
        [{ int: '7' }, 'a'],
        [],
      ]);
      expect(resourceLogs.map(({ scopeLogs }) => scopeLogs[0]?.logRecords.length)).toEqual([2, 1, 1, 1, 1]);
      expect(resourceLogs[0]?.scopeLogs[0]?.scope.name).toBe('spillway');
    }
    expect(attributesOf(form, lines[5]!)).toEqual([
      ['process.pid', { int: '7' }],
      ['host.name', 'b"'],
    ]);
    const own = otlp({ ...form, resource: { 'host.name': 'pod' } }).encode(batchOf([lines[0]!]));
    expect(pairsOf(requestOf(own, encoding === 'json').resourceLogs[0]?.resource.attributes).pairs).toEqual([
      ['service.name', 'unknown_service:node'],
      ['host.name', 'pod'],
      ['process.pid', { int: '7' }],
    ]);
  });

  it('makes no resource a record where the lines of many processes alternate', () => {
    const lines = Array.from({ length: 200 }, (_, i) => `{"level":30,"time":1,"pid":${i % 2},"hostname":"h","n":${i}}`);
    const { resourceLogs } = requestOf(otlp(options).encode(batchOf(lines)), encoding === 'json');
    expect(resourceLogs).toHaveLength(16);
    const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs[0]!.logRecords);
    expect(records.map(({ attributes }) => plainOf(attributes?.at(-1)?.value))).toEqual(
      lines.map((_, i) => ({ int: String(i) })),
    );
    expect(pairsOf(records[199]?.attributes).pairs).toContainEqual(['process.pid', { int: '1' }]);
  });

  it.each([
    '{"level":30,"time":1700000000000,garbage}',
    '{"a":nul}',
    '{"a":1-2}',
    '{"a":.5}',
    '{"a":"\\q"}',
    '{"\\q":"a"}',
    '{"a":[1}',
    '{"a":{"b"}}',
    '{"a" 1}',
    '{"a":1}{',
    '{"err":{"a":}}',
  ])('sends what is no JSON object as text: %s', (line) => {
    const [record, next] = recordsOf(options, [line, '{"msg":"next"}']);
    expect(plainOf(record?.body)).toBe(line);
    expect(record?.attributes ?? []).toEqual([]);
    expect(plainOf(next?.body)).toBe('next');
  });

  it('writes what is nested too deep as text', () => {
    const deep = (levels: number) => `${'{"a":['.repeat(levels)}1${']}'.repeat(levels)}`;
    expect(attributesOf(options, `{"v":${deep(8)}}`)).toEqual([['v', expectedOf(JSON.parse(deep(8)))]]);
    let value: unknown = attributesOf(options, `{"v":${deep(30)}}`);
    while (typeof value === 'object' && value !== null) value = Object.values(value).flat().at(-1);
    expect(value).toBe(deep(22));
  });

  it('takes records that become many times as long', () => {
    const list = `[${Array(20_000).fill('-1').join(',')}]`;
    const [record] = recordsOf(options, [`{"list":${list},"flat":[${'[],'.repeat(9_999)}[]]}`]);
    const { pairs } = pairsOf(record?.attributes);
    expect((pairs[0]![1] as unknown[]).length).toBe(20_000);
    expect((pairs[1]![1] as unknown[]).length).toBe(10_000);
  });
});

describe('otlp', () => {
  it('writes the same bytes as an encoder of others', () => {
    const line =
      '{"level":30,"time":1700000000123,"pid":7,"hostname":"h","msg":"hi","n":5,"deep":{"a":[1,"x",null,true,0.5]}}';
    const long = JSON.stringify({
      level: 30,
      time: 1_700_000_000_123,
      msg: 'x'.repeat(500),
      list: Array(300).fill('abc'),
    });
    const { body } = otlp(plain).encode(batchOf([line, long]));
    expect(body.length).toBe(Request.encode(Request.decode(body)).finish().length);
  });

  it('decodes to the example of the reference', () => {
    const line = `{"level":30,"msg":"hi","n":5,"trace_id":"${traced.trace_id}","span_id":"${traced.span_id}"}`;
    const batch = batchOf([line], { times: [1_700_000_000_123], nanos: [0] });
    const { body } = otlp({ ...plain, encoding: 'json', resource: { 'service.name': 'web' } }).encode(batch);
    expect(JSON.parse(body.toString())).toEqual({
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: { stringValue: 'web' } }] },
          scopeLogs: [
            {
              scope: { name: 'spillway' },
              logRecords: [
                {
                  timeUnixNano: '1700000000123000000',
                  observedTimeUnixNano: '1700000000123000000',
                  severityNumber: 9,
                  severityText: 'INFO',
                  body: { stringValue: 'hi' },
                  attributes: [{ key: 'n', value: { intValue: '5' } }],
                  traceId: traced.trace_id,
                  spanId: traced.span_id,
                },
              ],
            },
          ],
        },
      ],
    });
  });

  it.each(encodings)('sends what the receiver asks for, in %s', async (encoding) => {
    await using server = await recordingServer([{ status: 200 }]);
    const transport = otlp({ ...plain, url: server.url, encoding, headers: { 'api-key': 'k' } });
    const batch = batchOf(Array.from({ length: 50 }, () => '{"level":30,"msg":"a"}'));
    const sender = transport.open(systemRuntime, sendSettings);
    const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(10_000));
    await sender.close();
    expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
    const [request] = server.requests;
    expect(request?.path).toBe('/v1/logs');
    expect(request?.headers).toMatchObject({
      'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf',
      'content-encoding': 'gzip',
      'api-key': 'k',
    });
    expect(requestOf(request!, encoding === 'json').resourceLogs[0]?.scopeLogs[0]?.logRecords).toHaveLength(50);
  });
});

describe('the variables of OpenTelemetry', () => {
  afterEach(() => vi.unstubAllEnvs());
  const set = (variables: Record<string, string>) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(`OTEL_${name}`, value);
  };

  it.each([
    [{}, 'http://localhost:4318/v1/logs'],
    [{ EXPORTER_OTLP_ENDPOINT: 'http://a:4318' }, 'http://a:4318/v1/logs'],
    [{ EXPORTER_OTLP_ENDPOINT: 'https://a/otlp/' }, 'https://a/otlp/v1/logs'],
    [{ EXPORTER_OTLP_ENDPOINT: 'http://a', EXPORTER_OTLP_LOGS_ENDPOINT: 'http://b/own' }, 'http://b/own'],
  ])('%j is %s', (variables, destination) => {
    set(variables);
    expect(otlp().destination).toBe(destination);
    expect(otlp({ environment: false }).destination).toBe('http://localhost:4318/v1/logs');
    expect(otlp({ url: 'http://c:1/x' }).destination).toBe('http://c:1/x');
  });

  it('give headers, compression, protocol and time', async () => {
    await using server = await recordingServer([{ status: 200 }]);
    set({
      EXPORTER_OTLP_LOGS_ENDPOINT: `${server.url}/v1/logs`,
      EXPORTER_OTLP_HEADERS: 'api-key=a%20b, x-common=1',
      EXPORTER_OTLP_LOGS_HEADERS: 'x-common=2,x-empty=',
      EXPORTER_OTLP_COMPRESSION: 'none',
      EXPORTER_OTLP_PROTOCOL: 'http/json',
      EXPORTER_OTLP_LOGS_TIMEOUT: '2500',
    });
    const transport = otlp({ headers: { 'x-code': 'c' } });
    expect(transport.recommended?.timeoutMs).toBe(2500);
    const sender = transport.open(systemRuntime, sendSettings);
    await sender.send(transport.encode(batchOf(['x'.repeat(3000)])), AbortSignal.timeout(10_000));
    await sender.close();
    const { headers } = server.requests[0]!;
    expect(headers).toMatchObject({
      'api-key': 'a b',
      'x-common': '2',
      'x-code': 'c',
      'content-type': 'application/json',
    });
    expect(headers['content-encoding']).toBeUndefined();
  });

  it('are not read where the code says it: those of a service that traces over gRPC do no harm', () => {
    set({ EXPORTER_OTLP_PROTOCOL: 'grpc', EXPORTER_OTLP_ENDPOINT: 'collector:4317' });
    expect(otlp({ url: 'http://c:4318', encoding: 'protobuf' }).destination).toBe('http://c:4318/v1/logs');
    expect(() => otlp({ url: 'http://c:4318' })).toThrow('OTEL_EXPORTER_OTLP_PROTOCOL');
    expect(() => otlp({ encoding: 'json' })).toThrow('OTEL_EXPORTER_OTLP_ENDPOINT');
  });

  it('may hold certificates for other signals, which plain HTTP has no use for', () => {
    set({ EXPORTER_OTLP_CERTIFICATE: '/run/ca.pem' });
    expect(otlp({ url: 'http://c:4318' }).destination).toBe('http://c:4318/v1/logs');
    expect(() => otlp({ url: 'http://c:4318', tls: { ca: '/run/ca.pem' } })).toThrow('no `otlp.tls` with http://');
  });

  it('describe the resource', () => {
    set({
      SERVICE_NAME: 'shop',
      RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=a%2Cb,region=eu',
    });
    const { resourceLogs } = requestOf(otlp({ resource: { region: 'us' } }).encode(batchOf(['{}'])), false);
    expect(pairsOf(resourceLogs[0]?.resource.attributes).pairs).toEqual([
      ['service.name', 'shop'],
      ['deployment.environment.name', 'a,b'],
      ['region', 'us'],
    ]);
  });

  it.each([
    [{ EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL to hold http/protobuf or http/json'],
    [{ EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, 'OTEL_EXPORTER_OTLP_ENDPOINT to hold a URL'],
    [{ EXPORTER_OTLP_LOGS_TIMEOUT: '10s' }, 'OTEL_EXPORTER_OTLP_LOGS_TIMEOUT to hold a number'],
    [{ EXPORTER_OTLP_COMPRESSION: 'zstd' }, 'OTEL_EXPORTER_OTLP_COMPRESSION to hold gzip or none'],
    [{ EXPORTER_OTLP_HEADERS: 'hunter2' }, 'OTEL_EXPORTER_OTLP_HEADERS to hold pairs'],
    [{ RESOURCE_ATTRIBUTES: 'a=%zz' }, 'OTEL_RESOURCE_ATTRIBUTES to hold pairs'],
    [{ EXPORTER_OTLP_HEADERS: 'host=hunter2' }, 'OTEL_EXPORTER_OTLP.headers.host'],
  ])('are refused by name: %j', (variables, message) => {
    set(variables);
    expect(() => otlp()).toThrow(message);
    expect(() => otlp()).not.toThrow('hunter2');
    expect(() => otlp({ environment: false })).not.toThrow();
  });
});
