// The syslog transport on real receivers: rsyslog and syslog-ng, over everything that they listen on.

import { pipeline } from '@spillway/core';
import { batchOf } from '@spillway/testing';
import { type SyslogOptions, syslog } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, expectFewTwice, impatient, numbered, verdictOf } from './delivery.js';

type Rsyslog = Awaited<ReturnType<typeof servers.rsyslog.start>>;
type SyslogNg = Awaited<ReturnType<typeof servers.syslogNg.start>>;

const numberOf = (text: string) => (JSON.parse(text) as { n: number }).n;

describe('rsyslog', () => {
  let server: Rsyslog;
  beforeAll(async () => {
    server = await servers.rsyslog.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const client = () => ({ ca: server.tls.ca, cert: server.tls.clientCert, key: server.tls.clientKey });
  const ways: Record<string, () => SyslogOptions> = {
    tcp: () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}` }),
    'tcp-newline': () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}`, framing: 'newline' }),
    'tcp-read': () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}`, confirm: 'read' }),
    tls: () => ({ url: `tls://localhost:${server.ports.tls}`, tls: { ca: server.tls.ca } }),
    mtls: () => ({ url: `tls://localhost:${server.ports.mtls}`, tls: client() }),
    unix: () => ({ url: `unix://${server.socketPath}` }),
    relp: () => ({ url: `relp://127.0.0.1:${server.ports.relp}` }),
  };
  // Not through a shutdown: rsyslog reads and forgets what is left of a TLS connection before it ends.
  const tlsRead = (): SyslogOptions => ({ ...ways.mtls!(), confirm: 'read' });
  const from = (app: string) => server.messages().filter(({ appname }) => appname === app);

  it.each(Object.entries(ways))('gets every record through outages (%s)', async (name, way) => {
    const appName = `trouble-${name}`;
    const delivered = await deliverThroughTrouble({
      transport: syslog({ ...way(), appName }),
      server,
      // What it has read but not written to its file dies with a killed rsyslog, whatever the protocol.
      secondEnd: 'stop',
      recordsPerPart: 2000,
      readBack: async () => from(appName).map(({ msg }) => numberOf(msg)),
    });
    expectComplete(delivered);
    expectFewTwice(delivered);
  });

  it('understands every part of a message', async () => {
    const time = Date.now();
    const lines = [
      `{"level":10,"time":${time},"msg":"grüße 🌍 \\"quoted\\" \\\\ \\n","trace_id":"t-1"}`,
      `{"level":60,"time":${time + 1},"msg":"${'long '.repeat(1200)}"}`,
      `{"time":${time + 2}}`,
    ];
    const options: Partial<SyslogOptions> = {
      appName: 'exact',
      hostname: 'web-1.example',
      facility: 'local3',
      processId: '42',
      messageId: 'ID47',
      structuredData: { 'shop@32473': { env: 'a "b" ] \\ c' } },
      structuredDataFrom: { 'ctx@32473': ['trace_id'] },
      recordIdElement: 'shop@32473',
    };
    for (const way of [ways.tcp!, ways['tcp-newline']!, ways.relp!])
      expect(await sendOnce({ ...way(), ...options }, lines)).toEqual({ outcome: 'ack' });
    const messages = await servers.until(() => (from('exact').length === 9 ? from('exact') : undefined), {
      what: '9 messages',
    });
    for (const offset of [0, 3, 6]) {
      const [first, second, third] = messages.slice(offset);
      expect(first).toMatchObject({
        version: '1',
        facility: 19,
        severity: 7,
        timestamp: new Date(time).toISOString(),
        hostname: 'web-1.example',
        procid: '42',
        msgid: 'ID47',
        'rfc5424-sd': { 'shop@32473': { env: 'a "b" ] \\ c', id: 'direct-1' }, 'ctx@32473': { trace_id: 't-1' } },
        msg: lines[0],
      });
      expect(second).toMatchObject({ severity: 2, msg: lines[1] });
      expect(third).toMatchObject({ severity: 6, msg: lines[2] });
    }
  });

  it.each([
    ['relp', () => ways.relp!()],
    ['tcp-read', () => ways['tcp-read']!()],
    ['tls-read', tlsRead],
  ] as const)('that stalls and is then killed loses nothing that was not its own (%s)', async (name, way) => {
    const appName = `stall-${name}`;
    await using logs = pipeline(syslog({ ...way(), appName }), impatient);
    await server.pause();
    for (let i = 0; i < 500; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 1, { what: 'a second attempt' });
    expect(logs.stats().acked.records).toBe(0);
    await server.kill();
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    await expectNumbers(() => from(appName).map(({ msg }) => numberOf(msg)), 500);
  });

  it('over UDP is told when nobody listens, and gets what comes later', async () => {
    const appName = 'udp';
    await using logs = pipeline(syslog({ url: `udp://127.0.0.1:${server.ports.tcp}`, appName }), impatient);
    for (let i = 0; i < 200; i++) logs.write(numbered(i));
    expect(await logs.flush()).toMatchObject({ settled: true });
    await expectNumbers(() => from(appName).map(({ msg }) => numberOf(msg)), 200);
    await server.stop();
    for (let i = 200; i < 300; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 2, { what: 'a second attempt' });
    expect(logs.stats()).toMatchObject({ acked: { records: 200 }, lastError: 'connection refused (ECONNREFUSED)' });
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    await expectNumbers(() => from(appName).map(({ msg }) => numberOf(msg)), 300);
  });

  it('that wants a client certificate holds us up until we have one', async () => {
    const appName = 'held';
    const without = syslog({ url: `tls://localhost:${server.ports.mtls}`, tls: { ca: server.tls.ca }, appName });
    const logs = pipeline(without, impatient);
    logs.write(numbered(0));
    await servers.until(() => logs.stats().breaker === 'held', { what: 'the hold' });
    expect(logs.stats().lastError).toMatch(/^TLS: certificate or protocol refused \(ERR_SSL_TLSV13_ALERT_/);
    await logs.close({ deadlineMs: 1 });
    expect(from(appName)).toEqual([]);
  });
});

