import { createInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import type { Batch, HttpReply, StreamWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import {
  authority,
  batchOf,
  httpReply,
  linesOf,
  recordingPeer,
  recordingServer,
  sendSettings,
  transportContract,
} from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type LogstashOptions, logstash } from './logstash.js';

const tcp = 'tcp://127.0.0.1:9';
const http = 'http://127.0.0.1:9';

/** Reads lines as Node.js does, and an array as JSON. */
async function decode({ body }: StreamWire, { url }: LogstashOptions): Promise<unknown[]> {
  if (url.startsWith('http')) return JSON.parse(body.toString()) as unknown[];
  expect(body.at(-1)).toBe(0x0a);
  const events: unknown[] = [];
  for await (const line of createInterface({ input: Readable.from([body]) })) events.push(JSON.parse(line));
  return events;
}

const expected = (batch: Batch, i: number, { timestamp = true, idField }: LogstashOptions) => ({
  ...(timestamp && { '@timestamp': new Date(batch.times[i]!).toISOString() }),
  ...(idField && { [idField]: batch.recordId(i) }),
  ...batch.fields(i),
});

transportContract<LogstashOptions, StreamWire, 'taken'>({
  name: 'logstash over TCP',
  make: logstash,
  options: { url: tcp },
  variants: {
    'with ids': { url: tcp, idField: 'event"id' },
    'with ids alone': { url: tcp, idField: 'id', timestamp: false },
    'as it is': { url: tcp, timestamp: false },
  },
  secret: {
    options: { url: 'tls://127.0.0.1:9', tls: { key: 'hunter2', passphrase: 'hunter3' } },
    secrets: ['hunter2', 'hunter3'],
  },
  decode,
  expected,
  replies: [{ name: 'nothing, which is all there is', reply: 'taken', verdict: 'ack' }],
});

transportContract<LogstashOptions, StreamWire, HttpReply>({
  name: 'logstash over HTTP',
  make: logstash,
  options: { url: http },
  variants: { 'with ids': { url: http, idField: 'id' }, 'as it is': { url: http, timestamp: false } },
  secret: {
    options: { url: 'http://joe:hunter2@127.0.0.1:9/?t=hunter3', headers: { 'x-key': 'hunter4' } },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode,
  expected,
  replies: [
    { name: '200 ok, in the queue', reply: httpReply(200, 'ok'), verdict: 'ack' },
    ...[201, 202, 204].map((status) => ({
      name: `${status}, a response_code that was set`,
      reply: httpReply(status),
      verdict: 'ack' as const,
    })),
    { name: '400, cannot be decompressed', reply: httpReply(400), verdict: 'split' },
    { name: '401, wrong password', reply: httpReply(401), verdict: 'hold' },
    { name: '413, over max_content_length', reply: httpReply(413), verdict: 'split' },
    { name: '429, the queue is full', reply: httpReply(429, 'Server busy'), verdict: 'retry' },
    { name: '500', reply: httpReply(500), verdict: 'retry' },
    { name: '503', reply: httpReply(503), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!DOCTYPE html>'), verdict: 'hold' },
  ],
});

describe('an event', () => {
  it('is the line, with its time and id before it', () => {
    const batch = batchOf(['{"level":30,"msg":"hi"}', '{"@timestamp":"x","msg":"a"}', '{ }'], {
      times: [1_700_000_000_123, 1, 2],
    });
    expect(logstash({ url: tcp, idField: 'uid' }).encode(batch).body.toString()).toBe(
      '{"@timestamp":"2023-11-14T22:13:20.123Z","uid":"w1-1","level":30,"msg":"hi"}\n' +
        '{"uid":"w1-2","@timestamp":"x","msg":"a"}\n' +
        '{"@timestamp":"1970-01-01T00:00:00.002Z","uid":"w1-3"}\n',
    );
  });

  it.each([
    [{}, { '@timestamp': '2023-11-14T22:13:20.123Z' }],
    [{ idField: 'uid' }, { '@timestamp': '2023-11-14T22:13:20.123Z', uid: 'w1-2' }],
    [{ timestamp: false, idField: 'uid' }, { uid: 'w1-2' }],
    [{ timestamp: false }, {}],
  ])('over HTTP is the text of a line that is not JSON, and the others are as they would be: %j', (options, around) => {
    const broken = ['{"n":NaN}', '{"@timestamp":1,"msg":"a', '{"a":1}]', '{"a":"\\x"}', `{"x":"${'\0'.repeat(5000)}"}`];
    for (const line of broken) {
      const batch = batchOf(['{"msg":"first"}', line, '{"msg":"last"}'], { times: Array(3).fill(1_700_000_000_123) });
      const { body } = logstash({ url: http, ...options }).encode(batch) as { body: Buffer };
      const events = JSON.parse(body.toString()) as unknown[];
      expect(events).toMatchObject([{ msg: 'first' }, {}, { msg: 'last' }]);
      expect(events[1]).toEqual({ ...around, message: line });
    }
  });

  it.each([
    [{ url: 'udp://host:1' }, 'tcp://host:port or tls://host:port or http://host:port'],
    [{ url: 'tcp://host' }, 'tcp://host:port'],
    [{ url: tcp, bearerToken: 'x', tls: { ca: 'x' } }, 'no `logstash.bearerToken`, `logstash.tls` with tcp://'],
    [{ url: 'tls://host:5000', headers: {} }, 'no `logstash.headers` with tls://'],
    [{ url: http, confirm: 'read' }, 'no `logstash.confirm` with http://'],
    [{ url: tcp, confirm: 'read', confirmMs: 5 }, 'no `logstash.confirmMs` with confirm read'],
  ])('is not sent with options that mean nothing: %j', (options, text) => {
    expect(() => logstash(options as LogstashOptions)).toThrow(text);
  });
});

describe('on the wire', () => {
  const three = batchOf(['{"level":30,"msg":"a"}', '{"level":40,"msg":"grüße 🌍"}', '{"level":50,"msg":"c"}']);
  const send = async (options: LogstashOptions) => {
    const transport = logstash(options);
    const sender = transport.open(systemRuntime, sendSettings);
    try {
      return transport.classify(await sender.send(transport.encode(three), AbortSignal.timeout(15_000)), three);
    } finally {
      await sender.close();
    }
  };

  it('TLS carries lines', async () => {
    const ours = authority();
    await using peer = await recordingPeer({ tls: ours.issue() });
    const options = { url: `tls://localhost:${peer.port}`, confirm: 'read', tls: { ca: ours.cert } } as const;
    expect(await send({ ...options, timestamp: false })).toEqual({ outcome: 'ack' });
    expect(peer.data.toString().trimEnd().split('\n')).toEqual(linesOf(three));
  });

  it('HTTP carries one array, as JSON, to the path it was told', async () => {
    await using server = await recordingServer();
    const options = { url: `${server.url}/shop`, basicAuth: { username: 'joe', password: 'secret' } };
    expect(await send(options)).toEqual({ outcome: 'ack' });
    const [request] = server.requests;
    expect(request).toMatchObject({ method: 'POST', path: '/shop' });
    expect(request!.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: `Basic ${Buffer.from('joe:secret').toString('base64')}`,
    });
    expect(JSON.parse(request!.body.toString())).toHaveLength(3);
  });
});
