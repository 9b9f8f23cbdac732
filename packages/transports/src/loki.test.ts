import type { Batch, HttpReply, HttpWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, decompress, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import protobuf from 'protobufjs';
import SnappyJS from 'snappyjs';
import { describe, expect, it } from 'vitest';
import { type LokiOptions, loki } from './loki.js';

// Loki's own schema (pkg/push/push.proto), read by libraries that share no code with the encoder.
const schema = protobuf.parse(`
  syntax = "proto3";
  message PushRequest { repeated Stream streams = 1; string format = 2; }
  message Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3; }
  message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }
  message LabelPair { string name = 1; string value = 2; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
`).root;

interface Entry {
  readonly ns: string;
  readonly line: string;
  readonly metadata: Record<string, string>;
}
type Streams = { labels: string; entries: Entry[] }[];

function decodeStreams(wire: HttpWire, options: LokiOptions): Streams {
  return options.encoding === 'json' ? decodeJson(wire.body) : decodeProtobuf(wire.body);
}

function decodeProtobuf(body: Buffer): Streams {
  const type = schema.lookupType('PushRequest');
  const push = type.toObject(type.decode(SnappyJS.uncompress(body)), { longs: String, arrays: true });
  type Pushed = {
    timestamp: { seconds: string; nanos: number };
    line: string;
    structuredMetadata: { name: string; value: string }[];
  };
  return (push.streams as { labels: string; entries: Pushed[] }[]).map(({ labels, entries }) => ({
    labels,
    entries: entries.map(({ timestamp, line, structuredMetadata }) => ({
      ns: `${timestamp.seconds}${String(timestamp.nanos ?? 0).padStart(9, '0')}`,
      line,
      metadata: Object.fromEntries(structuredMetadata.map(({ name, value }) => [name, value])),
    })),
  }));
}

function decodeJson(body: Buffer): Streams {
  const push = JSON.parse(body.toString()) as {
    streams: { stream: Record<string, string>; values: [string, string, Record<string, string>?][] }[];
  };
  return push.streams.map(({ stream, values }) => ({
    labels: `{${Object.entries(stream)
      .map(([k, v]) => `${k}=${JSON.stringify(v)}`)
      .join(', ')}}`,
    entries: values.map(([ns, line, metadata = {}]) => ({ ns, line, metadata })),
  }));
}

const levels: Record<number, string> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  35: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
  65: 'fatal',
};
const url = 'http://127.0.0.1:9';