describe('syslog-ng', () => {
  let server: SyslogNg;
  beforeAll(async () => {
    server = await servers.syslogNg.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const client = () => ({ ca: server.tls.ca, cert: server.tls.clientCert, key: server.tls.clientKey });
  const ways: Record<string, () => SyslogOptions> = {
    tcp: () => ({ url: `tcp://127.0.0.1:${server.ports.tcp}` }),
    'tcp-newline': () => ({ url: `tcp://127.0.0.1:${server.ports.lines}`, framing: 'newline' }),
    'tls-read': () => ({ url: `tls://localhost:${server.ports.tls}`, confirm: 'read', tls: { ca: server.tls.ca } }),
    mtls: () => ({ url: `tls://localhost:${server.ports.mtls}`, tls: client() }),
  };
  const from = (app: string) => server.messages().filter(({ PROGRAM }) => PROGRAM === app);

  it.each(Object.entries(ways))('gets every record through outages (%s)', async (name, way) => {
    const appName = `trouble-${name}`;
    const delivered = await deliverThroughTrouble({
      transport: syslog({ ...way(), appName }),
      server,
      secondEnd: 'stop',
      recordsPerPart: 2000,
      readBack: async () => from(appName).map(({ MESSAGE }) => numberOf(MESSAGE)),
    });
    expectComplete(delivered);
    expectFewTwice(delivered);
  });

  it('understands every part of a message', async () => {
    const time = Date.now();
    const line = `{"level":40,"time":${time},"msg":"grüße 🌍 \\"quoted\\" \\\\ \\n","trace_id":"t-1"}`;
    const options: SyslogOptions = {
      ...ways.tcp!(),
      appName: 'exact',
      hostname: 'web-1.example',
      facility: 'local3',
      processId: '42',
      messageId: 'ID47',
      structuredData: { 'shop@32473': { env: 'a "b" ] \\ c' } },
      structuredDataFrom: { 'ctx@32473': ['trace_id'] },
    };
    expect(await sendOnce(options, [line])).toEqual({ outcome: 'ack' });
    const [message] = await servers.until(() => (from('exact').length === 1 ? from('exact') : undefined), {
      what: 'a message',
    });
    expect(message).toMatchObject({
      PRIORITY: 'warning',
      FACILITY: 'local3',
      HOST: 'web-1.example',
      PID: '42',
      MSGID: 'ID47',
      MESSAGE: line,
      _SDATA: { 'shop@32473': { env: 'a "b" ] \\ c' }, 'ctx@32473': { trace_id: 't-1' } },
    });
    expect(Date.parse(message!.ISODATE)).toBe(time);
  });
});

async function expectNumbers(read: () => number[], count: number): Promise<void> {
  await servers.until(() => new Set(read()).size >= count, { what: `${count} records` });
  expect([...new Set(read())].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
}

async function sendOnce(options: SyslogOptions, lines: readonly string[]) {
  return verdictOf(syslog(options), batchOf(lines, { writer: 'direct' }));
}
