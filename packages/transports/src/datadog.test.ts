import { v2 } from '@datadog/datadog-api-client';
import type { Batch, HttpReply, HttpWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type DatadogOptions, datadog } from './datadog.js';
import { readEnvironment } from './datadog-environment.js';

const url = 'http://127.0.0.1:9';
const base = { url, environment: false } as const;
const statuses: Record<number, string> = {
  ...{ 10: 'debug', 20: 'debug', 30: 'info', 35: 'info', 40: 'warn', 50: 'error', 60: 'critical', 65: 'critical' },
};

function expected(batch: Batch, i: number, options: DatadogOptions): unknown {
  const { msg, ...fields } = batch.fields(i);
  const { tags = {}, service, hostname, idField } = options;
  const ddtags = Object.entries(tags).map((pair) => pair.join(':'));
  const status = statuses[batch.levels[i]!];
  return {
    ddsource: 'nodejs',
    ...(ddtags.length > 0 && { ddtags: ddtags.join(',') }),
    ...(hostname && { hostname }),
    ...(service && { service }),
    timestamp: batch.times[i],
    ...(status && { status }),
    ...(idField && { [idField]: batch.recordId(i) }),
    message: msg ?? '',
    ...fields,
  };
}

transportContract<DatadogOptions, HttpWire, HttpReply>({
  name: 'datadog',
  make: datadog,
  options: base,
  variants: {
    full: { ...base, service: 's"hop', hostname: 'web-1', tags: { env: 'prod', version: '1.2' }, idField: 'uid' },
  },
  secret: {
    options: {
      url: 'http://joe:hunter2@127.0.0.1:9/?t=hunter3',
      apiKey: 'hunter4',
      headers: { 'x-key': 'hunter5' },
    },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5'],
  },
  decode: ({ body }) => JSON.parse(body.toString()) as unknown[],
  expected,
  replies: [
    { name: '202, accepted, cut or not', reply: httpReply(202, '{}'), verdict: 'ack' },
    {
      name: '400, bad request',
      reply: httpReply(400, '{"errors":[{"status":"400","title":"Bad Request","detail":"bad"}]}'),
      verdict: 'split',
    },
    { name: '401, no key', reply: httpReply(401), verdict: 'hold' },
    { name: '403, wrong key', reply: httpReply(403), verdict: 'hold' },
    { name: '408', reply: httpReply(408), verdict: 'retry' },
    { name: '413, too large', reply: httpReply(413), verdict: 'split' },
    {
      name: '429, too many',
      reply: httpReply(429, '', { 'retry-after': '7' }),
      verdict: { outcome: 'retry', afterMs: 7000 },
    },
    { name: '500', reply: httpReply(500), verdict: 'retry' },
    { name: '503', reply: httpReply(503), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!DOCTYPE html>'), verdict: 'hold' },
  ],
});

describe('a log', () => {
  const encode = (lines: readonly string[], options: DatadogOptions = {}) =>
    datadog({ ...base, ...options })
      .encode(batchOf(lines, { times: lines.map((_, i) => 1_700_000_000_123 + i) }))
      .body.toString();

  it('is the line, with what Datadog reads before it and its message under the name that Datadog knows', () => {
    const lines = ['{"level":60,"time":1,"msg":"hi","n":5}', '{"msg" : "spaced"}', '{ }'];
    expect(encode(lines, { service: 'shop', tags: { env: 'prod' } })).toBe(
      '[{"ddsource":"nodejs","ddtags":"env:prod","service":"shop","timestamp":1700000000123,"status":"critical","level":60,"time":1,"message":"hi","n":5},' +
        '{"ddsource":"nodejs","ddtags":"env:prod","service":"shop","timestamp":1700000000124,"message" : "spaced"},' +
        '{"ddsource":"nodejs","ddtags":"env:prod","service":"shop","timestamp":1700000000125,"message":""}]',
    );
  });

  it('keeps what it has of its own', () => {
    const own = {
      ...{ message: 'mine', msg: 'other', timestamp: 5, status: 200, service: 'a', hostname: 'b' },
      ...{ ddsource: 'c', ddtags: 'd:e' },
    };
    const nested = { msg: 'top', req: { msg: 'deep', status: 1, service: 'x' } };
    const all = JSON.parse(
      encode([JSON.stringify(own), JSON.stringify(nested)], { service: 'shop', hostname: 'h', tags: { env: 'p' } }),
    ) as unknown[];
    expect(all).toEqual([
      own,
      {
        ...{ ddsource: 'nodejs', ddtags: 'env:p', hostname: 'h', service: 'shop', timestamp: 1_700_000_000_124 },
        message: 'top',
        req: nested.req,
      },
    ]);
  });

  it('takes another field for its message', () => {
    const [log] = JSON.parse(encode(['{"text":"there","msg":"here"}'], { messageField: 'text' })) as [unknown];
    expect(log).toMatchObject({ message: 'there', msg: 'here' });
    const [own] = JSON.parse(encode(['{"message":"there","msg":"here"}'], { messageField: 'message' })) as [unknown];
    expect(own).toMatchObject({ message: 'there', msg: 'here' });
  });

  it('in the largest request is within the limits of the intake', () => {
    const transport = datadog({ ...base, service: 'shop', idField: 'uid' });
    const { maxRecordBytes, maxRecords } = transport.limits;
    const line = `{"level":30,"msg":"${'x'.repeat(maxRecordBytes - 21)}"}`;
    expect(line.length).toBe(maxRecordBytes);
    expect(transport.encode(batchOf([line])).body.length).toBeLessThanOrEqual(1_000_000);
    expect(maxRecords).toBe(1000);
  });
});

describe("Datadog's own client", () => {
  const lines = ['{"level":30,"msg":"hi","order":"a"}', '{"level":50,"order":"grüße \\"🌍\\""}'];
  const options: DatadogOptions = { ...base, service: 'shop', hostname: 'web-1', tags: { env: 'prod' } };

  it('reads what we send as what it would send', async () => {
    await using ours = await recordingServer([{ status: 202, body: '{}' }]);
    const transport = datadog({ ...options, url: ours.url, apiKey: 'secret-key' });
    const sender = transport.open(systemRuntime, sendSettings);
    const batch = batchOf(lines);
    const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(15_000));
    await sender.close();
    expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
    const sent = ours.requests[0]!;
    const body: unknown = JSON.parse(sent.body.toString());
    const logs = v2.ObjectSerializer.deserialize(body, 'Array<HTTPLogItem>', '') as v2.HTTPLogItem[];
    expect(v2.ObjectSerializer.serialize(logs, 'Array<HTTPLogItem>', '')).toEqual(body);
    expect(logs.map(({ _unparsed }) => _unparsed)).toEqual([undefined, undefined]);
    expect(logs[0]).toMatchObject({
      ...{ ddsource: 'nodejs', ddtags: 'env:prod', hostname: 'web-1', service: 'shop', message: 'hi' },
      additionalProperties: { order: 'a', status: 'info' },
    });
    expect(logs[1]).toMatchObject({ message: '', additionalProperties: { order: 'grüße "🌍"', status: 'error' } });
    expect(sent).toMatchObject({ method: 'POST', path: '/api/v2/logs' });
    expect(sent.headers).toMatchObject({ 'dd-api-key': 'secret-key', 'content-type': 'application/json' });
  });
});