transportContract<LokiOptions, HttpWire, HttpReply>({
  name: 'loki',
  make: loki,
  options: { url },
  variants: {
    json: { url, encoding: 'json' },
    literal: { url, snappy: 'literal' },
    metadata: { url, structuredMetadata: ['trace_id', 'missing'], labels: { app: 'a"b\\c' } },
  },
  lengthens: true,
  secret: {
    options: {
      url: 'http://joe:hunter2@127.0.0.1:9/loki?token=hunter3',
      bearerToken: 'hunter4',
      headers: { 'x-key': 'hunter5' },
    },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5', Buffer.from('joe:hunter2').toString('base64')],
  },
  decode: (wire, options) => decodeStreams(wire, options).flatMap(({ entries }) => entries),
  expected(batch: Batch, i, options) {
    const { trace_id } = batch.fields(i);
    const lifted = options.structuredMetadata && trace_id ? { trace_id } : {};
    return {
      ns: `${batch.times[i]}${String(batch.nanosecond(i)).padStart(6, '0')}`,
      line: batch.line(i).toString(),
      metadata: { level: levels[batch.levels[i]!], ...lifted },
    };
  },
  replies: [
    { name: '204', reply: httpReply(204), verdict: 'ack' },
    { name: '200 with a body, from a proxy', reply: httpReply(200, 'OK'), verdict: 'ack' },
    { name: '260, which stores nothing', reply: httpReply(260, 'ingestion blocked for user fake'), verdict: 'hold' },
    {
      name: '400, too far behind',
      reply: httpReply(
        400,
        "entry with timestamp 2023-11-14 22:13:20 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: 2023-11-14T22:13:20Z, oldest acceptable timestamp is: 2026-11-22T20:00:00Z',\nuser 'fake', total ignored: 2 out of 3 for stream: {app=\"a\"}",
      ),
      verdict: { outcome: 'partial', retry: [], reject: 2 },
    },
    {
      name: '400, one line too long',
      batch: batchOf(['{"msg":"a"}', `{"msg":"${'x'.repeat(300)}"}`, '{"msg":"b"}']),
      reply: httpReply(
        400,
        "max entry size '256' bytes exceeded for stream '{app=\"timestamp too old\"}' while adding an entry with length '311' bytes",
      ),
      verdict: { outcome: 'partial', retry: [], reject: [1] },
    },
    {
      name: '400, several kinds of bad lines',
      reply: httpReply(
        400,
        '2 errors like: entry for stream \'{app="a"}\' has timestamp too old: 2023-11-14T22:13:20Z; 1 errors like: label name too long',
      ),
      verdict: { outcome: 'partial', retry: [], reject: 3 },
    },
    {
      name: '400, timestamp too new',
      reply: httpReply(400, "entry for stream '{}' has timestamp too new: 2030-01-01T00:00:00Z"),
      verdict: { outcome: 'partial', reject: 1 },
    },
    {
      name: '400 for a single record',
      batch: batchOf(['{"msg":"a"}']),
      reply: httpReply(400, "entry for stream '{}' has timestamp too old: 2023-11-14T22:13:20Z"),
      verdict: 'reject',
    },
    {
      name: '400, more kinds of bad lines than an answer is kept of',
      batch: batchOf(Array.from({ length: 2000 }, () => '{"msg":"a"}')),
      reply: httpReply(
        400,
        Array.from({ length: 2000 }, (_, i) => `1 errors like: entry for stream '{}' has timestamp too old: ${i}`)
          .join('; ')
          .slice(0, 65_536),
      ),
      verdict: { outcome: 'split', reason: expect.stringContaining('timestamp too old') },
    },
    // As Loki 3.7.6 says it.
    {
      name: '400, the labels are too many: nothing is stored',
      reply: httpReply(400, 'entry for stream \'{a="1", b="2"}\' has 17 label names; limit 15\n'),
      verdict: { outcome: 'hold', reason: "400: entry for stream '' has 17 label names; limit 15" },
    },
    {
      name: '400, a label is too long: nothing is stored',
      batch: batchOf(['{"msg":"a"}']),
      reply: httpReply(400, `stream '{a="${'x'.repeat(3000)}"}' has label value too long: '${'x'.repeat(3000)}'`),
      verdict: { outcome: 'hold', reason: expect.stringContaining('has label value too long') },
    },
    {
      name: '400, structured metadata is disallowed',
      reply: httpReply(
        400,
        '3 errors like: stream \'{a="1"}\' includes structured metadata, but this feature is disallowed. Please see',
      ),
      verdict: { outcome: 'hold', reason: expect.stringContaining('includes structured metadata') },
    },
    {
      name: '400, what looks like a complaint is part of a label',
      reply: httpReply(400, 'couldn\'t parse labels: {a="label value too long, has timestamp too old"}'),
      verdict: 'split',
    },
    { name: '400, cannot be decoded', reply: httpReply(400, 'snappy: corrupt input'), verdict: 'split' },
    { name: '401', reply: httpReply(401, 'no org id'), verdict: 'hold' },
    { name: '404', reply: httpReply(404, '404 page not found'), verdict: 'hold' },
    { name: '413', reply: httpReply(413, 'request body too large'), verdict: 'split' },
    {
      name: '422',
      reply: httpReply(422, 'error at least one valid stream is required for ingestion'),
      verdict: 'reject',
    },
    {
      name: '429, rate',
      reply: httpReply(
        429,
        "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '3' lines totaling '100' bytes",
        { 'retry-after': '7' },
      ),
      verdict: { outcome: 'retry', afterMs: 7000 },
    },
    {
      name: '429, a request larger than the allowance',
      reply: httpReply(
        429,
        "ingestion rate limit exceeded for user fake (limit: 1048576 bytes/sec) while attempting to ingest '3' lines totaling '3000000' bytes",
      ),
      verdict: 'split',
    },
    {
      name: '429, stream rate',
      reply: httpReply(429, 'Per stream rate limit exceeded (limit: 3MB/sec)'),
      verdict: 'retry',
    },
    {
      name: '429, too many streams',
      reply: httpReply(429, 'maximum active stream limit exceeded'),
      verdict: { outcome: 'retry', afterMs: 30_000 },
    },
    {
      name: '500, larger than gRPC takes',
      reply: httpReply(
        500,
        'rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5000000 vs. 4194304)',
      ),
      verdict: 'split',
    },
    { name: '500', reply: httpReply(500, 'at least 2 live replicas required, could only find 1'), verdict: 'retry' },
    { name: '503', reply: httpReply(503, '', { 'retry-after': 'soon' }), verdict: { outcome: 'retry' } },
    { name: 'a web page', reply: httpReply(200, '<!DOCTYPE html><title>Grafana</title>'), verdict: 'hold' },
    { name: 'a redirect', reply: httpReply(302, '', { location: 'http://elsewhere/' }), verdict: 'hold' },
  ],
});

