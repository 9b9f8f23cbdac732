// The loki transport on a real Loki.

import { batchOf } from '@spillway/testing';
import { type LokiOptions, loki } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf, withLokiOfItsOwn } from './delivery.js';

type Running = Awaited<ReturnType<typeof servers.loki.start>>;

it.each(['protobuf', 'json'] as const)(
  'Loki gets every record once through outages (%s)',
  (encoding) =>
    withLokiOfItsOwn(async (server) => {
      const delivered = await deliverThroughTrouble({
        transport: loki({ url: server.url, labels: { app: 'trouble' }, encoding }),
        server,
        readBack: async () => {
          const entries = await server.query({ query: '{app="trouble"}' });
          return entries.map(({ line }) => (JSON.parse(line) as { n: number }).n);
        },
      });
      expectComplete(delivered);
      // Same stream, time, line and metadata: Loki shows a repeated batch once.
      expect(delivered.duplicates).toBe(0);
    }),
  servers.OBTAIN_TIMEOUT_MS,
);

describe('a healthy Loki', () => {
  let server: Running;
  beforeAll(async () => {
    server = await servers.loki.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('keeps order, bytes, level and metadata, however the request was encoded', async () => {
    const time = Date.now();
    const lines = [
      `{"level":30,"time":${time},"msg":"first","trace_id":"t-1"}`,
      `{"level":50,"time":${time},"msg":"second \\"quoted\\" \\\\ 🌍 \\u2028"}`,
      `{"level":30,"time":${time},"msg":"third"}`,
      `{"level":35,"time":${time + 1},"msg":"fourth"}`,
    ];
    const variants: Partial<LokiOptions>[] = [{}, { encoding: 'json' }, { snappy: 'literal' }];
    for (const [i, variant] of variants.entries()) {
      const app = `exact-${i}`;
      const reply = await sendOnce(
        server.url,
        { ...variant, labels: { app }, structuredMetadata: ['trace_id'] },
        lines,
      );
      expect(reply).toEqual({ outcome: 'ack' });
      const entries = await server.query({ query: `{app="${app}"}` });
      expect(entries.map(({ line }) => line)).toEqual(lines);
      expect(entries.map(({ metadata }) => metadata.level)).toEqual(['info', 'error', 'info', 'info']);
      expect(entries[0]?.metadata.trace_id).toBe('t-1');
      expect(entries[0]?.ns).toBe(BigInt(time) * 1_000_000n + 1n);
    }
  });

  it('finds records by labels from fields, and by level in the metadata', async () => {
    const time = Date.now();
    const lines = ['a', 'b', 'a'].map((mod, i) => `{"level":${30 + 10 * i},"time":${time + i},"mod":"${mod}"}`);
    await sendOnce(server.url, { labels: { app: 'fields' }, labelsFrom: ['mod'] }, lines);
    expect(await server.count({ query: '{app="fields", mod="a"}' })).toBe(2);
    expect(await server.count({ query: '{app="fields"} | level="error"' })).toBe(1);
  });
});

describe('a strict Loki', () => {
  let server: Running;
  beforeAll(async () => {
    server = await servers.loki.start({ limits: 'strict' });
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('refuses single lines, and we know which', async () => {
    const lines = [
      numbered(0).trim(),
      `{"level":30,"time":${Date.now()},"msg":"${'x'.repeat(17_000)}"}`,
      numbered(2).trim(),
    ];
    expect(await sendOnce(server.url, { labels: { app: 'long' } }, lines)).toMatchObject({
      outcome: 'partial',
      reject: [1],
    });
    expect(await server.count({ query: '{app="long"}' })).toBe(2);
  });

  it('refuses old and future lines, and we know how many', async () => {
    const day = 86_400_000;
    const at = (time: number) => `{"level":30,"time":${time},"msg":"at ${time}"}`;
    const old = [at(Date.now() - 10 * day), at(Date.now() - 9 * day), at(Date.now())];
    expect(await sendOnce(server.url, { labels: { app: 'old' } }, old)).toMatchObject({
      outcome: 'partial',
      reject: 2,
    });
    const future = [at(Date.now()), at(Date.now() + day)];
    expect(await sendOnce(server.url, { labels: { app: 'new' } }, future)).toMatchObject({
      outcome: 'partial',
      reject: 1,
    });
    const single = await sendOnce(server.url, { labels: { app: 'old' } }, [at(Date.now() - 10 * day)]);
    expect(single).toMatchObject({ outcome: 'reject' });
  });

  it('counts what came too far behind the newest of its stream', async () => {
    const at = (time: number) => `{"level":30,"time":${time},"msg":"at ${time}"}`;
    expect(await sendOnce(server.url, { labels: { app: 'late' } }, [at(Date.now())])).toEqual({ outcome: 'ack' });
    const late = [at(Date.now() - 3 * 3_600_000), at(Date.now() - 2 * 3_600_000), at(Date.now())];
    expect(await sendOnce(server.url, { labels: { app: 'late' } }, late)).toMatchObject({
      outcome: 'partial',
      reject: 2,
    });
  });

  it('asks for smaller requests when one exceeds its allowance, and for patience otherwise', async () => {
    const line = (i: number) => `{"level":30,"time":${Date.now()},"n":${i},"msg":"${'y'.repeat(1000)}"}`;
    const large = Array.from({ length: 2500 }, (_, i) => line(i));
    expect(await sendOnce(server.url, { labels: { app: 'large' } }, large)).toMatchObject({ outcome: 'split' });
    const verdicts = [];
    for (let i = 0; i < 6; i++)
      verdicts.push(await sendOnce(server.url, { labels: { app: 'busy' } }, large.slice(0, 800)));
    expect(verdicts.map(({ outcome }) => outcome)).toContain('retry');
    expect(verdicts.map(({ outcome }) => outcome)).not.toContain('hold');
  });

  it('refuses more streams than a tenant may have: later, not at once', async () => {
    const lines = Array.from({ length: 80 }, (_, i) => `{"level":30,"time":${Date.now()},"user":"u${i}"}`);
    const options = { labels: { app: 'streams' }, labelsFrom: ['user'], maxStreams: 100 };
    expect(await sendOnce(server.url, options, lines)).toMatchObject({ outcome: 'retry', afterMs: 30_000 });
  });
});

async function sendOnce(url: string, options: Partial<LokiOptions>, lines: readonly string[]) {
  return verdictOf(loki({ url, ...options }), batchOf(lines, { writer: 'direct' }));
}
