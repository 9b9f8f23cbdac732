// The logstash transport on receivers of the same two shapes: lines over TCP and TLS, JSON arrays over HTTP. They are the
// OpenTelemetry Collector's; Logstash itself cannot be had where these tests run.

import { pipeline } from '@spillway/core';
import { type LogstashOptions, logstash } from '@spillway/transports';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as servers from '../servers/index.js';
import { deliverThroughTrouble, expectComplete, impatient, numbered } from './delivery.js';

type Event = Readonly<Record<string, unknown>>;

describe('the OpenTelemetry Collector', () => {
  let server: Awaited<ReturnType<typeof servers.otelcol.start>>;
  beforeAll(async () => {
    server = await servers.otelcol.start();
  }, servers.OBTAIN_TIMEOUT_MS);
  afterAll(() => server?.dispose());

  const lines = () => server.records('lines').map(({ body }) => JSON.parse(String(body?.stringValue)) as Event);
  const arrays = () =>
    server.records('webhook').flatMap(({ body }) => JSON.parse(String(body?.stringValue)) as Event[]);
  const ofWay = (events: Event[], way: string) => events.filter(({ uid }) => String(uid).startsWith(way));
  const ways: Record<string, { options: () => LogstashOptions; events: () => Event[] }> = {
    tcp: { options: () => ({ url: `tcp://127.0.0.1:${server.ports.lines}` }), events: lines },
    'tcp-read': { options: () => ({ url: `tcp://127.0.0.1:${server.ports.lines}`, confirm: 'read' }), events: lines },
    tls: {
      options: () => ({ url: `tls://localhost:${server.ports.linesTls}`, tls: { ca: server.tls.ca } }),
      events: lines,
    },
    http: { options: () => ({ url: `http://127.0.0.1:${server.ports.webhook}` }), events: arrays },
  };

  it.each(Object.entries(ways))('gets every event through outages (%s)', async (_, { options, events }) => {
    const known = new Set(events().map(({ uid }) => uid));
    const delivered = await deliverThroughTrouble({
      transport: logstash({ ...options(), idField: 'uid' }),
      server,
      // It has not written to its file yet what it has read or answered.
      secondEnd: 'stop',
      recordsPerPart: 2000,
      readBack: async () =>
        events()
          .filter(({ uid }) => !known.has(uid))
          .map(({ n }) => Number(n)),
    });
    expectComplete(delivered);
    // Repetitions carry the id of the first copy, so that what is behind can drop them.
    const ids = events()
      .map(({ uid }) => uid)
      .filter((uid) => !known.has(uid));
    expect(new Set(ids).size).toBe(delivered.written);
    expect(ids.length - delivered.written).toBe(delivered.duplicates);
    expect(delivered.earlyDuplicates).toBe(0);
    expect(delivered.duplicates).toBeLessThanOrEqual(8 * 500);
  });

  it.each(Object.entries(ways))('gets events as they are, with their time (%s)', async (way, { options, events }) => {
    const time = Date.now();
    const line = { level: 30, time, uid: `${way}-exact`, msg: 'grüße 🌍 "quoted" \\ \n', nested: { list: [1, null] } };
    await using logs = pipeline(logstash(options()), impatient);
    logs.write(`${JSON.stringify(line)}\n`);
    expect(await logs.flush()).toMatchObject({ settled: true });
    const [event] = await servers
      .until(() => (ofWay(events(), `${way}-exact`).length > 0 ? events() : undefined), {
        what: 'the event',
      })
      .then((all) => ofWay(all, `${way}-exact`));
    expect(event).toEqual({ '@timestamp': new Date(time).toISOString(), ...line });
  });

  it('that stalls and is then killed loses nothing that was not its own (tcp-read)', async () => {
    const before = lines().length;
    await using logs = pipeline(logstash(ways['tcp-read']!.options()), impatient);
    await server.pause();
    for (let i = 0; i < 500; i++) logs.write(numbered(i));
    await servers.until(() => logs.stats().sends.attempts > 1, { what: 'a second attempt' });
    expect(logs.stats().acked.records).toBe(0);
    await server.kill();
    await server.restart();
    expect(await logs.flush({ timeoutMs: 60_000 })).toMatchObject({ settled: true });
    const numbers = () =>
      new Set(
        lines()
          .slice(before)
          .map(({ n }) => n),
      );
    await servers.until(() => numbers().size === 500, { what: '500 events' });
  });
});
