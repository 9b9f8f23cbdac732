import type { HttpReply, HttpWire, Verdict } from '@spillway/core';
import { systemRuntime } from '@spillway/core';
import { batchOf, httpReply, recordingServer, sendSettings, transportContract } from '@spillway/testing';
import { describe, expect, it } from 'vitest';
import { type ClickhouseOptions, clickhouse } from './clickhouse.js';

const url = 'http://127.0.0.1:9';
const many = batchOf(Array.from({ length: 1001 }, () => '{"level":30}'));

/** As ClickHouse answers. */
function exception(status: number, code: number, name: string): HttpReply {
  return httpReply(status, `Code: ${code}. DB::Exception: what went wrong. (${name}) (version 26.7.2.1)\n`, {
    'x-clickhouse-exception-code': String(code),
  });
}

function documented(status: number, code: number, name: string, verdict: Verdict['outcome']) {
  return { name: `${status}, ${code} ${name}`, reply: exception(status, code, name), verdict };
}

transportContract<ClickhouseOptions, HttpWire, HttpReply>({
  name: 'clickhouse',
  make: clickhouse,
  options: { url, table: 'logs' },
  variants: { column: { url, table: 'logs', column: 'raw' }, async: { url, table: 'logs', asyncInsert: true } },
  secret: {
    options: {
      url: 'http://joe:hunter2@127.0.0.1:9/?x=hunter3',
      table: 'logs',
      headers: { 'x-clickhouse-key': 'hunter4' },
    },
    secrets: ['hunter2', 'hunter3', 'hunter4'],
  },
  decode: ({ body }) => body.toString().split('\n').slice(0, -1),
  replies: [
    { name: '200, empty', reply: httpReply(200), verdict: 'ack' },
    documented(500, 389, 'INSERT_WAS_DEDUPLICATED', 'ack'),
    {
      name: '500, 252 TOO_MANY_PARTS',
      reply: exception(500, 252, 'TOO_MANY_PARTS'),
      verdict: { outcome: 'retry', afterMs: 5000 },
    },
    documented(500, 241, 'MEMORY_LIMIT_EXCEEDED', 'retry'),
    {
      name: '500, 241 MEMORY_LIMIT_EXCEEDED for a large batch',
      reply: exception(500, 241, 'MEMORY_LIMIT_EXCEEDED'),
      verdict: 'split',
      batch: many,
    },
    documented(408, 159, 'TIMEOUT_EXCEEDED', 'retry'),
    documented(500, 201, 'QUOTA_EXCEEDED', 'retry'),
    documented(500, 202, 'TOO_MANY_SIMULTANEOUS_QUERIES', 'retry'),
    documented(500, 203, 'NO_FREE_CONNECTION', 'retry'),
    documented(503, 209, 'SOCKET_TIMEOUT', 'retry'),
    documented(500, 210, 'NETWORK_ERROR', 'retry'),
    documented(500, 216, 'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING', 'retry'),
    documented(500, 225, 'NO_ZOOKEEPER', 'retry'),
    documented(500, 242, 'TABLE_IS_READ_ONLY', 'retry'),
    documented(500, 243, 'NOT_ENOUGH_SPACE', 'retry'),
    documented(500, 271, 'CANNOT_DECOMPRESS', 'retry'),
    documented(500, 279, 'ALL_CONNECTION_TRIES_FAILED', 'retry'),
    documented(500, 285, 'TOO_FEW_LIVE_REPLICAS', 'retry'),
    documented(500, 319, 'UNKNOWN_STATUS_OF_INSERT', 'retry'),
    documented(503, 439, 'CANNOT_SCHEDULE_TASK', 'retry'),
    documented(500, 499, 'S3_ERROR', 'retry'),
    documented(500, 999, 'KEEPER_EXCEPTION', 'retry'),
    documented(400, 26, 'CANNOT_PARSE_QUOTED_STRING', 'split'),
    documented(400, 27, 'CANNOT_PARSE_INPUT_ASSERTION_FAILED', 'split'),
    documented(400, 41, 'CANNOT_PARSE_DATETIME', 'split'),
    documented(400, 53, 'TYPE_MISMATCH', 'split'),
    documented(400, 72, 'CANNOT_PARSE_NUMBER', 'split'),
    documented(500, 117, 'INCORRECT_DATA', 'split'),
    documented(500, 349, 'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN', 'split'),
    documented(500, 469, 'VIOLATED_CONSTRAINT', 'split'),
    documented(413, 229, 'QUERY_IS_TOO_LARGE', 'split'),
    documented(404, 60, 'UNKNOWN_TABLE', 'hold'),
    documented(404, 81, 'UNKNOWN_DATABASE', 'hold'),
    documented(500, 16, 'NO_SUCH_COLUMN_IN_TABLE', 'hold'),
    documented(404, 115, 'UNKNOWN_SETTING', 'hold'),
    documented(400, 62, 'SYNTAX_ERROR', 'hold'),
    documented(500, 164, 'READONLY', 'hold'),
    documented(401, 194, 'REQUIRED_PASSWORD', 'hold'),
    documented(403, 497, 'ACCESS_DENIED', 'hold'),
    documented(403, 516, 'AUTHENTICATION_FAILED', 'hold'),
    documented(500, 1002, 'UNKNOWN_EXCEPTION', 'retry'),
    documented(200, 1002, 'UNKNOWN_EXCEPTION', 'retry'),
    {
      name: 'a code in the text alone',
      reply: httpReply(500, 'Code: 117, e.displayText() = DB::Exception: Unknown field'),
      verdict: 'split',
    },
    // As ClickHouse 26.7 says it.
    ...(
      [
        [
          `27. DB::Exception: Cannot parse input: expected '"' before: 'hunter2": (is) it","time":1}\n': (while reading the value of key level): (at row 1)\n: While executing ParallelParsingBlockInputFormat. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)`,
          `27. DB::Exception: Cannot parse input: expected '"': (while reading the value of key level): (at row 1) : While executing ParallelParsingBlockInputFormat. (CANNOT_PARSE_INPUT_ASSERTION_FAILED)`,
        ],
        [
          "469. DB::Exception: Constraint `c` for table default.t is violated at row 1. Expression: (level < 100). Column values: msg = 'hunter2'. (VIOLATED_CONSTRAINT)",
          '469. DB::Exception: Constraint `c` for table default.t is violated at row 1. Expression: (level < 100). (VIOLATED_CONSTRAINT)',
        ],
      ] as const
    ).map(([said, shown]) => ({
      name: `what was logged is not shown: ${shown.slice(0, 40)}`,
      reply: httpReply(400, `Code: ${said}`),
      verdict: { outcome: 'split', reason: `400: Code: ${shown}` } as const,
    })),
    { name: '413, from a proxy', reply: httpReply(413), verdict: 'split' },
    { name: '502, from a proxy', reply: httpReply(502, '<html>Bad Gateway'), verdict: 'retry' },
    { name: 'a web page', reply: httpReply(200, '<!doctype html>'), verdict: 'hold' },
  ],
});

