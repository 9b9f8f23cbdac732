// Push → query over real HTTP, for every encoding; and every refusal as the real receivers give it.
import { connect } from 'node:net';
import * as zlib from 'node:zlib';
import protobuf from 'protobufjs';
import { compress } from 'snappyjs';
import { expect, test } from 'vitest';
import { limits } from '../limits.js';
import { call, ingest, type Reply, records, startViewer, temporaryDirectory, until } from './test-client.js';

const NANOS = '1700000000123456789';
const line = '{"level":40,"msg":"héllo"}';
const lokiRequest = {
  streams: [{ stream: { app: 'web', env: 'test' }, values: [[NANOS, line, { trace_id: 'abc' }]] }],
};
const lokiJson = Buffer.from(JSON.stringify(lokiRequest));
const stored = {
  time: 1_700_000_000_123,
  level: 40,
  labels: { app: 'web', env: 'test' },
  metadata: { trace_id: 'abc' },
  record: { level: 40, msg: 'héllo' },
};

test.each([
  ['JSON', lokiJson, { 'content-type': 'application/json' }],
  ['JSON with a charset', lokiJson, { 'content-type': 'application/json; charset=utf-8' }],
  ['gzipped JSON', zlib.gzipSync(lokiJson), { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
  [
    'raw-deflated JSON',
    zlib.deflateRawSync(lokiJson),
    { 'content-type': 'application/json', 'content-encoding': 'deflate' },
  ],
  ['snappy protobuf', compress(lokiProtobuf()), { 'content-type': 'application/x-protobuf' }],
  [
    'snappy protobuf, said twice',
    compress(lokiProtobuf()),
    { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
  ],
  [
    'gzipped snappy protobuf',
    zlib.gzipSync(compress(lokiProtobuf())),
    { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
  ],
])('Loki push: %s', async (_, body, headers) => {
  const { url } = await startViewer();
  expect(await pushLoki(url, body, headers)).toMatchObject({ status: 204, text: '' });
  expect(await records(url)).toEqual([{ id: 1, ...stored }]);
});

const two = '{"level":30,"time":1700000000000,"msg":"one"}\n{"level":50,"time":1700000000001,"msg":"two"}\n';
const array = JSON.stringify([
  { level: 30, msg: 'one' },
  { level: 50, msg: 'two' },
]);

test.each([
  ['NDJSON', two, {}],
  ['no Content-Type', two, { 'content-type': '' }],
  ['text/plain', two, { 'content-type': 'text/plain' }],
  ['gzip', zlib.gzipSync(two), { 'content-encoding': 'gzip' }],
  ['deflate', zlib.deflateSync(two), { 'content-encoding': 'deflate' }],
  ['raw deflate', zlib.deflateRawSync(two), { 'content-encoding': 'deflate' }],
  ['brotli', zlib.brotliCompressSync(two), { 'content-encoding': 'br' }],
  ['identity', two, { 'content-encoding': 'identity' }],
  ['a JSON array', array, { 'content-type': 'application/json' }],
  ['a JSON array as NDJSON', array, {}],
  ['NDJSON as JSON', two, { 'content-type': 'application/json' }],
])('/ingest: %s', async (_, body, headers) => {
  const { url } = await startViewer();
  expect(await ingest(url, body, headers)).toMatchObject({ status: 204 });
  expect((await records(url)).map(({ level, record }) => [level, (record as { msg: string }).msg])).toEqual([
    [50, 'two'],
    [30, 'one'],
  ]);
});

test('zstd is read where Node.js can, and refused with what can be read where it cannot', async () => {
  const { url } = await startViewer();
  const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: string) => Buffer };
  const reply = await ingest(url, zstdCompressSync?.(two) ?? two, { 'content-encoding': 'zstd' });
  if (zstdCompressSync) expect([reply.status, (await records(url)).length]).toEqual([204, 2]);
  else expect([reply.status, reply.headers['accept-encoding']]).toEqual([415, 'gzip, deflate, br']);
});

test('a body in many chunks without a length', async () => {
  const { port, url } = await startViewer();
  const socket = connect(port, '127.0.0.1');
  const pieces = two.match(/.{1,7}/gs)!;
  socket.write(
    `POST /ingest HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`,
  );
  for (const piece of pieces) socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  socket.end('0\r\n\r\n');
  await new Promise((resolve) => socket.on('close', resolve).resume());
  expect(await records(url)).toHaveLength(2);
});

test('an empty body is accepted and stores nothing', async () => {
  const { url } = await startViewer();
  expect((await ingest(url, '')).status).toBe(204);
  expect(await records(url)).toEqual([]);
});

test.each([
  ['no media type', lokiJson, {}, 400, /mime: no media type/],
  [
    'an unknown coding',
    lokiJson,
    { 'content-type': 'application/json', 'content-encoding': 'lz4' },
    400,
    /"lz4" not supported/,
  ],
  ['broken JSON', '{"streams":', { 'content-type': 'application/json' }, 400, /not valid JSON/],
  ['broken snappy', 'hello', { 'content-type': 'application/x-protobuf' }, 400, /snappy/],
  ['broken protobuf', compress(Buffer.from('hello')), { 'content-type': 'application/x-protobuf' }, 400, /proto/],
  ['broken gzip', 'hello', { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 400, /Content-Encoding/],
  [
    'cut gzip',
    zlib.gzipSync(lokiJson).subarray(0, -9),
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    400,
    /Content-Encoding/,
  ],
  ['no streams', '{}', { 'content-type': 'application/json' }, 422, /at least one valid stream/],
])('Loki push refuses %s', async (_, body, headers, status, text) => {
  const { url } = await startViewer();
  const reply = await pushLoki(url, body, headers as Record<string, string>);
  expect(reply).toMatchObject({ status, text: expect.stringMatching(text) });
  expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8');
  expect(await records(url)).toEqual([]);
});

test('/ingest refuses what it cannot read', async () => {
  const { url, stats } = await startViewer();
  expect((await ingest(url, two, { 'content-type': 'image/png' })).status).toBe(415);
  expect((await ingest(url, two, { 'content-type': 'application/x-www-form-urlencoded' })).status).toBe(415);
  expect(await ingest(url, two, { 'content-encoding': 'toString' })).toMatchObject({
    status: 415,
    headers: { 'accept-encoding': expect.stringContaining('gzip') },
  });
  expect((await ingest(url, '{"a":', { 'content-type': 'application/json' })).status).toBe(400);
  expect((await ingest(url, `{"a":"${'x'.repeat(limits.lineBytes)}"}`)).status).toBe(400);
  expect(stats()).toMatchObject({ records: 0, accepted: 0, refusedRequests: 5 });
});

test('bodies over the caps are answered with 413, announced or not, packed or not', async () => {
  const { url } = await startViewer();
  const large = Buffer.alloc(limits.bodyBytes + 1, '\n');
  expect((await ingest(url, large)).status).toBe(413);
  expect(
    (await call(`${url}/ingest`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: large })).status,
  ).toBe(413);
  // 65 KB that unpack to more than 64 MiB.
  const bomb = zlib.gzipSync(Buffer.alloc(limits.decodedBytes + 1, '\n'), { level: 9 });
  expect(bomb.length).toBeLessThan(100_000);
  expect((await ingest(url, bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
  const announced = Buffer.from([0x81, 0x80, 0x80, 0x20, ...Buffer.alloc(1000)]);
  expect((await pushLoki(url, announced, { 'content-type': 'application/x-protobuf' })).status).toBe(413);
  expect((await ingest(url, two)).status).toBe(204);
});

test('when too much is waiting the answer is 429 with Retry-After, and later it is 204', async () => {
  const { url, port } = await startViewer();
  // Bodies that are announced and never end hold their share: eight times 13 MB is more than all bodies may have.
  const part = Buffer.alloc(13_000_000, '\n');
  const sockets = Array.from({ length: 8 }, () => connect(port, '127.0.0.1'));
  const answers: string[] = [];
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.on('data', (chunk) => answers.push(chunk.toString()));
    socket.write(`POST /ingest HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 16000000\r\n\r\n`);
    socket.write(part);
  }
  const refused = await until(() => answers[0]);
  expect(refused).toMatch(/^HTTP\/1.1 429 /);
  expect(refused).toMatch(/retry-after: 1/i);
  for (const socket of sockets) socket.destroy();
  let status = 0;
  for (let tries = 0; status !== 204 && tries < 100; tries++) status = (await ingest(url, two)).status;
  expect(status).toBe(204);
});

test('a batch that comes again with its key is acknowledged and not stored, also after a restart', async () => {
  const directory = temporaryDirectory();
  const first = await startViewer({ directory });
  const key = { 'idempotency-key': 'shop-1-42' };
  const replies = await Promise.all([
    ingest(first.url, two, key),
    ingest(first.url, two, key),
    ingest(first.url, two, key),
  ]);
  expect(replies.map(({ status }) => status)).toEqual([204, 204, 204]);
  expect(first.stats()).toMatchObject({ records: 2, accepted: 2, duplicateBatches: 2 });
  expect((await ingest(first.url, two)).status).toBe(204);
  expect(first.stats().records).toBe(4);
  await first.close();
  const second = await startViewer({ directory });
  expect((await ingest(second.url, two, key)).status).toBe(204);
  expect(second.stats()).toMatchObject({ records: 4, duplicateBatches: 1 });
});

test('a key that is empty or too long is refused', async () => {
  const { url } = await startViewer();
  expect((await ingest(url, two, { 'idempotency-key': 'k'.repeat(257) })).status).toBe(400);
  expect((await ingest(url, two, { 'idempotency-key': '' })).status).toBe(400);
});

test('a Loki push that is retried byte for byte shows once', async () => {
  const { url } = await startViewer();
  const headers = { 'content-type': 'application/json' };
  for (const body of [lokiJson, lokiJson, zlib.gzipSync(lokiJson)]) {
    const packed = body === lokiJson ? {} : { 'content-encoding': 'gzip' };
    expect((await pushLoki(url, body, { ...headers, ...packed })).status).toBe(204);
  }
  expect(await records(url)).toHaveLength(1);
});

test('many senders at once: every acknowledged record is there, once', async () => {
  const { url, stats } = await startViewer();
  const bodies = Array.from({ length: 60 }, (_, b) =>
    Array.from({ length: 50 }, (_, i) => JSON.stringify({ n: b * 50 + i })).join('\n'),
  );
  const replies = await Promise.all(bodies.map((body) => ingest(url, body)));
  expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([204]));
  expect(stats()).toMatchObject({ records: 3000, accepted: 3000 });
  const seen = new Set<number>();
  for (let before: string | undefined; ; ) {
    const page = await records(url, { limit: '1000', ...(before !== undefined && { before }) });
    for (const { record } of page) seen.add((record as { n: number }).n);
    if (page.length === 0) break;
    before = String(page.at(-1)!.id);
  }
  expect(seen.size).toBe(3000);
});

function pushLoki(url: string, body: Uint8Array | string, headers: Record<string, string>): Promise<Reply> {
  return call(`${url}/loki/api/v1/push`, { method: 'POST', headers, body });
}

function lokiProtobuf(): Uint8Array {
  const { root } = protobuf.parse(`
    syntax = "proto3";
    message PushRequest { repeated Stream streams = 1; }
    message Stream { string labels = 1; repeated Entry entries = 2; }
    message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }
    message LabelPair { string name = 1; string value = 2; }
    message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  `);
  const PushRequest = root.lookupType('PushRequest');
  const timestamp = { seconds: 1_700_000_000, nanos: 123_456_789 };
  const entries = [{ timestamp, line, structuredMetadata: [{ name: 'trace_id', value: 'abc' }] }];
  return PushRequest.encode(
    PushRequest.fromObject({ streams: [{ labels: '{app="web", env="test"}', entries }] }),
  ).finish();
}
