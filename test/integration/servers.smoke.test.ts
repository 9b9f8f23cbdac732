// Every real server the integration tests rely on is obtained, started, written to once and read back.
// A server that cannot be had fails its test: an integration suite without its server proves nothing.

import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { FluentClient } from '@fluent-org/logger';
import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import {
  clickhouse,
  fluent,
  graylog,
  kafka,
  loki,
  moto,
  OBTAIN_TIMEOUT_MS,
  opensearch,
  otelcol,
  redis,
  rsyslog,
  syslogNg,
  until,
  victorialogs,
} from '../servers/index.js';

test('loki takes a push and gives it back, also after a restart', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await loki.start();
  const ns = BigInt(Date.now()) * 1_000_000n + 123n;
  const values = [
    [String(ns), 'first', { trace: 't1' }],
    [String(ns + 1n), 'second'],
  ];
  const reply = await pushToLoki(server.url, { stream: { app: 'smoke' }, values });
  expect(reply.status).toBe(204);

  const entries = await server.query({ query: '{app="smoke"}' });
  expect(entries.map(({ ns, line }) => [ns, line])).toEqual([
    [ns, 'first'],
    [ns + 1n, 'second'],
  ]);
  expect(entries[0]?.labels.app).toBe('smoke');
  expect(entries[0]?.metadata.trace).toBe('t1');

  await server.kill();
  await server.restart();
  expect(await server.count({ query: '{app="smoke"}' })).toBe(2);

  // More than a page, and more than a page at one instant.
  const many = Array.from({ length: 12_000 }, (_, i) => [String(i < 6000 ? ns : ns + BigInt(i)), `line ${i}`]);
  await pushToLoki(server.url, { stream: { app: 'pages' }, values: many });
  const lines = (await server.query({ query: '{app="pages"}' })).map(({ line }) => line);
  expect(new Set(lines).size).toBe(12_000);
  expect(lines.length).toBe(12_000);
  await server.dispose();
});

test('loki with strict limits refuses a line over 16 KB', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await loki.start({ limits: 'strict' });
  const reply = await pushToLoki(server.url, {
    stream: { app: 'smoke' },
    values: [[`${Date.now()}000000`, 'x'.repeat(16_385)]],
  });
  expect(reply.status).toBe(400);
  expect(await reply.text()).toContain('max entry size');
  await server.dispose();
});

test('victorialogs takes JSON lines and gives them back', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await victorialogs.start();
  const rows = [1, 2].map((n) =>
    JSON.stringify({ ts: new Date().toISOString(), app: 'smoke', msg: `line ${n}`, at: { n } }),
  );
  const fields = '_stream_fields=app&_time_field=ts&_msg_field=msg';
  const reply = await fetch(`${server.url}/insert/jsonline?${fields}`, { method: 'POST', body: rows.join('\n') });
  expect(reply.status).toBe(200);

  await server.pause();
  await expect(fetch(`${server.url}/health`, { signal: AbortSignal.timeout(300) })).rejects.toThrow('timeout');
  server.resume();
  await until(async () => (await server.count('app:=smoke')) === 2, { what: 'both rows' });
  const found = await server.query('app:=smoke | sort by (_msg)');
  expect(found.map((row) => [row._msg, row['at.n']])).toEqual([
    ['line 1', '1'],
    ['line 2', '2'],
  ]);
  await server.dispose();
});

test('redis takes an entry of a stream and keeps it over a restart', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await redis.start();
  const id = await server.command('XADD', 'logs', '*', 'line', 'hi "there"');
  await server.restart();
  expect(await server.command('XRANGE', 'logs', '-', '+')).toEqual([[id, ['line', 'hi "there"']]]);
  await expect(server.command('NOSUCH')).rejects.toThrow('unknown command');
  await server.dispose();
});

test('rsyslog takes octet-counted messages, over TLS too', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await rsyslog.start();
  const ca = readFileSync(server.tls.ca);
  connectTcp(server.ports.tcp, '127.0.0.1').end(octetCounted('over\ntcp'));
  connectTls({ port: server.ports.tls, host: '127.0.0.1', ca }).end(octetCounted('over tls'));
  const client = { cert: readFileSync(server.tls.clientCert), key: readFileSync(server.tls.clientKey) };
  connectTls({ port: server.ports.mtls, host: '127.0.0.1', ca, ...client }).end(octetCounted('over mtls'));

  const messages = await until(() => (server.messages().length === 3 ? server.messages() : undefined), {
    what: 'three messages',
  });
  expect(Object.fromEntries(messages.map(({ input, msg }) => [input, msg]))).toEqual({
    tcp: 'over\ntcp',
    tls: 'over tls',
    mtls: 'over mtls',
  });
  expect(messages[0]).toMatchObject({ appname: 'shop', severity: 6, 'rfc5424-sd': { 'm@1': { k: 'a"b' } } });
  await server.dispose();
});

