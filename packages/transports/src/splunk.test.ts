import type { Batch, HttpReply, HttpWire } from '@spillway/core';
import { classifyFailure, systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type SplunkOptions, splunk } from './splunk.js';

const url = 'http://127.0.0.1:9';
const channel = '11111111-1111-4111-8111-111111111111';
const answer = (status: number, code: number, text = 'x', more: object = {}) =>
  httpReply(status, JSON.stringify({ text, code, ...more }));

/** Reads concatenated JSON values, as the collector does, with or without space between them. */
function eventsOf({ body }: Pick<HttpWire, 'body'>): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = [];
  let text = body.toString();
  while (text.trim() !== '') {
    let end = text.indexOf('}');
    for (;;) {
      try {
        events.push(JSON.parse(text.slice(0, end + 1)) as Record<string, unknown>);
        break;
      } catch {
        end = text.indexOf('}', end + 1);
        if (end < 0) throw new Error(`No JSON: ${text.slice(0, 200)}`);
      }
    }
    text = text.slice(end + 1);
  }
  return events;
}

transportContract<SplunkOptions, HttpWire, HttpReply>({
  name: 'splunk',
  make: splunk,
  options: { url, token: 't' },
  variants: {
    full: { url, host: 'web-1', source: 'a"b', index: 'shop', fields: { env: 'prod', 'a"': 'ü' }, idField: 'id' },
    bare: { url, fields: { env: 'prod' } },
    raw: { url, endpoint: 'raw', index: 'shop' },
    acknowledged: { url, ack: true, channel },
  },
  secret: {
    options: { url: 'http://joe:hunter2@127.0.0.1:9/?t=hunter3', token: 'hunter4', headers: { 'x-key': 'hunter5' } },
    secrets: ['hunter2', 'hunter3', 'hunter4', 'hunter5'],
  },
  decode: ({ body }, { endpoint }) =>
    endpoint === 'raw'
      ? body.toString().split('\n').slice(0, -1)
      : eventsOf({ body }).map((event) => ({ ...event, time: Number(event.time) })),
  expected(batch: Batch, i, { endpoint, host, source, index, fields, idField }) {
    if (endpoint === 'raw') return batch.line(i).toString();
    const indexed = { ...fields, ...(idField && { [idField]: batch.recordId(i) }) };
    return {
      time: batch.times[i]! / 1000,
      ...(host && { host }),
      ...(source && { source }),
      sourcetype: '_json',
      ...(index && { index }),
      ...(Object.keys(indexed).length > 0 && { fields: indexed }),
      event: batch.fields(i),
    };
  },
  replies: [
    { name: 'code 0, success', reply: answer(200, 0, 'Success'), verdict: 'ack' },
    { name: 'code 24, queue near capacity', reply: answer(200, 24), verdict: 'ack' },
    { name: 'code 25, acknowledgements near capacity', reply: answer(200, 25), verdict: 'ack' },
    ...(
      [
        [403, 1, 'Token disabled'],
        [401, 2, 'Token is required'],
        [401, 3, 'Invalid authorization'],
        [403, 4, 'Invalid token'],
        [400, 7, 'Incorrect index'],
        [400, 10, 'Data channel is missing'],
        [400, 11, 'Invalid data channel'],
        [400, 14, 'ACK is disabled'],
        [400, 16, 'Query string authorization is not enabled'],
        [400, 21, 'Invalid token'],
        [400, 22, 'Token disabled'],
      ] as const
    ).map(([status, code, text]) => ({
      name: `code ${code}, ${text}`,
      reply: answer(status, code, text),
      verdict: { outcome: 'hold', reason: `${status}, code ${code}: ${text}` } as const,
    })),
    ...(
      [
        [500, 8, 'Internal server error'],
        [503, 9, 'Server is busy'],
        [503, 18, 'HEC is unhealthy, queues are full'],
        [503, 19, 'HEC is unhealthy, ack service unavailable'],
        [503, 20, 'HEC is unhealthy, queues are full, ack service unavailable'],
        [503, 23, 'Server is shutting down'],
        [429, 26, 'Queue at capacity'],
        [429, 27, 'ACK channel at capacity'],
      ] as const
    ).map(([status, code, text]) => ({
      name: `code ${code}, ${text}`,
      reply: answer(status, code, text),
      verdict: 'retry' as const,
    })),
    ...[6, 12, 13, 15].flatMap((code) => [
      {
        name: `code ${code}, with the number of the event`,
        reply: answer(400, code, 'x', { 'invalid-event-number': 1 }),
        verdict: { outcome: 'partial', retry: [0, 2], reject: [1] } as const,
      },
      { name: `code ${code}, without`, reply: answer(400, code), verdict: 'split' as const },
      {
        name: `code ${code}, with a number that is none of ours`,
        reply: answer(400, code, 'x', { 'invalid-event-number': 3 }),
        verdict: 'split' as const,
      },
      { name: `code ${code}, alone`, batch: batchOf(['{}']), reply: answer(400, code), verdict: 'reject' as const },
    ]),
    { name: 'code 5, no data', reply: answer(400, 5, 'No data'), verdict: 'split' },
    {
      name: 'busy, with a time',
      reply: { ...answer(503, 9), headers: { 'retry-after': '4' } },
      verdict: { outcome: 'retry', afterMs: 4000 },
    },
    { name: '413, of a proxy', reply: httpReply(413, '<html>'), verdict: 'split' },
    { name: '502', reply: httpReply(502), verdict: 'retry' },
    { name: '404, not a collector', reply: httpReply(404, '{"messages":[]}'), verdict: 'hold' },
    { name: 'a web page', reply: httpReply(200, '<!doctype html><title>Splunk</title>'), verdict: 'hold' },
    { name: 'a code that nobody knows', reply: answer(400, 99), verdict: 'split' },
  ],
});