describe('the environment', () => {
  it('says what code leaves out', () => {
    expect(
      readEnvironment({
        ...{ DD_SITE: 'datadoghq.eu', DD_API_KEY: 'k', DD_SERVICE: 'shop', DD_HOSTNAME: 'h', DD_ENV: 'prod' },
        ...{ DD_VERSION: '1.2', DD_TAGS: 'team:a,env:other region:eu:west bare' },
      }),
    ).toEqual({
      ...{ site: 'datadoghq.eu', apiKey: 'k', service: 'shop', hostname: 'h' },
      tags: { team: 'a', env: 'prod', region: 'eu:west', version: '1.2' },
    });
    expect(readEnvironment({})).toEqual({ tags: {} });
  });

  it.each([
    [{}, 'https://http-intake.logs.datadoghq.com/api/v2/logs'],
    [{ site: 'us5.datadoghq.com' }, 'https://http-intake.logs.us5.datadoghq.com/api/v2/logs'],
    [{ url: 'https://proxy.local:8443/in' }, 'https://proxy.local:8443/in'],
  ])('and the site decide where to: %j', (options, destination) => {
    expect(datadog({ environment: false, ...options }).destination).toBe(destination);
  });

  it.each([
    [{ site: 'https://datadoghq.com' }, "a site such as 'datadoghq.eu'"],
    [{ tags: { env: 'a,b' } }, 'text without commas'],
    [{ tags: { 'a:b': 'c' } }, 'the name datadog.tags.a:b'],
  ])('refuses %j', (options, text) => {
    expect(() => datadog(options as DatadogOptions)).toThrow(text);
  });
});
