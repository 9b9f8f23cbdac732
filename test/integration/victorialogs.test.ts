// The victorialogs transport on a real VictoriaLogs.

import { batchOf } from '@spillway/testing';
import { type VictoriaLogsOptions, victorialogs } from '@spillway/transports';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, verdictOf } from './delivery.js';

let server: Awaited<ReturnType<typeof servers.victorialogs.start>>;
beforeAll(async () => {
  server = await servers.victorialogs.start();
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

it('gets every record through outages', async () => {
  const delivered = await deliverThroughTrouble({
    transport: victorialogs({ url: server.url, extraFields: { app: 'trouble' } }),
    server,
    // What it acknowledged lies in memory for a while (-inmemoryDataFlushInterval) and goes with a SIGKILL.
    secondEnd: 'stop',
    readBack: async () => (await server.query('app:=trouble | fields n')).map(({ n }) => Number(n)),
  });
  expectComplete(delivered);
  // It has no key to recognize a repetition by: what was in flight when it ended may be there twice, no more.
  expect(delivered.duplicates).toBeLessThanOrEqual(2 * 500);
});

it('stores the fields, names the stream, leaves out what is ignored, whatever the compression', async () => {
  for (const compression of ['auto', 'gzip', 'none'] as const) {
    const app = `exact-${compression}`;
    const lines = Array.from(
      { length: 20 },
      (_, i) =>
        `{"level":30,"time":${Date.now() + i},"pid":7,"module":"m${i % 2}","n":${i},"req":{"url":"/a?b=\\"c\\""},"msg":"grüße ${i}"}`,
    );
    await sendOnce(
      { url: server.url, extraFields: { app, env: 'test' }, streamFields: ['module'], ignoreFields: ['pid'] },
      lines,
      compression,
    );
    const rows = await servers.until(
      async () => {
        const found = await server.query(`app:=${app} | sort by (_time)`);
        return found.length === 20 && found;
      },
      { what: 'the rows' },
    );
    expect(rows.map(({ _msg }) => _msg)).toEqual(lines.map((_, i) => `grüße ${i}`));
    expect(rows[1]).toMatchObject({ env: 'test', module: 'm1', 'req.url': '/a?b="c"', n: '1', level: '30' });
    expect(rows[1]?._stream).toBe(`{app="${app}",env="test",module="m1"}`);
    expect(rows[0]).not.toHaveProperty('pid');
    expect(Date.parse(rows[3]!._time!)).toBe((JSON.parse(lines[3]!) as { time: number }).time);
  }
});

it('keeps tenants apart', async () => {
  await sendOnce({ url: server.url, extraFields: { app: 'tenant' }, accountId: 12, projectId: 3 }, [
    `{"time":${Date.now()},"msg":"a"}`,
  ]);
  await sendOnce({ url: server.url, extraFields: { app: 'tenant' } }, [`{"time":${Date.now()},"msg":"b"}`]);
  await servers.until(async () => (await server.count('app:=tenant')) > 0, { what: 'the row of the default tenant' });
  expect(await server.count('app:=tenant')).toBe(1);
});

it('takes lines up to the limit that we hold', async () => {
  const transport = victorialogs({ url: server.url });
  const frame = `{"time":${Date.now()},"app":"longest","msg":""}`;
  const line = frame.replace('""', `"${'z'.repeat(transport.limits.maxRecordBytes - frame.length)}"`);
  expect(Buffer.byteLength(line)).toBe(transport.limits.maxRecordBytes);
  await sendOnce({ url: server.url }, [line]);
  await servers.until(async () => (await server.count('app:=longest')) === 1, { what: 'the longest line' });
});

async function sendOnce(
  options: VictoriaLogsOptions,
  lines: readonly string[],
  compression: 'auto' | 'gzip' | 'none' = 'auto',
) {
  expect(await verdictOf(victorialogs(options), batchOf(lines), { compression })).toEqual({ outcome: 'ack' });
}