describe('splunk', () => {
  it('writes what the reference says, byte for byte', () => {
    const batch = batchOf(['{"level":30,"msg":"hi"}'], { times: [1_700_000_000_123] });
    const options = { url, host: 'web-1', source: 'app', index: 'main', fields: { env: 'prod' } };
    expect(splunk(options).encode(batch).body.toString()).toBe(
      '{"time":1700000000.123,"host":"web-1","source":"app","sourcetype":"_json","index":"main","fields":{"env":"prod"},"event":{"level":30,"msg":"hi"}}\n',
    );
  });

  it.each([
    [{ url: 'https://splunk:8088' }, 'https://splunk:8088/services/collector/event'],
    [{ url: 'https://splunk:8088', endpoint: 'raw' }, 'https://splunk:8088/services/collector/raw'],
    [{ url: 'https://vl:9428/insert/splunk/event' }, 'https://vl:9428/insert/splunk/event'],
  ] as const)('%j writes to %s', (options, destination) => {
    expect(splunk(options).destination).toBe(destination);
  });

  it('sends the token, and for raw lines a channel and where they belong', async () => {
    await using server = await recordingServer([{ status: 200, body: '{"text":"Success","code":0}' }]);
    const batch = batchOf(['{"a":1}']);
    await send(splunk({ url: server.url, token: 'secret' }), batch);
    const raw = splunk({ url: server.url, token: 'secret', endpoint: 'raw', index: 'shop', source: 'a b' });
    await send(raw, batch);
    await send(raw, batch);
    const [event, first, second] = server.requests;
    expect(event).toMatchObject({ path: '/services/collector/event', headers: { authorization: 'Splunk secret' } });
    expect(event?.headers).not.toHaveProperty('x-splunk-request-channel');
    expect(first?.path).toBe('/services/collector/raw?index=shop&source=a+b&sourcetype=_json');
    expect(first?.body.toString()).toBe('{"a":1}\n');
    expect(first?.headers['x-splunk-request-channel']).toMatch(/^[0-9a-f-]{36}$/);
    expect(second?.headers['x-splunk-request-channel']).toBe(first?.headers['x-splunk-request-channel']);
  });

  it.each([
    [{ url, channel: 'x' }, 'a UUID'],
    [{ url, endpoint: 'raw', idField: 'id' }, 'with endpoint raw'],
    [{ url, ackPollMs: 500 }, 'with ack off'],
    [{ url, token: 'two words' }, 'a token'],
  ])('refuses %j', (options, message) => {
    expect(() => splunk(options as SplunkOptions)).toThrow(message);
  });
});