test('syslog-ng takes octet-counted messages, over TLS too', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await syslogNg.start();
  connectTcp(server.ports.tcp, '127.0.0.1').end(octetCounted('over\ntcp'));
  const ca = readFileSync(server.tls.ca);
  connectTls({ port: server.ports.tls, host: '127.0.0.1', ca }).end(octetCounted('over tls'));

  const messages = await until(() => (server.messages().length === 2 ? server.messages() : undefined), {
    what: 'two messages',
  });
  expect(messages.map(({ MESSAGE }) => MESSAGE).sort()).toEqual(['over\ntcp', 'over tls']);
  expect(messages[0]).toMatchObject({ PROGRAM: 'shop', _SDATA: { 'm@1': { k: 'a"b' } } });
  await server.dispose();
});

test('otelcol takes OTLP and Splunk events with acknowledgement', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await otelcol.start();
  const logRecord = { timeUnixNano: '1700000000000000001', severityNumber: 9, body: { stringValue: 'hi' } };
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] };
  const sent = await fetch(`${server.url}/v1/logs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords: [logRecord] }] }] }),
  });
  expect(sent.status).toBe(200);
  await until(() => server.records('otlp').length === 1, { what: 'the OTLP record' });
  expect(server.records('otlp')[0]).toMatchObject({ ...logRecord, resource: resource.attributes });

  const hec = `http://127.0.0.1:${server.ports.hec}/services/collector`;
  const headers = { authorization: 'Splunk t', 'x-splunk-request-channel': '11111111-1111-4111-8111-111111111111' };
  const event = await fetch(`${hec}/event`, {
    method: 'POST',
    headers,
    body: '{"event":{"a":"b"},"time":1700000000.5}',
  });
  const { ackId } = (await event.json()) as { ackId: number };
  const acked = async (): Promise<boolean> => {
    const reply = await fetch(`${hec}/ack`, { method: 'POST', headers, body: JSON.stringify({ acks: [ackId] }) });
    return ((await reply.json()) as { acks: Record<string, boolean> }).acks[ackId] === true;
  };
  await until(acked, { what: 'the acknowledgement' });
  const [record] = await until(() => server.records('hec').length === 1 && server.records('hec'), {
    what: 'the Splunk event',
  });
  expect(record?.timeUnixNano).toBe('1700000000500000000');
  await server.dispose();
});

test('kafka takes records, keeps them over a restart and fails on demand', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await kafka.start();
  const client = new Kafka({ brokers: [...server.brokers], logLevel: logLevel.NOTHING });
  const producer = client.producer({ retry: { retries: 0 } });
  await producer.connect();
  const message = { key: 'k', value: 'line 1', headers: { level: 'info' } };
  await producer.send({ topic: 'logs', messages: [message] });
  await server.failProduce(29, 1);
  await expect(producer.send({ topic: 'logs', messages: [message] })).rejects.toThrow('authorized');
  await server.clearFaults();
  await producer.send({ topic: 'logs', messages: [{ value: 'line 2' }] });
  await producer.disconnect();

  await server.kill();
  await server.restart();
  const records = await server.records('logs');
  expect(records.map(({ key, value, headers }) => ({ key, value, headers }))).toEqual([
    message,
    { key: null, value: 'line 2', headers: {} },
  ]);
  await server.dispose();
});

