// The clickhouse transport on ClickHouse's engine.

import { readFile } from 'node:fs/promises';
import { batchOf } from '@spillway/testing';
import { type ClickhouseOptions, clickhouse } from '@spillway/transports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf } from './delivery.js';

const password = 'hunter2';
const basicAuth = { username: 'default', password };
/** The table of docs/transports/clickhouse.md. */
const columns =
  'time Int64, level UInt16, pid UInt32, hostname LowCardinality(String), msg String, n Int64, ts DateTime64(3) MATERIALIZED fromUnixTimestamp64Milli(time)';
const engine =
  'ENGINE = MergeTree PARTITION BY toDate(ts) ORDER BY ts SETTINGS non_replicated_deduplication_window = 10000';

let server: Awaited<ReturnType<typeof servers.clickhouse.start>>;
beforeAll(async () => {
  server = await servers.clickhouse.start({ password });
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

it('gets every record once through outages', async () => {
  await server.query(`CREATE TABLE trouble (${columns}) ${engine}`);
  const delivered = await deliverThroughTrouble({
    transport: clickhouse({ url: server.url, table: 'trouble', basicAuth }),
    server,
    readBack: async () => (await server.query<{ n: string }>('SELECT n FROM trouble')).map(({ n }) => Number(n)),
  });
  expectComplete(delivered);
  expect(delivered.duplicates).toBe(0);
  const [row] = await server.query('SELECT *, toUnixTimestamp64Milli(ts) = time AS same FROM trouble WHERE n = 1');
  expect(row).toMatchObject({ level: 30, pid: 7, hostname: 'h', msg: 'record 1 says "hello" \\ grüße 🌍', same: 1 });
});

it('stores a batch that is sent again once, whatever the compression', async () => {
  await server.query(`CREATE TABLE again (${columns}) ${engine}`);
  const batch = batchOf(Array.from({ length: 50 }, (_, n) => numbered(n).trim()));
  for (const compression of ['auto', 'gzip', 'deflate', 'none'] as const) {
    expect(await sendOnce({ table: 'again' }, batch, compression)).toEqual({ outcome: 'ack' });
  }
  expect(await server.query('SELECT toInt32(count()) AS rows FROM again')).toEqual([{ rows: 50 }]);
});

it('stores whole lines in one column, and inserts asynchronously', async () => {
  await server.query(
    "CREATE TABLE whole (raw String, level UInt16 MATERIALIZED JSONExtractUInt(raw, 'level')) ENGINE = MergeTree ORDER BY level",
  );
  const lines = ['{"level":30,"msg":"a \\"b\\" grüße"}', '{"level":50,"deep":{"er":[1,null]}}'];
  for (const asyncInsert of [false, true]) {
    expect(await sendOnce({ table: 'whole', column: 'raw', asyncInsert }, batchOf(lines))).toEqual({ outcome: 'ack' });
  }
  const rows = await server.query('SELECT raw, level FROM whole ORDER BY level');
  expect(rows).toEqual([lines[0], lines[0], lines[1], lines[1]].map((raw, i) => ({ raw, level: i < 2 ? 30 : 50 })));
});

it('fits the tables that its page gives', async () => {
  const page = await readFile(new URL('../../docs/transports/clickhouse.md', import.meta.url), 'utf8');
  const statements = [...page.matchAll(/```sql\n(.*?);[^;]*?```/gs)].map(([, sql]) => sql!.replace(/--.*$/gm, ''));
  expect(statements).toHaveLength(2);
  for (const [i, sql] of statements.entries()) await server.query(sql.replace('TABLE logs', `TABLE page${i}`));
  const batch = batchOf([`{"level":30,"time":${Date.now()},"pid":7,"hostname":"h","orderId":42,"msg":"paid"}`]);
  for (const options of [{ table: 'page0' }, { table: 'page1', column: 'raw' }]) {
    for (let i = 0; i < 2; i++) expect(await sendOnce(options, batch)).toEqual({ outcome: 'ack' });
    const rows = await server.query(
      `SELECT level, toUnixTimestamp64Milli(ts) > 1700000000000 AS recent FROM ${options.table}`,
    );
    expect(rows).toEqual([{ level: 30, recent: 1 }]);
  }
  expect(await server.query('SELECT msg FROM page0 WHERE orderId = 42')).toEqual([{ msg: 'paid' }]);
});

it('refuses rows that do not fit, and targets that are not there', async () => {
  await server.query(
    `CREATE TABLE typed (n Int64, even Int64, CONSTRAINT c CHECK even % 2 = 0) ENGINE = MergeTree ORDER BY n`,
  );
  const at = (table: string, line: string, options: Partial<ClickhouseOptions> = {}) =>
    sendOnce({ table, ...options }, batchOf([line, line]));
  expect(await at('typed', '{"n":1,"even":2,"unknown":{"a":1}}')).toEqual({ outcome: 'ack' });
  expect(await at('typed', '{"n":"abc"}')).toMatchObject({ outcome: 'split' });
  expect(await at('typed', '{"n":1,"even":3}')).toMatchObject({ outcome: 'split' });
  expect(await at('missing', '{"n":1}')).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('missing') });
  expect(await at('typed', '{"n":1}', { database: 'nowhere' })).toMatchObject({ outcome: 'hold' });
  expect(await at('typed', '{"n":1}', { settings: { no_such_setting: '1' } })).toMatchObject({ outcome: 'hold' });
  expect(await at('typed', '{"n":1}', { basicAuth: { username: 'default', password: 'wrong' } })).toMatchObject({
    outcome: 'hold',
  });
});

async function sendOnce(
  options: Omit<ClickhouseOptions, 'url'>,
  batch: ReturnType<typeof batchOf>,
  compression: 'auto' | 'gzip' | 'deflate' | 'none' = 'auto',
) {
  return verdictOf(clickhouse({ url: server.url, basicAuth, ...options }), batch, { compression });
}