async function sent(options: Partial<ClickhouseOptions>) {
  await using server = await recordingServer([{ status: 200 }]);
  const transport = clickhouse({ url: `${server.url}/proxied?extremes=0`, table: 'app logs', ...options });
  const batch = batchOf(['{"level":30,"msg":"a"}'], { writer: 'w1', firstSequence: 42 });
  const sender = transport.open(systemRuntime, sendSettings);
  await sender.send(transport.encode(batch), AbortSignal.timeout(10_000));
  await sender.close();
  const [request] = server.requests;
  expect(request?.body.equals(batch.bytes)).toBe(true);
  const { pathname, searchParams } = new URL(request!.path, server.url);
  expect(pathname).toBe('/proxied');
  return Object.fromEntries(searchParams);
}

describe('clickhouse', () => {
  it('says in the query where the rows belong and which batch they are', async () => {
    expect(await sent({})).toEqual({
      extremes: '0',
      query: 'INSERT INTO `app logs` FORMAT JSONEachRow',
      database: 'default',
      input_format_skip_unknown_fields: '1',
      date_time_input_format: 'best_effort',
      insert_deduplication_token: 'w1-42-1',
      query_id: 'w1-42-1',
    });
  });

  it('takes whole lines, asynchronous inserts and settings', async () => {
    const settings = { date_time_input_format: 'basic', insert_quorum: '2' };
    expect(await sent({ column: 'raw', asyncInsert: true, database: 'shop', settings })).toMatchObject({
      query: 'INSERT INTO `app logs` (`raw`) FORMAT JSONAsString',
      database: 'shop',
      async_insert: '1',
      wait_for_async_insert: '1',
      date_time_input_format: 'basic',
      insert_quorum: '2',
    });
  });

  it.each([
    [{ table: 'a`b' }, 'the name of a table'],
    [{ column: 'a\\' }, 'the name of a column'],
    [{ settings: { 'a b': '1' } }, 'the name of a setting'],
  ])('refuses %j', (options, expected) => {
    expect(() => clickhouse({ url, table: 't', ...options })).toThrow(expected);
  });
});
