// The datadog transport on VictoriaLogs, which takes what Datadog's intake takes, if all values are text. Datadog itself
// exists as a service only.

import { batchOf } from '@spillway/testing';
import { type DatadogOptions, datadog } from '@spillway/transports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, verdictOf } from './delivery.js';

let server: Awaited<ReturnType<typeof servers.victorialogs.start>>;
beforeAll(async () => {
  server = await servers.victorialogs.start();
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

const options = (): DatadogOptions => ({ url: `${server.url}/insert/datadog/api/v2/logs`, environment: false });
const textOnly = (n: number) => `${JSON.stringify({ n: String(n), msg: `record ${n} says "hello" \\ grüße 🌍` })}\n`;

it('gets every record through outages', async () => {
  const delivered = await deliverThroughTrouble({
    transport: datadog({ ...options(), tags: { app: 'trouble' }, idField: 'uid' }),
    server,
    line: textOnly,
    // What it acknowledged lies in memory for a while (-inmemoryDataFlushInterval) and goes with a SIGKILL.
    secondEnd: 'stop',
    readBack: async () => (await server.query('app:=trouble | fields n')).map(({ n }) => Number(n)),
  });
  expectComplete(delivered);
  // It has no key to recognize a repetition by: what was in flight when it ended may be there twice, with its id.
  expect(delivered.earlyDuplicates).toBe(0);
  expect(delivered.duplicates).toBeLessThanOrEqual(2 * 500);
  const ids = (await server.query('app:=trouble | fields uid')).map(({ uid }) => uid);
  expect(new Set(ids).size).toBe(delivered.written);
});

it.each(['auto', 'gzip', 'deflate', 'none'] as const)('reads logs as they are, compression %s', async (compression) => {
  const app = `exact-${compression}`;
  const lines = Array.from({ length: 20 }, (_, i) => `{"n":"${i}","url":"/a?b=\\"c\\"","msg":"grüße ${i} 🌍"}`);
  const times = lines.map((_, i) => Date.now() + i);
  const transport = datadog({ ...options(), service: 'shop', hostname: 'web-1', tags: { app, env: 'test' } });
  const batch = batchOf(lines, { times, levels: lines.map((_, i) => 10 + 10 * (i % 6)) });
  expect(await verdictOf(transport, batch, { compression })).toEqual({ outcome: 'ack' });
  const rows = await servers.until(
    async () => {
      const found = await server.query(`app:=${app} | sort by (_time)`);
      return found.length === 20 && found;
    },
    { what: 'the rows' },
  );
  expect(rows.map(({ _msg }) => _msg)).toEqual(lines.map((_, i) => `grüße ${i} 🌍`));
  expect(rows.map(({ _time }) => Date.parse(_time!))).toEqual(times);
  expect(rows.slice(0, 6).map(({ status }) => status)).toEqual(['debug', 'debug', 'info', 'warn', 'error', 'critical']);
  expect(rows[7]).toMatchObject({
    ...{ ddsource: 'nodejs', service: 'shop', hostname: 'web-1', env: 'test', n: '7', url: '/a?b="c"' },
  });
});
