import type { HttpReply, HttpWire } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type VictoriaLogsOptions, victorialogs } from './victorialogs.js';

const url = 'http://127.0.0.1:9';
const unreadable = (line: string, error: string) =>
  httpReply(400, `cannot process jsonline request; error: ${error}; line contents: ${JSON.stringify(line)}\n`);
const wrongTime = 'cannot parse timestamp from field "time": cannot parse unix timestamp "soon"';

transportContract<VictoriaLogsOptions, HttpWire, HttpReply>({
  name: 'victorialogs',
  make: victorialogs,
  options: { url },
  secret: {
    options: { url: 'http://joe:hunter2@127.0.0.1:9/?x=hunter3', headers: { authorization: 'hunter4' } },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: ({ body }) => body.toString().split('\n').slice(0, -1),
  replies: [
    { name: '200, empty', reply: httpReply(200), verdict: 'ack' },
    { name: '400, bad parameters or not one readable line', reply: httpReply(400, 'cannot parse'), verdict: 'hold' },
    {
      name: '400, none of several lines can be read',
      reply: unreadable('{"time":"soon","msg":"hunter2"}', wrongTime),
      verdict: { outcome: 'hold', reason: `400: cannot process jsonline request; error: ${wrongTime}` },
    },
    {
      name: '400, the only line cannot be read',
      batch: batchOf(['{"time":"soon","msg":"hunter2"}']),
      reply: unreadable('{"time":"soon","msg":"hunter2"}', wrongTime),
      verdict: { outcome: 'reject', reason: `400: cannot process jsonline request; error: ${wrongTime}` },
    },
    {
      name: '400, the only line is no JSON',
      batch: batchOf(['{"a":tru,"msg":"hunter2"}']),
      reply: unreadable(
        '{"a":tru,"msg":"hunter2"}',
        'cannot parse JSON; unparsed tail: "tru,\\"msg\\":\\"hunter2\\"}"',
      ),
      verdict: { outcome: 'reject', reason: '400: cannot process jsonline request; error: cannot parse JSON' },
    },
    {
      name: '400, the parameters of a single record',
      batch: batchOf(['{"msg":"a"}']),
      reply: httpReply(400, 'cannot parse "x" as uint32'),
      verdict: 'hold',
    },
    { name: '401, from vmauth', reply: httpReply(401), verdict: 'hold' },
    { name: '404', reply: httpReply(404), verdict: 'hold' },
    {
      name: '429, storage is read-only',
      reply: httpReply(429, 'cannot add rows into storage in read-only mode'),
      verdict: 'retry',
    },
    { name: '503', reply: httpReply(503), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!doctype html>'), verdict: 'hold' },
  ],
});

describe('victorialogs', () => {
  it('says in the query what the fields mean, and in headers whose they are', async () => {
    await using server = await recordingServer([{ status: 200 }]);
    const transport = victorialogs({
      url: server.url,
      extraFields: { app: 'shop & co', env: 'prod' },
      streamFields: ['module'],
      ignoreFields: ['pid', 'hostname'],
      accountId: 7,
      projectId: 0,
    });
    const batch = batchOf(
      Array.from({ length: 50 }, (_, i) => `{"level":30,"time":1700000000000,"msg":"record ${i}"}`),
    );
    const sender = transport.open(systemRuntime, sendSettings);
    await sender.send(transport.encode(batch), AbortSignal.timeout(10_000));
    await sender.close();
    const [request] = server.requests;
    const { pathname, searchParams } = new URL(request!.path, server.url);
    expect(pathname).toBe('/insert/jsonline');
    expect(Object.fromEntries(searchParams)).toEqual({
      _stream_fields: 'app,env,module',
      _time_field: 'time',
      _msg_field: 'msg',
      ignore_fields: 'pid,hostname',
      extra_fields: 'app=shop & co,env=prod',
    });
    expect(request?.headers).toMatchObject({ accountid: '7', projectid: '0' });
    expect(request?.body.equals(batch.bytes)).toBe(true);
    expect(transport.destination).toBe(`${server.url}/insert/jsonline`);
  });

  it.each([
    [{ url, extraFields: { 'a=b': 'x' } }, 'a field name'],
    [{ url, extraFields: { a: 'x,y' } }, 'without commas'],
    [{ url, accountId: -1 }, 'victorialogs.accountId'],
  ])('refuses %j', (options, text) => {
    expect(() => victorialogs(options)).toThrow(text);
  });
});
