// The fluent transport on real receivers: the Fluent project's own server, and the OpenTelemetry Collector.

import { pipeline, type SendSettings } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type FluentOptions, fluent } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, expectFewTwice, impatient, numbered, verdictOf } from './delivery.js';

type FluentServer = Awaited<ReturnType<typeof servers.fluent.start>>;
type Otelcol = Awaited<ReturnType<typeof servers.otelcol.start>>;

const time = Date.now();
const lines = [
  `{"level":30,"time":${time},"msg":"grüße 🌍 \\"quoted\\" \\\\ \\u00e9\\n","nested":{"list":[1,-2,3.5,true,null,"x"]},"big":9007199254740993}`,
  `{"level":50,"time":${time},"msg":"${'long '.repeat(20_000)}"}`,
  `{}`,
  ...Array.from({ length: 100 }, (_, i) => `{"level":30,"time":${time + i},"n":${i}}`),
];

describe("the Fluent project's server", () => {
  let server: FluentServer;
  beforeAll(async () => {
    server = await servers.fluent.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const login = { sharedKey: 'shared-key', username: 'shop', password: 'shop-password' };
  const ways: Record<string, () => FluentOptions> = {
    plain: () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}` }),
    login: () => ({ url: `tcp://127.0.0.1:${server.ports.auth}`, ...login }),
    'login over TLS': () => ({ url: `tls://localhost:${server.ports.tls}`, tls: { ca: server.tls.ca }, ...login }),
    'lines, without acknowledgement': () => ({ ...ways.plain!(), record: 'line', requireAck: false }),
  };
  const from = (tag: string) => server.events().filter((event) => event.tag === tag);

  it.each(Object.entries(ways))('gets every record through outages (%s)', async (name, way) => {
    const tag = `trouble.${name.replace(/\W+/g, '-')}`;
    const { record } = way();
    const delivered = await deliverThroughTrouble({
      transport: fluent({ ...way(), tag }),
      server,
      // It writes right after it acknowledged, in the same turn: a signal falls between turns, a kill anywhere.
      secondEnd: 'stop',
      recordsPerPart: 2000,
      readBack: async () =>
        from(tag).map((event) => {
          const fields = record === 'line' ? JSON.parse(String(event.record.log)) : event.record;
          return (fields as { n: number }).n;
        }),
    });
    expectComplete(delivered);
    expectFewTwice(delivered);
  });

  it.each([
    ['fields', 'gzip'],
    ['fields', 'none'],
    ['line', 'gzip'],
  ] as const)('gets %s as they are, compression %s', async (record, compression) => {
    const tag = `exact.${record}.${compression}`;
    const verdict = await sendOnce({ ...ways.plain!(), tag, record, idField: 'eid' }, lines, { compression });
    expect(verdict).toEqual({ outcome: 'ack' });
    const events = await servers.until(() => (from(tag).length === lines.length ? from(tag) : undefined), {
      what: 'all events',
    });
    for (const [i, event] of events.entries()) {
      const fields = record === 'line' ? { log: lines[i] } : JSON.parse(lines[i]!);
      expect(event.record).toEqual({ ...fields, eid: `direct-${i + 1}` });
    }
    expect(events[0]?.ns).toBe(String(BigInt(time) * 1_000_000n + 1n));
  });

  it.each([
    ['key', { ...login, sharedKey: 'other' }],
    ['password', { ...login, password: 'other' }],
    ['user', { ...login, username: 'other' }],
  ])('lets nobody in with a wrong %s, and nothing is lost', async (_, wrong) => {
    const tag = 'refused';
    const logs = pipeline(fluent({ url: `tcp://127.0.0.1:${server.ports.auth}`, tag, ...wrong }), impatient);
    logs.write(numbered(0));
    await servers.until(() => logs.stats().lastError !== undefined, { what: 'the refusal' });
    expect(logs.stats()).toMatchObject({ acked: { records: 0 }, rejected: { records: 0 } });
    expect(logs.stats().lastError).not.toMatch(/other|shared-key|shop-password/);
    await logs.close({ deadlineMs: 1 });
    expect(from(tag)).toEqual([]);
  });

  it('that stalls and is then killed costs nothing', async () => {
    const tag = 'stall';
    await using logs = pipeline(fluent({ ...ways.plain!(), tag }), impatient);
    await server.pause();
    for (let i = 0; i < 500; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 1, { what: 'a second attempt' });
    expect(logs.stats().acked.records).toBe(0);
    await server.kill();
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    const numbers = () => new Set(from(tag).map(({ record }) => record.n));
    await servers.until(() => numbers().size === 500, { what: '500 events' });
  });
});

describe('the OpenTelemetry Collector', () => {
  let server: Otelcol;
  beforeAll(async () => {
    server = await servers.otelcol.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const url = () => `tcp://127.0.0.1:${server.ports.fluent}`;
  const from = (tag: string) =>
    server
      .records('fluent')
      .filter(({ attributes = [] }) =>
        attributes.some(({ key, value }) => key === 'fluent.tag' && value.stringValue === tag),
      );

  it('gets every record through outages', async () => {
    const delivered = await deliverThroughTrouble({
      transport: fluent({ url: url(), tag: 'trouble' }),
      server,
      // It acknowledges what its exporter has not written to its file yet.
      secondEnd: 'stop',
      recordsPerPart: 2000,
      readBack: async () =>
        from('trouble').map(({ attributes = [] }) =>
          Number(attributes.find(({ key }) => key === 'n')?.value.intValue ?? Number.NaN),
        ),
    });
    expectComplete(delivered);
    expectFewTwice(delivered);
  });

  it.each(['gzip', 'none'] as const)('gets fields as they are, compression %s', async (compression) => {
    const tag = `exact.${compression}`;
    expect(await sendOnce({ url: url(), tag }, lines, { compression })).toEqual({ outcome: 'ack' });
    const records = await servers.until(() => (from(tag).length === lines.length ? from(tag) : undefined), {
      what: 'all records',
    });
    const attributes = Object.fromEntries((records[0]?.attributes ?? []).map(({ key, value }) => [key, value]));
    expect(attributes).toMatchObject({
      level: { intValue: '30' },
      msg: { stringValue: 'grüße 🌍 "quoted" \\ é\n' },
      big: { intValue: '9007199254740993' },
    });
    expect(JSON.stringify(attributes.nested)).toContain('3.5');
    expect(records[0]?.timeUnixNano).toBe(String(BigInt(time) * 1_000_000n + 1n));
  });
});

async function sendOnce(options: FluentOptions, lines: readonly string[], settings: Partial<SendSettings>) {
  return verdictOf(fluent(options), batchOf(lines, { writer: 'direct' }), settings);
}
