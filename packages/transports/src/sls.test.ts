import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import zlib from 'node:zlib';
import {
  type Batch,
  type HttpReply,
  type HttpWire,
  imbalance,
  pipeline,
  systemRuntime,
  type Verdict,
} from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { decompressBlock } from 'lz4js';
import protobuf from 'protobufjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type SlsOptions, sls } from './sls.js';

// The vendor's own description of the format.
const require = createRequire(import.meta.url);
const groupType = protobuf.loadSync(require.resolve('@alicloud/log/lib/sls.proto')).lookupType('sls.LogGroup');

interface Pair {
  readonly Key: string;
  readonly Value: string;
}
interface LogGroup {
  readonly Logs: { readonly Time: number; readonly TimeNs: number; readonly Contents: Pair[] }[];
  readonly Topic?: string;
  readonly Source?: string;
  readonly LogTags: Pair[];
}

function groupOf(body: Buffer): LogGroup {
  const message = groupType.decode(body);
  expect(groupType.verify(message)).toBeNull();
  return groupType.toObject(message) as LogGroup;
}
const pairs = (contents: readonly Pair[]) => contents.map(({ Key, Value }) => [Key, Value]);

const credentials = { accessKeyId: 'AKID', accessKeySecret: 'hunter2', securityToken: 'hunter3' };
const here = { endpoint: 'http://127.0.0.1:9', project: 'shop', logstore: 'api', region: 'cn-hangzhou', credentials };

/** The top-level fields of a line as contents: text as it means, everything else as it is written. */
function contentsOf(line: string): string[][] {
  const fields = JSON.parse(line) as Record<string, unknown>;
  const entries = Object.entries(fields).map(([key, value]) => [
    key || '_',
    typeof value === 'string' ? Buffer.from(value).toString() : JSON.stringify(value),
  ]);
  return entries.length > 0 ? entries : [['content', line]];
}

function refused(status: number, errorCode: string, verdict: Verdict['outcome'], errorMessage = 'What went wrong') {
  return {
    name: `${status} ${errorCode}`,
    reply: httpReply(status, JSON.stringify({ errorCode, errorMessage })),
    verdict,
  };
}

transportContract<SlsOptions, HttpWire, HttpReply>({
  name: 'sls',
  make: sls,
  options: here,
  variants: {
    line: { ...here, body: 'line', lineField: 'raw', topic: 't', source: 's', tags: { env: 'prod' }, idField: '__id' },
    ids: { ...here, idField: 'a long name for an id of a record' },
  },
  secret: { options: { ...here, headers: { 'x-own': 'hunter4' } }, secrets: ['hunter2', 'hunter3', 'hunter4'] },
  decode: ({ body }, { idField }) =>
    groupOf(body).Logs.map(({ Time, TimeNs, Contents }) => [
      Time * 1000 + Math.floor(TimeNs / 1_000_000),
      pairs(Contents).filter(([key]) => key !== 'level' && key !== idField),
    ]),
  expected: (batch, i, { body }) => {
    const line = batch.line(i).toString();
    const contents = body === 'line' ? [['raw', line]] : contentsOf(line);
    return [batch.times[i], contents.filter(([key]) => key !== 'level')];
  },
  replies: [
    { name: '200', reply: httpReply(200), verdict: 'ack' },
    { name: '200, a web page', reply: httpReply(200, '<!doctype html>'), verdict: 'hold' },
    refused(403, 'WriteQuotaExceed', 'retry'),
    refused(403, 'ShardWriteQuotaExceed', 'retry'),
    refused(403, 'ExceedQuota', 'retry'),
    refused(500, 'InternalServerError', 'retry'),
    refused(503, 'ServerBusy', 'retry'),
    refused(500, 'SomethingNew', 'retry'),
    refused(400, 'PostBodyTooLarge', 'split'),
    refused(400, 'PostBodyInvalid', 'split', 'The post data time is out of range'),
    refused(499, 'PostBodyInvalid', 'split'),
    refused(400, 'InvalidTimestamp', 'split'),
    refused(400, 'InvalidEncoding', 'split'),
    refused(400, 'InvalidKey', 'split'),
    refused(400, 'PostBodyUncompressError', 'hold'),
    refused(400, 'MissingBodyRawSize', 'hold'),
    refused(400, 'InvalidCompressType', 'hold'),
    refused(400, 'RequestTimeTooSkewed', 'hold'),
    refused(400, 'RequestTimeExpired', 'hold'),
    refused(401, 'Unauthorized', 'hold'),
    refused(401, 'SignatureNotMatch', 'hold'),
    refused(403, 'Unauthorized', 'hold'),
    refused(404, 'ProjectNotExist', 'hold'),
    refused(404, 'LogStoreNotExist', 'hold'),
    refused(405, 'InvalidMethod', 'hold'),
    { name: '403, not of the service', reply: httpReply(403, 'no'), verdict: 'hold' },
    { name: '413, from a proxy', reply: httpReply(413), verdict: 'split' },
    { name: '429, from a proxy', reply: httpReply(429), verdict: 'retry' },
    { name: '502, from a proxy', reply: httpReply(502, '<html>'), verdict: 'retry' },
  ],
});