test('opensearch takes a bulk with a bad item and keeps the good one over a restart', {
  timeout: OBTAIN_TIMEOUT_MS,
}, async () => {
  const server = await opensearch.start();
  await server.request('PUT', '/_index_template/logs', {
    index_patterns: ['logs-*'],
    data_stream: {},
    template: { settings: { number_of_replicas: 0 }, mappings: { properties: { n: { type: 'long' } } } },
  });
  const lines = ['{"create":{"_id":"a"}}', '{"@timestamp":"2026-11-22T10:00:00Z","n":1}'];
  const bad = ['{"create":{"_id":"b"}}', '{"@timestamp":"2026-11-22T10:00:00Z","n":"x"}'];
  const reply = await fetch(`${server.url}/logs-shop/_bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: `${[...lines, ...bad].join('\n')}\n`,
  });
  const { items } = (await reply.json()) as { items: { create: { status: number } }[] };
  expect(items.map(({ create }) => create.status)).toEqual([201, 400]);

  await server.restart();
  expect(await server.count('logs-shop')).toBe(1);
  expect(await server.documents('logs-shop')).toMatchObject([{ _id: 'a', _source: { n: 1 } }]);
  await server.dispose();
});

test('clickhouse takes rows, once by their token, and keeps them over a restart', {
  timeout: OBTAIN_TIMEOUT_MS,
}, async () => {
  const server = await clickhouse.start({ password: 'secret' });
  const settings = 'SETTINGS non_replicated_deduplication_window = 100';
  await server.query(`CREATE TABLE logs (time DateTime64(3), msg String) ENGINE = MergeTree ORDER BY time ${settings}`);
  const insert = (password: string): Promise<Response> =>
    fetch(`${server.url}/?query=INSERT+INTO+logs+FORMAT+JSONEachRow&insert_deduplication_token=w-1-1`, {
      method: 'POST',
      headers: { 'content-encoding': 'gzip', 'x-clickhouse-key': password },
      body: gzipSync('{"time":"2026-11-22T10:00:00.123Z","msg":"hi"}\n'),
    });
  expect([(await insert('secret')).status, (await insert('secret')).status]).toEqual([200, 200]);
  const refused = await insert('wrong');
  expect([refused.status, refused.headers.get('x-clickhouse-exception-code')]).toEqual([403, '516']);

  await server.restart();
  expect(await server.query('SELECT time, msg FROM logs')).toEqual([{ time: '2026-11-22 10:00:00.123', msg: 'hi' }]);
  await server.dispose();
});

test('moto takes events of CloudWatch Logs and objects of S3', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await moto.start();
  const stream = { logGroupName: 'shop', logStreamName: 'one' };
  await server.logs('CreateLogGroup', { logGroupName: 'shop' });
  await server.logs('CreateLogStream', stream);
  const timestamp = Date.now();
  await server.logs('PutLogEvents', { ...stream, logEvents: [{ timestamp, message: 'hi' }] });
  expect(await server.events('shop', 'one')).toMatchObject([{ timestamp, message: 'hi' }]);

  await server.createBucket('shop-logs');
  const authorization =
    'AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=s';
  await fetch(`${server.url}/shop-logs/2026/11/a.ndjson`, {
    method: 'PUT',
    headers: { authorization },
    body: 'a line\n',
  });
  expect(await server.objectKeys('shop-logs')).toEqual(['2026/11/a.ndjson']);
  expect((await server.objectBytes('shop-logs', '2026/11/a.ndjson')).toString()).toBe('a line\n');
  await server.dispose();
});

test('fluent acknowledges events, with a login over TLS too', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await fluent.start();
  const ack = { ackTimeout: 10_000 };
  const plain = new FluentClient('app', { socket: { host: '127.0.0.1', port: server.ports.tcp }, ack });
  await plain.emit({ msg: 'over tcp' });
  await plain.disconnect();

  const security = { clientHostname: 'client1', sharedKey: 'shared-key', username: 'shop', password: 'shop-password' };
  const tls = { ca: readFileSync(server.tls.ca) };
  const socket = { host: '127.0.0.1', port: server.ports.tls, tls };
  const secure = new FluentClient('app', { socket, security, ack });
  await secure.emit({ msg: 'over tls' });
  await secure.disconnect();

  const events = await until(() => server.events().length === 2 && server.events(), { what: 'both events' });
  expect(events.map(({ input, tag, record }) => [input, tag, record.msg])).toEqual([
    ['tcp', 'app', 'over tcp'],
    ['tls', 'app', 'over tls'],
  ]);
  await server.dispose();
});

test('graylog reads GELF over HTTP, and keeps what Graylog keeps', { timeout: OBTAIN_TIMEOUT_MS }, async () => {
  const server = await graylog.start();
  const message = { version: '1.1', host: 'web-1', short_message: 'hi', timestamp: 1.5, level: 6, _n: 1, _on: true };
  const body = JSON.stringify(message);
  const reply = await fetch(`http://127.0.0.1:${server.ports.http}/gelf`, { method: 'POST', body });
  expect(reply.status).toBe(202);
  const [stored] = await until(() => server.messages().length === 1 && server.messages(), { what: 'the message' });
  expect(stored).toEqual({
    input: 'http',
    fields: { source: 'web-1', message: 'hi', timestamp: 1500, level: 6, n: 1 },
  });
  await server.dispose();
});

function octetCounted(message: string): string {
  const frame = `<134>1 2026-11-22T10:00:00.000123Z host shop 42 id [m@1 k="a\\"b"] ${message}`;
  return `${Buffer.byteLength(frame)} ${frame}`;
}

function pushToLoki(url: string, stream: object): Promise<Response> {
  return fetch(`${url}/loki/api/v1/push`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ streams: [stream] }),
  });
}
