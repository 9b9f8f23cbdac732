import { gunzipSync, inflateSync } from 'node:zlib';
import type { Batch, DatagramReply, DatagramWire, HttpReply, StreamWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import {
  authority,
  batchOf,
  httpReply,
  recordingPeer,
  recordingServer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type GelfOptions, gelf } from './gelf.js';

type Wire = StreamWire | DatagramWire;
type Message = Record<string, unknown>;

const tcp = 'tcp://127.0.0.1:9';
const udp = 'udp://127.0.0.1:9';
const http = 'http://127.0.0.1:9';
const host = 'web-1';

/** Joins chunks and decompresses, as the specification of GELF tells receivers to. */
function joined(parts: readonly Buffer[]): Buffer {
  if (parts[0]!.readUInt16BE(0) !== 0x1e0f) {
    expect(parts).toHaveLength(1);
    return parts[0]!;
  }
  const ids = new Set(parts.map((part) => part.toString('hex', 2, 10)));
  expect(ids.size).toBe(1);
  expect(parts.map((part) => [part[10], part[11]])).toEqual(parts.map((_, i) => [i, parts.length]));
  return Buffer.concat(parts.map((part) => part.subarray(12)));
}

function inflated(message: Buffer): Buffer {
  if (message.readUInt16BE(0) === 0x1f8b) return gunzipSync(message);
  return message[0] === 0x78 ? inflateSync(message) : message;
}

function texts(wire: Wire, { url, bulk }: GelfOptions): string[] {
  if ('records' in wire) return wire.records.map((parts) => inflated(joined(parts)).toString());
  const body = wire.body.toString();
  if (url.startsWith('http') && !bulk) return [body];
  const separator = bulk ? '\n' : '\0';
  expect(body.endsWith(separator)).toBe(true);
  return body.slice(0, -1).split(separator);
}

const reserved = new Set([
  ...['id', '_id', 'host', 'level', 'source', 'message', 'streams', 'version', 'timestamp', 'full_message'],
]);
const isBlank = (written: string) => written.replace(/\\(?:u.{4}|[bfnrt])/g, '').trim() === '';

/** The additional fields of an object, by way of parsing it. */
function additional(fields: Message, path: string): [string, unknown][] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const name =
      path +
      JSON.stringify(key)
        .slice(1, -1)
        .replace(/[^\w.-]/g, '_');
    if (value === null || (path === '' && (key === 'msg' || key === 'time'))) return [];
    if (typeof value === 'object' && !Array.isArray(value)) return additional(value as Message, `${name}_`);
    const full = reserved.has(name) || name === '' ? `_${name}_` : `_${name}`;
    const plain = typeof value === 'string' || typeof value === 'number';
    return [[full, plain ? value : JSON.stringify(value)]];
  });
}

const severities: Record<number, number> = { 0: 6, 10: 7, 20: 7, 30: 6, 35: 6, 40: 4, 50: 3, 60: 2, 65: 2 };

function expected(batch: Batch, i: number, { body, fields = {}, idField }: GelfOptions): Message {
  const line = batch.line(i).toString();
  const parsed = batch.fields(i);
  const written = typeof parsed.msg === 'string' ? JSON.stringify(parsed.msg).slice(1, -1) : '';
  return {
    version: '1.1',
    host,
    timestamp: batch.times[i]! / 1000,
    level: severities[batch.levels[i]!],
    ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [`_${name}`, value])),
    ...(idField && { [`_${idField}`]: batch.recordId(i) }),
    ...(body === 'line' ? !isBlank(written) && { full_message: line } : Object.fromEntries(additional(parsed, ''))),
    short_message: isBlank(written) ? line : parsed.msg,
  };
}

const decode = (wire: Wire, options: GelfOptions) => texts(wire, options).map((text) => JSON.parse(text) as unknown);
const full = { host, fields: { env: 'pr"od' }, idField: 'uid' };

transportContract<GelfOptions, Wire, 'taken'>({
  name: 'gelf over TCP',
  make: gelf,
  options: { url: tcp, host },
  variants: {
    line: { url: tcp, host, body: 'line' },
    full: { url: tcp, ...full },
    'full line': { url: tcp, ...full, body: 'line' },
  },
  secret: {
    options: { url: 'tls://127.0.0.1:9', tls: { key: 'hunter2', passphrase: 'hunter3' } },
    secrets: ['hunter2', 'hunter3'],
  },
  decode,
  expected,
  lengthens: true,
  replies: [{ name: 'nothing, which is all there is', reply: 'taken', verdict: 'ack' }],
});

