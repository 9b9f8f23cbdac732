// The gelf transport on Graylog's own GELF classes, over everything that its inputs listen on.

import { pipeline, type Verdict } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type GelfOptions, gelf } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, impatient, numbered, verdictOf } from './delivery.js';

describe("Graylog's GELF inputs", () => {
  let server: Awaited<ReturnType<typeof servers.graylog.start>>;
  beforeAll(async () => {
    server = await servers.graylog.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  // What is written counts when nothing went wrong for so long: longer than a Java machine that has just started stalls.
  const confirmMs = 3000;
  const streams: Record<string, () => GelfOptions> = {
    tcp: () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}`, confirmMs }),
    'tcp-read': () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}`, confirm: 'read' }),
    tls: () => ({ url: `tls://localhost:${server.ports.tls}`, confirmMs, tls: { ca: server.tls.ca } }),
    'http-bulk': () => ({ url: `http://127.0.0.1:${server.ports.bulk}`, bulk: true }),
    http: () => ({ url: `http://127.0.0.1:${server.ports.http}` }),
  };
  const ways: typeof streams = {
    ...streams,
    udp: () => ({ url: `udp://127.0.0.1:${server.ports.tcp}` }),
    'udp-gzip': () => ({ url: `udp://127.0.0.1:${server.ports.tcp}`, compress: 'gzip' }),
    'udp-zlib': () => ({ url: `udp://127.0.0.1:${server.ports.tcp}`, compress: 'zlib' }),
    'udp-chunks': () => ({ url: `udp://127.0.0.1:${server.ports.tcp}`, compress: 'none', chunkBytes: 512 }),
  };
  const from = (way: string) => server.messages().filter(({ fields }) => fields.way === way);

  it.each(Object.entries(streams))('get every record through outages (%s)', async (way, options) => {
    const single = way === 'http';
    const delivered = await deliverThroughTrouble({
      transport: gelf({ ...options(), fields: { way: `trouble-${way}` }, idField: 'uid' }),
      server,
      recordsPerPart: single ? 300 : 2000,
      // Over HTTP it answers before it stores; over streams it never says what it has read, let alone stored. With `read`
      // the close that is waited for also comes from a Java machine that shuts down, and from the end of a killed one.
      secondEnd: way === 'tcp-read' ? 'killIdle' : 'stop',
      ...(single && { options: { ...impatient, send: { timeoutMs: 5000 } } }),
      readBack: async () => from(`trouble-${way}`).map(({ fields }) => Number(fields.n)),
    });
    expectComplete(delivered);
    // There is no key, but each copy says which record it is: that many came, no more.
    expect(new Set(from(`trouble-${way}`).map(({ fields }) => fields.uid)).size).toBe(delivered.written);
    // What was under way when it was killed and what was not confirmed by then, twice at most.
    expect(delivered.earlyDuplicates).toBe(0);
    expect(delivered.duplicates).toBeLessThanOrEqual(single ? 8 : 8 * 500);
  });

  it.each(Object.entries(ways))('get fields as they are (%s)', async (way, options) => {
    const time = 1_700_000_000_123;
    const line = {
      level: 50,
      time,
      msg: 'grüße 🌍 "quoted" \\ \n end',
      on: true,
      none: null,
      big: 9_007_199_254_740_991,
      list: [1, 'a'],
      err: { type: 'TypeError', stack: 'TypeError: x\n    at y' },
      id: 'order-1',
      source: 'mine',
      message: 'mine too',
      text: 'long '.repeat(2000),
    };
    const given = { ...options(), host: 'web-1', fields: { way: `exact-${way}` } };
    expect(await sendOnce(given, [JSON.stringify(line)])).toEqual({ outcome: 'ack' });
    const [message] = await servers.until(() => from(`exact-${way}`).length === 1 && from(`exact-${way}`), {
      what: 'the message',
    });
    expect(message).toEqual({
      input: way
        .replace(/^udp-.*/, 'udp')
        .replace('tcp-read', 'tcp')
        .replace('http-bulk', 'bulk'),
      fields: {
        timestamp: time,
        source: 'web-1',
        level: 3,
        message: line.msg,
        way: `exact-${way}`,
        level_: 50,
        on: 'true',
        big: line.big,
        list: '[1,"a"]',
        err_type: 'TypeError',
        err_stack: line.err.stack,
        id_: 'order-1',
        source_: 'mine',
        message_: 'mine too',
        text: line.text.trimEnd(),
      },
    });
  });

  it('get the line as the full message', async () => {
    const line = '{"level":30,"msg":"a \\"b\\" \\\\ ü","deep":{"a":[{}]}}';
    const blank = '{"level":30,"msg":" \\n","n":1}';
    const options: GelfOptions = { ...ways.tcp!(), body: 'line', fields: { way: 'line' } };
    expect(await sendOnce(options, [line, blank])).toEqual({ outcome: 'ack' });
    const messages = await servers.until(() => from('line').length === 2 && from('line'), { what: 'both messages' });
    expect(messages[0]!.fields).toMatchObject({ message: 'a "b" \\ ü', full_message: line });
    expect(messages[1]!.fields).toMatchObject({ message: blank });
  });

  it('over UDP tell when nobody listens, and get what comes later', async () => {
    const transport = gelf({ ...ways.udp!(), fields: { way: 'udp' } });
    await using logs = pipeline(transport, impatient);
    const numbers = () => new Set(from('udp').map(({ fields }) => fields.n));
    for (let i = 0; i < 200; i++) logs.write(numbered(i));
    expect(await logs.flush()).toMatchObject({ settled: true });
    await servers.until(() => numbers().size === 200, { what: '200 messages' });
    await server.stop();
    for (let i = 200; i < 300; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 2, { what: 'a second attempt' });
    expect(logs.stats()).toMatchObject({ acked: { records: 200 }, lastError: 'connection refused (ECONNREFUSED)' });
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    await servers.until(() => numbers().size === 300, { what: '300 messages' });
    expect(from('udp')).toHaveLength(300);
  });

  it('that stall and are then killed lose nothing that was not their own (tcp-read)', async () => {
    await using logs = pipeline(gelf({ ...ways['tcp-read']!(), fields: { way: 'stall' } }), impatient);
    await server.pause();
    for (let i = 0; i < 500; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 1, { what: 'a second attempt' });
    expect(logs.stats().acked.records).toBe(0);
    await server.kill();
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    const numbers = () => new Set(from('stall').map(({ fields }) => fields.n));
    await servers.until(() => numbers().size === 500, { what: '500 messages' });
  });
});

async function sendOnce(options: GelfOptions, lines: readonly string[]): Promise<Verdict> {
  return verdictOf(gelf(options), batchOf(lines, { writer: 'direct' }));
}
