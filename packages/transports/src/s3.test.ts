import zlib from 'node:zlib';
import type { HttpReply, HttpWire, Verdict } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type S3Options, s3 } from './s3.js';

const credentials = { accessKeyId: 'AKID', secretAccessKey: 'hunter2', sessionToken: 'hunter3' };
const here = { bucket: 'shop-logs', region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', credentials };

function refused(status: number, code: string, verdict: Verdict['outcome']) {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>What went wrong</Message></Error>`;
  return { name: `${status} ${code}`, reply: httpReply(status, body), verdict };
}

transportContract<S3Options, HttpWire, HttpReply>({
  name: 's3',
  make: s3,
  options: here,
  variants: { overwrite: { ...here, overwrite: true, prefix: 'a=b/ü c/' } },
  secret: {
    options: { ...here, endpoint: 'http://127.0.0.1:9/?x=hunter4' },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: ({ body }) => body.toString().split('\n').slice(0, -1),
  replies: [
    { name: '200', reply: httpReply(200), verdict: 'ack' },
    refused(412, 'PreconditionFailed', 'ack'),
    refused(409, 'ConditionalRequestConflict', 'retry'),
    refused(409, 'OperationAborted', 'retry'),
    refused(503, 'SlowDown', 'retry'),
    refused(500, 'InternalError', 'retry'),
    refused(400, 'RequestTimeout', 'retry'),
    refused(400, 'BadDigest', 'retry'),
    refused(400, 'EntityTooLarge', 'split'),
    refused(400, 'ExpiredToken', 'hold'),
    refused(403, 'AccessDenied', 'hold'),
    refused(403, 'InvalidAccessKeyId', 'hold'),
    refused(403, 'SignatureDoesNotMatch', 'hold'),
    refused(403, 'RequestTimeTooSkewed', 'hold'),
    refused(404, 'NoSuchBucket', 'hold'),
    refused(301, 'PermanentRedirect', 'hold'),
    refused(307, 'TemporaryRedirect', 'hold'),
    refused(501, 'NotImplemented', 'hold'),
    { name: '429', reply: httpReply(429), verdict: 'retry' },
    { name: '413, from a proxy', reply: httpReply(413), verdict: 'split' },
    { name: '502, from a proxy', reply: httpReply(502), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!doctype html>'), verdict: 'hold' },
  ],
});

const batch = batchOf(['{"level":30,"time":1700000000123,"msg":"a"}', '{"level":30,"msg":"b"}'], { firstSequence: 42 });

describe('s3', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('puts a gzip file, the same at every attempt, unless told otherwise', async () => {
    await using server = await recordingServer([{ status: 200 }]);
    const transport = s3({ ...here, endpoint: server.url, prefix: 'logs/app=shop/' });
    const wire = transport.encode(batch);
    for (const compression of ['auto', 'gzip', 'none'] as const) {
      const sender = transport.open(systemRuntime, { ...sendSettings, compression });
      for (let i = 0; i < 2; i++) await sender.send(wire, AbortSignal.timeout(10_000));
      await sender.close();
    }
    const [first, ...others] = server.requests;
    expect(first).toMatchObject({
      method: 'PUT',
      path: '/shop-logs/logs/app%3Dshop/dt=2023-11-14/hour=22/w1-42-2.ndjson.gz',
      headers: { 'content-type': 'application/x-ndjson', 'if-none-match': '*' },
    });
    expect(first?.headers).not.toHaveProperty('content-encoding');
    expect(first?.headers.authorization).toContain(
      '/eu-west-1/s3/aws4_request, SignedHeaders=content-type;host;x-amz-',
    );
    expect(zlib.gunzipSync(first!.raw).equals(batch.bytes)).toBe(true);
    for (const other of others.slice(0, 3)) {
      expect(other.path).toBe(first?.path);
      expect(other.raw.equals(first!.raw)).toBe(true);
    }
    expect(others[3]?.path).toBe('/shop-logs/logs/app%3Dshop/dt=2023-11-14/hour=22/w1-42-2.ndjson');
    expect(others[4]?.raw.equals(batch.bytes)).toBe(true);
    for (const compression of ['zstd', 'deflate'] as const) {
      expect(() => transport.open(systemRuntime, { ...sendSettings, compression })).toThrow("'auto' | 'none' | 'gzip'");
    }
  });

  it('finds the bucket', () => {
    const at = (options: Partial<S3Options>) => s3({ bucket: 'logs', region: 'eu-west-1', ...options }).destination;
    expect(at({})).toBe('https://logs.s3.eu-west-1.amazonaws.com');
    expect(at({ region: 'cn-north-1' })).toBe('https://logs.s3.cn-north-1.amazonaws.com.cn');
    expect(at({ bucket: 'my.logs' })).toBe('https://s3.eu-west-1.amazonaws.com/my.logs');
    expect(at({ pathStyle: true })).toBe('https://s3.eu-west-1.amazonaws.com/logs');
    expect(at({ endpoint: 'http://minio:9000/' })).toBe('http://minio:9000/logs');
    expect(at({ endpoint: 'https://r2.example', pathStyle: false })).toBe('https://logs.r2.example');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'http://store:1234');
    expect(at({})).toBe('http://store:1234/logs');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', '');
    expect(at({})).toBe('https://logs.s3.eu-west-1.amazonaws.com');
    vi.stubEnv('AWS_ENDPOINT_URL_S3', 'store:1234');
    expect(() => at({})).toThrow('AWS_ENDPOINT_URL_S3 to hold a URL');
  });

  it.each([
    [{ bucket: 'a/b' }, 'the name of a bucket'],
    [{ prefix: '/logs' }, 'the beginning of a name'],
    [{ prefix: 'a/../b' }, 'the beginning of a name'],
    [{ region: 'EU West' }, 'a region'],
    [{ credentials: { accessKeyId: 'AKID' } }, 'together, or neither'],
  ])('refuses %j', (options, expected) => {
    expect(() => s3({ ...here, ...options })).toThrow(expected);
  });
});