describe('loki', () => {
  const lines = [
    '{"level":30,"time":1700000000000,"msg":"a","mod":"x"}',
    '{"level":50,"time":1700000000000,"msg":"b","mod":"y"}',
    '{"level":30,"time":1700000000001,"msg":"c","mod":"x"}',
    'not json',
  ];

  it('writes what the reference says, byte for byte', () => {
    const wire = loki({
      url,
      labels: { app: 'web' },
      structuredMetadata: ['trace_id'],
      levelMetadata: false,
      snappy: 'literal',
    });
    const batch = batchOf(['{"level":30,"msg":"hi"}'], { times: [1_700_000_000_123], firstSequence: 0 });
    const known =
      '0a0b7b6170703d22776562227d1226' + '0a0b0880e2cfaa0610c0a9d33a12177b226c6576656c223a33302c226d7367223a226869227d';
    const { body } = wire.encode(batch);
    // 48 bytes of stream, its length in five bytes, one tag; then snappy's own length and literal tag before it.
    expect(body.toString('hex').endsWith(known)).toBe(true);
  });

  it('keeps records of the same millisecond apart and in order', () => {
    const batch = batchOf(
      Array.from({ length: 3 }, () => '{"level":30,"time":1700000000000,"msg":"same"}'),
      { firstSequence: 7 },
    );
    const [stream] = decodeProtobuf(loki({ url }).encode(batch).body);
    expect(stream?.entries.map(({ ns }) => ns.slice(-6))).toEqual(['000007', '000008', '000009']);
  });

  it.each(['protobuf', 'json'] as const)(
    'files records by fields only when asked to, and within its cap (%s)',
    (encoding) => {
      const file = (options: Partial<LokiOptions>) =>
        decodeStreams(loki({ url, labels: { app: 'a' }, encoding, ...options }).encode(batchOf(lines)), {
          url,
          encoding,
        }).map(({ labels, entries }) => [labels, entries.map(({ line }) => line)]);
      expect(file({})).toEqual([['{app="a"}', lines]]);
      expect(file({ labelsFrom: ['level'] })).toEqual([
        ['{app="a", level="info"}', [lines[0], lines[2]]],
        ['{app="a", level="error"}', [lines[1]]],
        ['{app="a"}', [lines[3]]],
      ]);
      expect(file({ labelsFrom: ['mod'], maxStreams: 1 })).toEqual([
        ['{app="a", mod="x"}', [lines[0], lines[2]]],
        ['{app="a"}', [lines[1], lines[3]]],
      ]);
    },
  );

  it('finds out by halves which streams are refused, where their labels come from records', () => {
    const batch = batchOf(lines);
    const classify = (text: string) => loki({ url, labelsFrom: ['mod'] }).classify(httpReply(400, text), batch);
    expect(classify("stream '{mod=\"x\"}' has label value too long: 'x'")).toMatchObject({ outcome: 'split' });
    expect(classify('error at least one label pair is required per stream')).toMatchObject({ outcome: 'split' });
    expect(
      classify("2 errors like: stream '{}' has label value too long; 1 errors like: has timestamp too old"),
    ).toMatchObject({ outcome: 'split' });
    expect(classify('entry for stream \'{mod="x"}\' has 17 label names; limit 15')).toMatchObject({ outcome: 'hold' });
  });

  it('takes no values with newlines for those of other fields', () => {
    const pairs = ['{"a":"x\\ny","b":"z"}', '{"a":"x","b":"y\\nz"}', '{"a":"x","b":"y\\nz"}', '{"a":""}'];
    const options: LokiOptions = { url, labels: {}, labelsFrom: ['a', 'b'], encoding: 'json' };
    const streams = decodeStreams(loki(options).encode(batchOf(pairs)), options);
    expect(streams.map(({ labels, entries }) => [labels, entries.length])).toEqual([
      ['{a="x\\ny", b="z"}', 1],
      ['{a="x", b="y\\nz"}', 2],
      ['{}', 1],
    ]);
  });

  it.each(['protobuf', 'json'] as const)('writes a level once, also where it is lifted too (%s)', (encoding) => {
    const options: LokiOptions = { url, structuredMetadata: ['level', 'mod'], encoding };
    const { body } = loki(options).encode(batchOf([lines[0]!]));
    if (encoding === 'json') {
      expect(decodeJson(body)[0]?.entries[0]?.metadata).toEqual({ level: 'info', mod: 'x' });
      return;
    }
    const type = schema.lookupType('PushRequest');
    const push = type.toObject(type.decode(SnappyJS.uncompress(body))) as {
      streams: { entries: { structuredMetadata: unknown }[] }[];
    };
    expect(push.streams[0]?.entries[0]?.structuredMetadata).toEqual([
      { name: 'level', value: 'info' },
      { name: 'mod', value: 'x' },
    ]);
  });

  it('sends both encodings as Loki wants them', async () => {
    await using server = await recordingServer();
    const batch = batchOf(Array.from({ length: 50 }, () => lines[0]!));
    for (const encoding of ['protobuf', 'json'] as const) {
      const transport = loki({
        url: server.url,
        encoding,
        tenantId: 'team-a',
        basicAuth: { username: 'joe', password: 'pw' },
      });
      const sender = transport.open(systemRuntime, sendSettings);
      const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(10_000));
      expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
      await sender.close();
    }
    const [binary, json] = server.requests;
    expect(binary).toMatchObject({ method: 'POST', path: '/loki/api/v1/push' });
    expect(binary?.headers).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-scope-orgid': 'team-a' });
    expect(binary?.headers).not.toHaveProperty('content-encoding');
    expect(binary?.headers.authorization).toBe(`Basic ${Buffer.from('joe:pw').toString('base64')}`);
    expect(decodeProtobuf(binary!.body)[0]?.entries).toHaveLength(50);
    expect(json?.headers).toMatchObject({ 'content-type': 'application/json', 'content-encoding': 'gzip' });
    expect(decodeJson(decompress(json!.raw, 'gzip'))[0]?.entries).toHaveLength(50);
  });

  it('refuses to compress what Loki would not decompress', () => {
    expect(() => loki({ url }).open(systemRuntime, { ...sendSettings, compression: 'gzip' })).toThrow(
      "'auto' | 'none'",
    );
  });

  it.each([
    [{ url, labels: { 'pod-name': 'x' } }, 'label name'],
    [{ url, tenantId: 'a|b' }, 'tenant id'],
    [{ url, snappy: 'none' }, "'compress' | 'literal'"],
    [{}, 'loki.url'],
  ])('refuses %j', (options, text) => {
    expect(() => loki(options as LokiOptions)).toThrow(text);
  });
});
