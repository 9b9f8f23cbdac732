// The cloudwatch transport on moto's CloudWatch Logs, and its requests as the service model of AWS has them.

import { join } from 'node:path';
import { type HttpWire, imbalance, pipeline } from '@spillway/core';
import { batchOf, logBatch, recordingServer } from '@spillway/testing';
import { type CloudwatchOptions, cloudwatch } from '@spillway/transports';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { numbered, verdictOf } from './delivery.js';
import { readModel, violations } from './service-model.js';

const credentials = { accessKeyId: 'AKID', secretAccessKey: 'hunter2' };
let server: Awaited<ReturnType<typeof servers.moto.start>>;
beforeAll(async () => {
  server = await servers.moto.start();
}, servers.OBTAIN_TIMEOUT_MS);
afterAll(() => server?.dispose());

function place(options: Partial<CloudwatchOptions> & { logGroup: string }) {
  return cloudwatch({ logStream: 'pod-1', region: 'us-east-1', endpoint: server.url, credentials, ...options });
}

async function numbersIn(logGroup: string): Promise<number[]> {
  const events = await server.events(logGroup, 'pod-1');
  return events.map(({ message }) => (JSON.parse(message) as { n: number }).n);
}

async function sendOnce(options: Partial<CloudwatchOptions> & { logGroup: string }, batch: ReturnType<typeof batchOf>) {
  return verdictOf(place(options), batch);
}

it('loses nothing through an outage, lost answers and a restart', async () => {
  const logs = pipeline(place({ logGroup: 'trouble', retentionDays: 30 }), {
    batch: { lingerMs: 20, maxRecords: 250 },
    retry: { attempts: 3, minMs: 50, maxMs: 500 },
    breaker: { failures: 3, cooldownMs: 300, probeMs: 300 },
    send: { timeoutMs: 3000 },
    warnings: 'off',
  });
  let written = 0;
  const write = (count: number) => {
    for (let i = 0; i < count; i++) logs.write(numbered(written++));
  };
  write(2000);
  await logs.flush({ timeoutMs: 60_000 });
  // Paused, it takes requests and answers none: some are stored later without our hearing of it.
  await server.pause();
  write(2000);
  logs.write(`{"msg":"${'x'.repeat(1_048_576)}"}\n`);
  await servers.until(() => logs.stats().breaker !== 'closed', { what: 'the outage to be noticed' });
  server.resume();
  write(1000);
  expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);
  const beforeRestart = await numbersIn('trouble');
  const kept = new Set(beforeRestart);
  expect(Array.from({ length: written }, (_, n) => n).filter((n) => !kept.has(n))).toEqual([]);
  // Repetitions are what is known to be possible: whole batches that were under way when the answers stopped.
  expect(beforeRestart.length - written).toBeLessThanOrEqual(2 * 3 * 250);
  const { logGroups } = await server.logs<{ logGroups: { retentionInDays: number }[] }>('DescribeLogGroups', {
    logGroupNamePrefix: 'trouble',
  });
  expect(logGroups.map(({ retentionInDays }) => retentionInDays)).toEqual([30]);

  // moto forgets everything: group and stream have to be made again under way.
  await server.kill();
  write(1000);
  await servers.until(() => logs.stats().breaker !== 'closed', { what: 'the second outage to be noticed' });
  await server.restart();
  expect((await logs.flush({ timeoutMs: 60_000 })).settled).toBe(true);
  expect((await numbersIn('trouble')).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 1000 }, (_, n) => written - 1000 + n),
  );
  const { stats } = await logs.close();
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
  expect(stats).toMatchObject({ acked: { records: written }, rejected: { records: 1 }, dropped: { records: 0 } });
});

it('stores messages as they are, whatever they hold, and in the order of their times', async () => {
  const now = Date.now();
  const lines = Array.from({ length: 40 }, (_, n) =>
    JSON.stringify({ n, message: 'quote " backslash \\ line\u2028 🌍 grüße \u0001' }),
  );
  const times = lines.map((_, n) => now - ((n * 7) % 40) * 1000);
  expect(await sendOnce({ logGroup: 'exact' }, batchOf(lines, { times }))).toEqual({ outcome: 'ack' });
  const events = await server.events('exact', 'pod-1');
  expect(events.map(({ timestamp }) => timestamp)).toEqual(times.toSorted((a, b) => a - b));
  expect(events.map(({ message }) => message).toSorted()).toEqual(lines.toSorted());
});

it('says which records came from the future', async () => {
  const batch = batchOf(['{"n":0}', '{"n":1}', '{"n":2}'], { times: [Date.now(), Date.now() + 1e8, Date.now()] });
  expect(await sendOnce({ logGroup: 'ahead' }, batch)).toEqual({
    outcome: 'partial',
    retry: [],
    reject: [1],
    reason: '200: more than 2 hours ahead',
  });
  expect(await numbersIn('ahead')).toEqual([0, 2]);
});

it('holds what has no place, if it is told not to make one', async () => {
  expect(await sendOnce({ logGroup: 'missing', create: false }, batchOf(['{}']))).toMatchObject({
    outcome: 'hold',
    reason: expect.stringMatching(/^400 ResourceNotFoundException: /),
  });
});

it('writes requests as the service model of AWS has them', async () => {
  const { directory } = await servers.moto.obtain();
  const model = readModel(join(directory, 'site/botocore/data/logs/2014-03-28/service-2.json.gz'));
  const check = (name: string, body: Buffer) => violations(model, name, JSON.parse(body.toString()));
  // It can fail.
  expect(check('PutLogEvents', Buffer.from('{"logGroupName":"a b","logEvents":[],"x":1}'))).toHaveLength(4);

  const entity = { keyAttributes: { Type: 'Service', Name: 'shop' }, attributes: { 'EC2.InstanceId': 'i-1' } };
  const transports = [place({ logGroup: '/shop/api' }), place({ logGroup: 'g', entity })];
  fc.assert(
    fc.property(logBatch, (batch) => {
      for (const transport of transports) {
        expect(check('PutLogEvents', (transport.encode(batch) as HttpWire).body)).toEqual([]);
      }
    }),
  );
  const missing = { status: 400, body: '{"__type":"ResourceNotFoundException"}' };
  await using recorder = await recordingServer([missing, missing, { status: 200, body: '{}' }]);
  await sendOnce({ logGroup: 'g', endpoint: recorder.url, retentionDays: 30 }, batchOf(['{}']));
  const calls = recorder.requests.map(({ headers, body }) => {
    const [prefix, name] = headers['x-amz-target']!.split('.');
    return [prefix, name, check(name!, body)];
  });
  const names = ['PutLogEvents', 'CreateLogStream', 'CreateLogGroup', 'PutRetentionPolicy', 'CreateLogStream'];
  expect(calls).toEqual([...names, 'PutLogEvents'].map((name) => ['Logs_20140328', name, []]));
});
