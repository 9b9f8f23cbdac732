// The otlp transport on a real OpenTelemetry Collector, and on VictoriaLogs and Loki, which take the same protocol.

import { batchOf } from '@spillway/testing';
import { type OtlpOptions, otlp } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, numbered, verdictOf, withLokiOfItsOwn } from './delivery.js';

const encodings = ['protobuf', 'json'] as const;
const traced = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331', trace_flags: '01' };
/** Records of one request in the scenario: what was in flight when a server ended may be stored twice. */
const inFlight = 2 * 500;

describe('an OpenTelemetry Collector', () => {
  let server: Awaited<ReturnType<typeof servers.otelcol.start>>;
  beforeAll(async () => {
    server = await servers.otelcol.start({ maxRequestBytes: 256 * 1024 });
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const find = (service: string) =>
    server.records('otlp').filter(({ resource }) => resource.some(({ value }) => value.stringValue === service));

  it.each([
    { encoding: 'protobuf', body: 'message' },
    { encoding: 'protobuf', body: 'line' },
    { encoding: 'json', body: 'message' },
  ] as const)('gets every record through outages: %j', async (variant) => {
    const service = `trouble-${variant.encoding}-${variant.body}`;
    const delivered = await deliverThroughTrouble({
      transport: otlp({
        ...variant,
        url: server.url,
        environment: false,
        resource: { 'service.name': service },
        recordIds: true,
      }),
      server,
      recordsPerPart: 2000,
      // What it answered for is written to its file a moment later: a SIGKILL would lose that.
      secondEnd: 'stop',
      readBack: async () =>
        find(service).map(({ attributes, body }) =>
          variant.body === 'line'
            ? (JSON.parse(String(body?.stringValue)) as { n: number }).n
            : Number(attributes?.find(({ key }) => key === 'n')?.value.intValue),
        ),
    });
    expectComplete(delivered);
    expect(delivered.earlyDuplicates).toBe(0);
    expect(delivered.duplicates).toBeLessThanOrEqual(inFlight);
    // Repetitions carry the id of the first copy.
    const ids = find(service).map(({ attributes }) => attributes?.find(({ key }) => key === 'log.record.uid')?.value);
    expect(new Set(ids.map((value) => value?.stringValue)).size).toBe(delivered.written);
  });

  it.each(encodings)('reads records as they were meant, in %s', async (encoding) => {
    const service = `exact-${encoding}`;
    const time = Date.now();
    const err = { type: 'Error', message: 'no "such" thing', stack: 'Error: no\n  at x' };
    const lines = [
      JSON.stringify({
        level: 35,
        time,
        pid: 7,
        hostname: 'h',
        ...traced,
        n: 5,
        ratio: 0.5,
        ok: true,
        none: null,
        msg: 'grüße 🌍 "\\',
      }),
      JSON.stringify({
        level: 50,
        time,
        pid: 7,
        hostname: 'h',
        req: { method: 'GET', ids: [1, 'b'] },
        err,
        msg: 'second',
      }),
      '{"level":30,"time":1700000000000,garbage}',
    ];
    for (const body of ['message', 'line'] as const) {
      const options = { url: server.url, encoding, body, resource: { 'service.name': `${service}-${body}` } };
      expect(await sendOnce(options, lines)).toEqual({ outcome: 'ack' });
      await servers.until(() => find(`${service}-${body}`).length === 3, { what: 'the records' });
    }
    const [first, second, third] = find(`${service}-message`);
    expect(first).toMatchObject({
      resource: [
        { key: 'service.name', value: { stringValue: `${service}-message` } },
        { key: 'process.pid', value: { intValue: '7' } },
        { key: 'host.name', value: { stringValue: 'h' } },
      ],
      timeUnixNano: `${time}000000`,
      observedTimeUnixNano: `${time}000000`,
      severityNumber: 11,
      severityText: 'INFO',
      body: { stringValue: 'grüße 🌍 "\\' },
      attributes: [
        { key: 'n', value: { intValue: '5' } },
        { key: 'ratio', value: { doubleValue: 0.5 } },
        { key: 'ok', value: { boolValue: true } },
        { key: 'none', value: {} },
      ],
      traceId: traced.trace_id,
      spanId: traced.span_id,
      flags: 1,
    });
    expect(second?.attributes).toEqual([
      {
        key: 'req',
        value: {
          kvlistValue: {
            values: [
              { key: 'method', value: { stringValue: 'GET' } },
              { key: 'ids', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'b' }] } } },
            ],
          },
        },
      },
      { key: 'exception.type', value: { stringValue: err.type } },
      { key: 'exception.message', value: { stringValue: err.message } },
      { key: 'exception.stacktrace', value: { stringValue: err.stack } },
    ]);
    expect(third?.body).toEqual({ stringValue: lines[2] });
    const inLines = find(`${service}-line`);
    expect(inLines.map(({ body }) => body?.stringValue)).toEqual(lines);
    expect(inLines[0]).toMatchObject({
      traceId: traced.trace_id,
      spanId: traced.span_id,
      flags: 1,
      severityNumber: 11,
    });
  });

  it('has requests over its limit sent in halves', async () => {
    // 400 is its answer to them. A body in gzip counts as it was before.
    const lines = Array.from({ length: 400 }, (_, n) => `{"n":${n},"msg":"${'x'.repeat(1000)}"}`);
    const options = { url: server.url, resource: { 'service.name': 'large' } };
    expect(await sendOnce(options, lines)).toMatchObject({ outcome: 'split' });
    expect(await sendOnce(options, lines.slice(0, 200))).toEqual({ outcome: 'ack' });
  });

  it('tells a wrong path', async () => {
    const verdict = await sendOnce({ url: `${server.url}/v2/logs` }, ['{}']);
    expect(verdict).toMatchObject({ outcome: 'hold', reason: expect.stringContaining('404') as string });
  });
});