transportContract<GelfOptions, Wire, DatagramReply>({
  name: 'gelf over UDP',
  make: gelf,
  options: { url: udp, host },
  variants: {
    'never compressed': { url: udp, host, compress: 'none' },
    gzip: { url: udp, host, compress: 'gzip' },
    zlib: { url: udp, host, compress: 'zlib', chunkBytes: 8192 },
  },
  runs: 20,
  decode,
  expected,
  lengthens: true,
  replies: [
    { name: 'all sent', reply: { tooLarge: [] }, verdict: 'ack' },
    { name: 'one too large', reply: { tooLarge: [2] }, verdict: { outcome: 'partial', reject: [2] } },
  ],
});

transportContract<GelfOptions, Wire, HttpReply>({
  name: 'gelf over HTTP',
  make: gelf,
  options: { url: http, host, bulk: true, maxRequestBytes: '1mb' },
  secret: {
    options: { url: 'http://joe:hunter2@127.0.0.1:9/?t=hunter3', headers: { 'x-key': 'hunter4' } },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode,
  expected,
  lengthens: true,
  replies: [
    { name: '202, in the journal', reply: httpReply(202), verdict: 'ack' },
    { name: '401, wrong header', reply: httpReply(401), verdict: 'hold' },
    { name: '404, another path', reply: httpReply(404), verdict: 'hold' },
    { name: '405', reply: httpReply(405), verdict: 'hold' },
    { name: '413, over max_chunk_size', reply: httpReply(413), verdict: 'split' },
    { name: '500', reply: httpReply(500), verdict: 'retry' },
    { name: '503', reply: httpReply(503), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!DOCTYPE html>'), verdict: 'hold' },
  ],
});

describe('a message', () => {
  const encode = (line: string, options: Partial<GelfOptions> = {}) => {
    const given = { url: tcp, host, ...options };
    const wire = gelf(given).encode(batchOf([line], { times: [1_700_000_000_123] })) as Wire;
    return decode(wire, given)[0] as Message;
  };

  it('is what the reference says, byte for byte', () => {
    const batch = batchOf(['{"level":50,"msg":"hi","n":5}'], { times: [1_700_000_000_012] });
    expect(gelf({ url: tcp, host }).encode(batch).body.toString()).toBe(
      '{"version":"1.1","host":"web-1","timestamp":1700000000.012,"level":3,"_level_":50,"_n":5,"short_message":"hi"}\0',
    );
  });

  it('has values that Graylog keeps: text and numbers, no true and false, nothing nested, no null', () => {
    const line = { on: true, off: false, none: null, list: [1, 'a'], err: { type: 'E', cause: { code: 7 } }, msg: 'm' };
    expect(encode(JSON.stringify(line))).toEqual({
      version: '1.1',
      host,
      timestamp: 1_700_000_000.123,
      level: 6,
      short_message: 'm',
      _on: 'true',
      _off: 'false',
      _list: '[1,"a"]',
      _err_type: 'E',
      _err_cause_code: 7,
    });
  });

  it('has names that Graylog keeps: no _id, none of its own, no odd characters', () => {
    const line = { id: 1, _id: 2, source: 3, message: 4, timestamp: 5, streams: 6, 'a b': 7, ü: 8, 'x.y-z': 9 };
    expect(encode(JSON.stringify(line))).toMatchObject({
      _id_: 1,
      __id_: 2,
      _source_: 3,
      _message_: 4,
      _timestamp_: 5,
      _streams_: 6,
      _a_b: 7,
      ___: 8,
      '_x.y-z': 9,
      short_message: JSON.stringify(line),
    });
  });

  it.each(['""', '" "', '"\\n\\t"', '"\\u0020"', '"\u2003"', '5', 'null', '{"a":1}'])('is never blank: %s', (msg) => {
    const line = `{"level":30,"msg":${msg},"n":1}`;
    for (const body of ['fields', 'line'] as const) expect(encode(line, { body }).short_message).toBe(line);
  });

  it('ends objects that go too deep, and names that grow too long, as text', () => {
    const deep = (levels: number): unknown => (levels === 0 ? 'end' : { a: deep(levels - 1) });
    const name = 'n'.repeat(100);
    const message = encode(JSON.stringify({ deep: deep(12), [name]: { [name]: 1 }, ['x'.repeat(300)]: 2 }));
    expect(message[`_deep${'_a'.repeat(8)}`]).toBe(JSON.stringify(deep(4)));
    expect(message[`_${name}`]).toBe(1);
    for (const key of Object.keys(message)) expect(key.length).toBeLessThanOrEqual(130);
  });

  it('takes another field for its text', () => {
    const message = encode('{"message":"there","msg":"here"}', { messageField: 'message' });
    expect(message).toMatchObject({ short_message: 'there', _msg: 'here' });
  });

  it.each([
    ...['{"a":1,"b"}', '{"a":1} {"b":2}', '{"a":1}}', '{"msg":"a\0b"}', '{"msg":"a\\x"}', '{"msg":"a","list":["\t"]}'],
    ...['NaN', '-Infinity', '01', '+1', '.5', '1.', 'tru', 'undefined', '[01]'].map((x) => `{"msg":"m","x":${x}}`),
  ])('is the line as text where that is not JSON, so that it is none that Graylog drops: %j', (line) => {
    const message = encode(line);
    expect(message).toEqual({ version: '1.1', host, timestamp: 1_700_000_000.123, level: 6, short_message: line });
  });

  it('has a text of its own only where that is JSON, in a line that is not', () => {
    const line = '{"msg":"a\tb\0"}';
    expect(encode(line, { body: 'line' }).short_message).toBe(line);
    const batch = batchOf([line, '{"msg":"c"}']);
    expect(texts(gelf({ url: tcp, host, body: 'line' }).encode(batch) as Wire, { url: tcp })).toHaveLength(2);
  });

  it('that no input would take makes a wire that is too large, whatever else is in it', () => {
    const noise = (length: number) => Array.from({ length }, (_, i) => ((i * 7919) % 65_521).toString(36)).join('');
    const long = batchOf([`{"msg":"a","text":"${'\\"'.repeat(600_000)}"}`, '{"msg":"b"}']);
    const stream = gelf({ url: tcp, body: 'line' });
    expect(stream.sizeOf(stream.encode(long))).toBeGreaterThan(stream.limits.maxBytes);
    expect(stream.sizeOf(stream.encode(long.range(1, 2)))).toBeLessThan(200);
    const datagrams = gelf({ url: udp, chunkBytes: 512 });
    const much = batchOf([`{"msg":"${noise(60_000)}"}`, '{"msg":"b"}']);
    expect(datagrams.sizeOf(datagrams.encode(much))).toBeGreaterThan(datagrams.limits.maxBytes);
    expect(datagrams.sizeOf(datagrams.encode(much.range(1, 2)))).toBeLessThan(200);
  });

  it.each([
    [{ url: 'unix:///run/x' }, 'tcp://host[:port, default 12201]'],
    [{ url: tcp, fields: { id: 'x' } }, 'the name gelf.fields.id'],
    [{ url: tcp, idField: 'a b' }, '1 to 64 letters'],
    [{ url: tcp, bulk: true, compress: 'gzip' }, 'no `gelf.bulk`, `gelf.compress` with tcp://'],
    [{ url: udp, tls: { ca: 'x' } }, 'no `gelf.tls` with udp://'],
    [{ url: http, tls: { ca: 'x' } }, 'no `gelf.tls` with http://'],
    [{ url: tcp, confirm: 'read', confirmMs: 5 }, 'no `gelf.confirmMs` with confirm read'],
    [{ url: 'https://h', confirm: 'read', chunkBytes: 512 }, 'no `gelf.confirm`, `gelf.chunkBytes` with https://'],
  ])('is not sent with options that mean nothing: %j', (options, text) => {
    expect(() => gelf(options as GelfOptions)).toThrow(text);
  });
});

describe('on the wire', () => {
  const three = batchOf(['{"level":30,"msg":"a"}', '{"level":40,"msg":"grüße 🌍"}', '{"level":50,"msg":"c"}']);
  const send = async (options: GelfOptions, batch = three) => {
    const transport = gelf({ host, ...options });
    const sender = transport.open(systemRuntime, sendSettings);
    try {
      return transport.classify(await sender.send(transport.encode(batch), AbortSignal.timeout(15_000)), batch);
    } finally {
      await sender.close();
    }
  };
  const messages = three.levels.length;

  it('TLS carries messages, each ended by a zero', async () => {
    const ours = authority();
    await using peer = await recordingPeer({ tls: ours.issue() });
    const options = { url: `tls://localhost:${peer.port}`, confirm: 'read', tls: { ca: ours.cert } } as const;
    expect(await send(options)).toEqual({ outcome: 'ack' });
    expect(texts({ body: peer.data }, options)).toHaveLength(messages);
  });

  it('HTTP carries one message a request, unless the input takes many', async () => {
    expect(gelf({ url: http }).limits.maxRecords).toBe(1);
    await using server = await recordingServer();
    expect(await send({ url: server.url }, three.range(0, 1))).toEqual({ outcome: 'ack' });
    expect(await send({ url: `${server.url}/logs`, bulk: true })).toEqual({ outcome: 'ack' });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /gelf', 'POST /logs']);
    expect(server.requests[1]!.body.toString().split('\n')).toHaveLength(messages + 1);
  });
});