describe('splunk with acknowledgement', () => {
  const batch = batchOf(['{"a":1}', '{"b":2}']);
  const taken = (ackId: number) => ({ status: 200, body: JSON.stringify({ text: 'Success', code: 0, ackId }) });
  const acks = (answers: Record<string, boolean>) => ({ status: 200, body: JSON.stringify({ acks: answers }) });
  const options = (server: { url: string }) => ({ url: server.url, token: 't', ack: true, ackPollMs: 100, channel });

  it('waits until the indexers have it, and asks about nothing twice', async () => {
    await using server = await recordingServer([
      taken(7),
      acks({ 7: false }),
      { status: 503, body: 'busy' },
      { status: 200, body: 'no json' },
      acks({ 7: true }),
      taken(8),
      acks({ 8: true }),
    ]);
    const transport = splunk(options(server));
    const sender = transport.open(systemRuntime, sendSettings);
    for (let i = 0; i < 2; i++) {
      const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(20_000));
      expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
    }
    await sender.close();
    expect(server.requests.map(({ path }) => path.split('/').at(-1))).toEqual(
      'event ack ack ack ack event ack'.split(' '),
    );
    const questions = server.requests.filter(({ path }) => path.endsWith('/ack'));
    expect(questions.map(({ body }) => JSON.parse(body.toString()))).toEqual([
      ...Array(4).fill({ acks: [7] }),
      { acks: [8] },
    ]);
    for (const { headers } of server.requests) {
      expect(headers).toMatchObject({ 'x-splunk-request-channel': channel, authorization: 'Splunk t' });
    }
  });

  it('asks about several batches at once', async () => {
    await using server = await recordingServer([taken(1), taken(2), acks({ 1: true, 2: false }), acks({ 2: true })]);
    const transport = splunk(options(server));
    const sender = transport.open(systemRuntime, sendSettings);
    await Promise.all([1, 2].map(() => sender.send(transport.encode(batch), AbortSignal.timeout(20_000))));
    await sender.close();
    const questions = server.requests.slice(2).map(({ body }) => JSON.parse(body.toString()) as { acks: number[] });
    expect(questions.map((question) => question.acks.sort())).toEqual([[1, 2], [2]]);
  });

  it('asks again when a question is never answered', async () => {
    await using server = await recordingServer([taken(1), { hang: true }, acks({ 1: true })]);
    const transport = splunk(options(server));
    // A minute in a second.
    const after: typeof systemRuntime.after = (ms, callback, more) => systemRuntime.after(ms / 60, callback, more);
    const sender = transport.open({ ...systemRuntime, after }, sendSettings);
    const reply = await sender.send(transport.encode(batch), AbortSignal.timeout(5000));
    expect(transport.classify(reply, batch)).toEqual({ outcome: 'ack' });
    await sender.close();
    expect(server.requests).toHaveLength(3);
  });

  it('gives up when its time is over: the batch is sent again', async () => {
    await using server = await recordingServer([taken(1), acks({ 1: false })]);
    const transport = splunk(options(server));
    const sender = transport.open(systemRuntime, sendSettings);
    const giveUp = new AbortController();
    const sent = sender.send(transport.encode(batch), giveUp.signal);
    await server.received(3);
    giveUp.abort(new Error('given up'));
    await expect(sent).rejects.toThrow('given up');
    await sender.close();
  });

  it('holds when the token does not acknowledge, or does not know our channel', async () => {
    await using silent = await recordingServer([{ status: 200, body: '{"text":"Success","code":0}' }]);
    expect(await send(splunk(options(silent)), batch)).toMatchObject({
      outcome: 'hold',
      reason: expect.stringContaining('no ackId'),
    });
    await using disabled = await recordingServer([
      taken(1),
      { status: 400, body: '{"text":"ACK is disabled","code":14}' },
    ]);
    expect(await send(splunk(options(disabled)), batch)).toMatchObject({
      outcome: 'hold',
      reason: '400, code 14: ACK is disabled',
    });
  });

  it("stays with the indexer that the load balancer's cookie names", async () => {
    const cookie = 'AWSALB=abc/1=; Expires=Sun, 29 Nov 2026 10:00:00 GMT; Path=/, second=2; Secure';
    await using server = await recordingServer([
      { ...taken(1), headers: { 'set-cookie': cookie } },
      acks({ 1: true }),
      taken(2),
      acks({ 2: true }),
    ]);
    const transport = splunk(options(server));
    const sender = transport.open(systemRuntime, sendSettings);
    for (let i = 0; i < 2; i++) await sender.send(transport.encode(batch), AbortSignal.timeout(20_000));
    await sender.close();
    expect(server.requests.map(({ headers }) => headers.cookie)).toEqual([
      undefined,
      ...Array(3).fill('AWSALB=abc/1=; second=2'),
    ]);
  });
});

async function send(transport: ReturnType<typeof splunk>, batch: Batch) {
  const sender = transport.open(systemRuntime, sendSettings);
  onTestFinished(() => sender.close());
  try {
    return transport.classify(await sender.send(transport.encode(batch), AbortSignal.timeout(20_000)), batch);
  } catch (error) {
    return classifyFailure(error);
  }
}