describe('VictoriaLogs', () => {
  let server: Awaited<ReturnType<typeof servers.victorialogs.start>>;
  beforeAll(async () => {
    server = await servers.victorialogs.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('gets every record through outages', async () => {
    const delivered = await deliverThroughTrouble({
      transport: otlp({
        url: `${server.url}/insert/opentelemetry/v1/logs`,
        environment: false,
        resource: { 'service.name': 'trouble' },
      }),
      server,
      recordsPerPart: 2000,
      // What it acknowledged lies in memory for a while and goes with a SIGKILL.
      secondEnd: 'stop',
      readBack: async () => (await server.query('service.name:=trouble | fields n')).map(({ n }) => Number(n)),
    });
    expectComplete(delivered);
    expect(delivered.duplicates).toBeLessThanOrEqual(inFlight);
  });

  it('stores fields of their own', async () => {
    const line = JSON.stringify({
      level: 40,
      time: Date.now(),
      ...traced,
      n: -5,
      deep: { a: 'b' },
      list: [1, 2],
      msg: 'grüße',
    });
    const options = { url: `${server.url}/insert/opentelemetry/v1/logs`, resource: { 'service.name': 'exact' } };
    expect(await sendOnce(options, [line])).toEqual({ outcome: 'ack' });
    const row = await servers.until(async () => (await server.query('service.name:=exact'))[0], { what: 'the row' });
    expect(row).toMatchObject({ _msg: 'grüße', severity: 'WARN', n: '-5', 'deep.a': 'b', trace_id: traced.trace_id });
  });
});

it.each(encodings)(
  'Loki gets every record once through outages, in %s',
  (encoding) =>
    withLokiOfItsOwn(async (server) => {
      const delivered = await deliverThroughTrouble({
        transport: otlp({
          url: `${server.url}/otlp/v1/logs`,
          environment: false,
          encoding,
          resource: { 'service.name': 'trouble' },
        }),
        server,
        recordsPerPart: 2000,
        // Requests for a stream must not overlap: see the loki transport.
        options: { send: { timeoutMs: 5000, maxInFlight: 1 } },
        readBack: async () =>
          (await server.query({ query: '{service_name="trouble"}' })).map(({ metadata }) => Number(metadata.n)),
      });
      expectComplete(delivered);
      // Same stream, time, line and metadata: a repeated batch is shown once.
      expect(delivered.duplicates).toBe(0);
    }),
  servers.OBTAIN_TIMEOUT_MS,
);

describe('Loki', () => {
  let server: Awaited<ReturnType<typeof servers.loki.start>>;
  beforeAll(async () => {
    server = await servers.loki.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  it('finds records by what became structured metadata', async () => {
    const lines = [numbered(1).trim(), JSON.stringify({ level: 50, time: Date.now(), ...traced, msg: 'second' })];
    const options = { url: `${server.url}/otlp/v1/logs`, resource: { 'service.name': 'exact' } };
    expect(await sendOnce(options, lines)).toEqual({ outcome: 'ack' });
    const entries = await server.query({ query: `{service_name="exact"} | trace_id="${traced.trace_id}"` });
    expect(entries.map(({ line }) => line)).toEqual(['second']);
    expect(entries[0]?.metadata).toMatchObject({ severity_text: 'ERROR', severity_number: '17' });
  });
});

async function sendOnce(options: OtlpOptions, lines: readonly string[]) {
  return verdictOf(
    otlp({ ...options, environment: false }),
    batchOf(lines, { writer: 'direct', nanos: lines.map(() => 0) }),
  );
}