const encoded = (batch: Batch, options: Partial<SlsOptions> = {}) =>
  sls({ ...here, ...options }).encode(batch) as HttpWire;

describe('sls', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('writes the bytes that the format has', () => {
    const batch = batchOf(['{"level":"30","msg":"hi"}'], { times: [1_700_000_000_123], nanos: [0] });
    const { body, headers } = encoded(batch, { topic: 'app', source: '10.0.0.1' });
    const log = '0a230880e2cfaa0625c0d45407120b0a056c6576656c1202333012090a036d736712026869';
    expect(body.toString('hex')).toContain(`${log}1a036170702208${Buffer.from('10.0.0.1').toString('hex')}`);
    expect(headers).toEqual({ 'x-log-bodyrawsize': String(body.length) });
  });

  it('takes fields as they are written', () => {
    const lines = [
      '{"a":1.50,"b":12345678901234567890,"c":{"d":[1, "x\\""]},"e":null,"f":true,"":"\\ud800\\u00e9\\n","g" : "" }',
      `{"long":"${'x'.repeat(20_000)}","k":1}`,
      'no object',
    ];
    const { Logs } = groupOf(encoded(batchOf(lines)).body);
    expect(pairs(Logs[0]!.Contents)).toEqual([
      ['a', '1.50'],
      ['b', '12345678901234567890'],
      ['c', '{"d":[1, "x\\""]}'],
      ['e', 'null'],
      ['f', 'true'],
      ['_', '\ufffdé\n'],
      ['g', ''],
    ]);
    expect(pairs(Logs[1]!.Contents)).toEqual([
      ['long', 'x'.repeat(20_000)],
      ['k', '1'],
    ]);
    expect(pairs(Logs[2]!.Contents)).toEqual([['content', 'no object']]);
  });

  it('has room for lines of nothing but short fields', () => {
    const line = `{${Array.from({ length: 5000 }, () => '"":1').join(',')}}`;
    const { Logs } = groupOf(encoded(batchOf([line, line])).body);
    expect(Logs.map(({ Contents }) => Contents.length)).toEqual([5000, 5000]);
    expect(new Set(Logs.flatMap(({ Contents }) => pairs(Contents).map(String)))).toEqual(new Set(['_,1']));
  });

  it('writes topic, source, tags, ids and the level of a line', () => {
    const batch = batchOf(['{"level":50}', '{}'], { writer: 'w7', firstSequence: 255 });
    const writer = createHash('md5').update('w7').digest('hex').slice(0, 16).toUpperCase();
    const { Logs, ...group } = groupOf(
      encoded(batch, { body: 'line', topic: 't', source: 's', tags: { env: 'prod' }, idField: '__id' }).body,
    );
    expect(group).toEqual({
      Topic: 't',
      Source: 's',
      LogTags: [
        { Key: 'env', Value: 'prod' },
        { Key: '__pack_id__', Value: `${writer}-FF` },
      ],
    });
    expect(Logs.map(({ Contents }) => pairs(Contents))).toEqual([
      [
        ['content', '{"level":50}'],
        ['level', 'error'],
        ['__id', 'w7-255'],
      ],
      [
        ['content', '{}'],
        ['__id', 'w7-256'],
      ],
    ]);
    expect(groupOf(encoded(batch).body).Source).toBe(hostname());
  });

  it('takes times that 32 bits do not hold', () => {
    const batch = batchOf(['{}', '{}'], { times: [1e300, -5], nanos: [999_999, 0] });
    expect(groupOf(encoded(batch).body).Logs.map(({ Time, TimeNs }) => [Time, TimeNs])).toEqual([
      [4_294_967_295, 999_999_999],
      [0, 0],
    ]);
  });

  it('loses nothing through quotas and lost answers', async () => {
    const quota = JSON.stringify({ errorCode: 'WriteQuotaExceed', errorMessage: 'x' });
    await using server = await recordingServer([
      { status: 403, body: quota },
      { reset: 'afterBody' },
      { status: 500, body: JSON.stringify({ errorCode: 'InternalServerError', errorMessage: 'x' }) },
      { status: 200 },
    ]);
    const logs = pipeline(sls({ ...here, endpoint: server.url, lz4: true }), {
      batch: { lingerMs: 5, maxRecords: 100 },
      send: { maxInFlight: 1 },
      retry: { attempts: 5, minMs: 5, maxMs: 20 },
      breaker: { failures: 5, cooldownMs: 50 },
      warnings: 'off',
    });
    for (let n = 0; n < 1000; n++) logs.write(`{"level":30,"time":${Date.now()},"n":${n},"msg":"m"}\n`);
    logs.write(`{"msg":"${'x'.repeat(1_000_000)}"}\n`);
    expect((await logs.flush({ timeoutMs: 20_000 })).settled).toBe(true);
    const { stats } = await logs.close();
    expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
    expect(stats).toMatchObject({ acked: { records: 1000 }, rejected: { records: 1 }, dropped: { records: 0 } });
    const numbers = server.requests.slice(3).flatMap(({ raw, headers }) => {
      const size = Number(headers['x-log-bodyrawsize']);
      const body = Buffer.alloc(size);
      expect(decompressBlock(raw, body, 0, raw.length, 0)).toBe(size);
      return groupOf(body).Logs.map(({ Contents }) => Number(Contents.find(({ Key }) => Key === 'n')?.Value));
    });
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  it('finds the host of its project and the way to its shard', async () => {
    const at = (options: Partial<SlsOptions>) => sls({ ...here, ...options }).destination;
    const path = '/logstores/api/shards/lb';
    expect(at({ endpoint: 'cn-hangzhou.log.aliyuncs.com' })).toBe(`https://shop.cn-hangzhou.log.aliyuncs.com${path}`);
    expect(at({ endpoint: 'http://shop.cn-x.log.aliyuncs.com/' })).toBe(`http://shop.cn-x.log.aliyuncs.com${path}`);
    expect(at({ endpoint: 'http://[::1]:80' })).toBe(`http://[::1]${path}`);
    await using server = await recordingServer([{ status: 200 }]);
    const transport = sls({ ...here, endpoint: server.url, hashKey: 'pod-1' });
    const sender = transport.open(systemRuntime, sendSettings);
    await sender.send(transport.encode(batchOf(['{}'])), AbortSignal.timeout(10_000));
    await sender.close();
    const key = createHash('md5').update('pod-1').digest('hex');
    expect(server.requests[0]?.path).toBe(`/logstores/api/shards/route?key=${key}`);
  });

  it.each([
    [{ endpoint: 'ftp://x' }, 'a host such as'],
    [{ project: 'a b' }, 'the name of a project'],
    [{ logstore: 'a/b' }, 'the name of a logstore'],
    [{ region: undefined, signature: 'v4' }, '`sls.region`'],
    [{ credentials: { accessKeyId: 'AKID' } as never }, 'credentials.accessKeySecret'],
  ] as const)('refuses %j', (options, expected) => {
    const { region, ...others } = here;
    expect(() => sls({ ...others, ...('region' in options ? {} : { region }), ...options } as SlsOptions)).toThrow(
      expected,
    );
  });
});

describe('the compression of sls', () => {
  const lines = Array.from({ length: 100 }, (_, n) => `{"level":30,"n":${n},"msg":"request completed"}`);
  const hasZstd = 'zstdCompress' in zlib;

  async function sent(compression: 'auto' | 'none' | 'deflate' | 'zstd', lz4: boolean, batch = batchOf(lines)) {
    await using server = await recordingServer([{ status: 200 }]);
    const transport = sls({ ...here, endpoint: server.url, lz4 });
    const sender = transport.open(systemRuntime, { ...sendSettings, compression });
    const wire = transport.encode(batch) as HttpWire;
    for (let i = 0; i < 2; i++) await sender.send(wire, AbortSignal.timeout(10_000));
    await sender.close();
    const [{ headers, raw } = expect.fail(), again] = server.requests;
    expect(again?.raw.equals(raw)).toBe(true);
    expect(headers['x-log-bodyrawsize']).toBe(String(wire.body.length));
    expect(headers).not.toHaveProperty('content-encoding');
    return { kind: headers['x-log-compresstype'], raw, wire };
  }

  it('is a bare block of lz4', async () => {
    const { kind, raw, wire } = await sent('auto', true);
    expect(kind).toBe('lz4');
    const unpacked = Buffer.alloc(wire.body.length);
    expect(decompressBlock(raw, unpacked, 0, raw.length, 0)).toBe(wire.body.length);
    expect(unpacked.equals(wire.body)).toBe(true);
    expect(groupOf(unpacked).Logs).toHaveLength(100);
  });

  it('is zstd where Node.js has it', async () => {
    const { kind, raw, wire } = await sent('auto', false);
    expect(kind).toBe(hasZstd ? 'zstd' : 'lz4');
    const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (data: Buffer) => Buffer };
    if (zstdDecompressSync) expect(zstdDecompressSync(raw).equals(wire.body)).toBe(true);
  });

  it('is zlib for deflate, and nothing for none and for what is short', async () => {
    const { kind, raw, wire } = await sent('deflate', false);
    expect(kind).toBe('deflate');
    expect(zlib.inflateSync(raw).equals(wire.body)).toBe(true);
    const plain = await sent('none', true);
    expect([plain.kind, plain.raw.equals(plain.wire.body)]).toEqual([undefined, true]);
    const short = await sent('auto', true, batchOf(['{}']));
    expect([short.kind, short.raw.equals(short.wire.body)]).toEqual([undefined, true]);
  });

  it('is none that the service does not take', () => {
    const open = (compression: 'gzip' | 'zstd') => () =>
      sls(here).open(systemRuntime, { ...sendSettings, compression });
    expect(open('gzip')).toThrow("'auto' | 'none' | 'deflate'");
    if (!hasZstd) expect(open('zstd')).toThrow('has no zstd');
  });
});
