import { createHash } from 'node:crypto';
import type { HttpReply, HttpWire } from '@spillway/core';
import { gatherOptions, systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type HttpTransportOptions, http } from './http.js';

const url = 'http://127.0.0.1:9/ingest';

transportContract<HttpTransportOptions, HttpWire, HttpReply>({
  name: 'http',
  make: http,
  options: { url },
  variants: {
    array: { url, format: 'array' },
    wrapped: { url, format: 'wrapped', wrapper: 'rec"ords' },
  },
  secret: {
    options: {
      url: 'http://joe:hunter2@127.0.0.1:9/?key=hunter3',
      bearerToken: 'hunter4',
      proxy: 'http://a:hunter5@127.0.0.1:9',
    },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5'],
  },
  decode({ body }, { format, wrapper }) {
    if (format === undefined)
      return body
        .toString()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line));
    const parsed = JSON.parse(body.toString());
    return format === 'array' ? parsed : parsed[wrapper!];
  },
  expected: (batch, i) => batch.fields(i),
  replies: [
    { name: '200', reply: httpReply(200), verdict: 'ack' },
    { name: '202', reply: httpReply(202), verdict: 'ack' },
    { name: '400', reply: httpReply(400, 'bad record'), verdict: { outcome: 'split', reason: '400: bad record' } },
    { name: '401', reply: httpReply(401), verdict: { outcome: 'hold', reason: '401' } },
    { name: '413', reply: httpReply(413), verdict: 'split' },
    { name: '429', reply: httpReply(429, '', { 'retry-after': '3' }), verdict: { outcome: 'retry', afterMs: 3000 } },
    { name: '500', reply: httpReply(500), verdict: 'retry' },
    { name: '307', reply: httpReply(307), verdict: 'hold' },
    { name: 'a web page', reply: httpReply(200, '<html><body>Log in</body></html>'), verdict: 'hold' },
  ],
});

describe('http', () => {
  const batch = batchOf(
    Array.from({ length: 60 }, (_, i) => `{"level":30,"msg":"record ${i}"}`),
    { firstSequence: 5 },
  );

  it('lets the receiver recognize a repetition and a damaged body', async () => {
    await using server = await recordingServer();
    const transport = http({ url: server.url, contentDigest: true });
    const sender = transport.open(systemRuntime, sendSettings);
    const wire = transport.encode(batch);
    for (let i = 0; i < 2; i++) await sender.send(wire, AbortSignal.timeout(10_000));
    await sender.close();
    const [first, second] = server.requests;
    expect(first?.headers).toMatchObject({
      'idempotency-key': 'w1-5-60',
      'x-record-count': '60',
      'content-encoding': 'gzip',
    });
    expect(first?.headers['content-digest']).toBe(
      `sha-256=:${createHash('sha256').update(first!.raw).digest('base64')}:`,
    );
    expect(second).toMatchObject({ headers: first!.headers, raw: first!.raw });
    expect(first?.body.equals(batch.bytes)).toBe(true);
  });

  it('has room for the longest record beside a wrapper in any script', () => {
    const transport = http({ url, format: 'wrapped', wrapper: '日志'.repeat(20), maxRequestBytes: 4096 });
    const { maxBytes, maxRecordBytes } = transport.limits;
    const longest = batchOf([`{"msg":"${'a'.repeat(maxRecordBytes - '{"msg":""}'.length)}"}`]);
    expect(transport.sizeOf(transport.encode(longest))).toBeLessThanOrEqual(maxBytes);
  });

  it('takes only the statuses for success that it was told', () => {
    const transport = http({ url, successStatus: [202] });
    expect(transport.classify(httpReply(202), batch)).toEqual({ outcome: 'ack' });
    expect(transport.classify(httpReply(200, 'maintenance'), batch)).toEqual({
      outcome: 'hold',
      reason: '200: maintenance',
    });
    expect(transport.classify(httpReply(503), batch)).toMatchObject({ outcome: 'retry' });
  });

  it.each([
    [{ contentType: 'text/日志' }, 'Expected `http.contentType` to be a non-empty string without control characters'],
    [{ idempotencyHeader: 'Content-Length' }, 'Expected `http.idempotencyHeader` to be the name of a header'],
    [{ idempotencyHeader: 'a b' }, 'Expected `http.idempotencyHeader` to be the name of a header'],
  ])('refuses headers that cannot be sent: %j', (options, text) => {
    expect(() => http({ url, ...options })).toThrow(text);
  });

  it('refuses a name for what has none', () => {
    expect(() => http({ url, format: 'array', wrapper: 'logs' })).toThrow('no `http.wrapper` with format array');
  });

  it('can leave the key out, or name it otherwise', () => {
    const environment = { SPILLWAY_TO__URL: url, SPILLWAY_TO__IDEMPOTENCY_HEADER: 'false' };
    const [, fromVariables] = gatherOptions({ to: 'http' }, ['to'], environment).to as [string, { url: string }];
    expect(http(fromVariables)).toMatchObject({ idempotency: 'none' });
    expect(http({ url, idempotencyHeader: false })).toMatchObject({ idempotency: 'none' });
    expect(http({ url, idempotencyHeader: 'X-Batch' }).encode(batch).headers).toMatchObject({ 'x-batch': batch.id });
  });
});
