import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { scriptedDestination, seededRandom, simRuntime } from '@spillway/testing';
import { expect, it } from 'vitest';
import type { PipelineInput } from './options/pipeline-options.js';
import { pipeline } from './pipeline.js';
import { type RouteMatch, Router } from './router.js';
import { imbalance } from './stats.js';

interface Part {
  readonly match: RouteMatch;
  readonly options?: PipelineInput;
  readonly limits?: object;
}

function setUp(...parts: readonly Part[]) {
  const runtime = simRuntime();
  const destinations = parts.map(({ limits = {} }) => scriptedDestination(limits));
  const router = new Router(
    parts.map(({ match, options }, at) => ({
      match,
      pipeline: pipeline(destinations[at]!.transport, { warnings: 'off', ...options }, runtime),
    })),
  );
  const stored = () => destinations.map((each) => each.stored.map(({ line }) => line.toString()));
  const flushed = async () => {
    const flush = router.flush();
    await runtime.advance(0);
    return flush;
  };
  return { runtime, destinations, router, stored, flushed };
}

const record = (fields: object) => JSON.stringify({ level: 30, time: 1_700_000_000_000, ...fields });
const audit = record({ kind: 'audit', i: 1 });
const error = record({ level: 50, i: 2 });
const info = record({ i: 3 });
const debug = record({ level: 20, i: 4 });

it('hands a line to the first route that it matches', async () => {
  const { router, stored, flushed } = setUp({ match: { kind: 'audit' } }, { match: { level: 50 } }, { match: {} });
  router.write(`${[info, audit, error, debug, audit].join('\n')}\n`);
  expect(await flushed()).toMatchObject({ settled: true });
  expect(stored()).toEqual([[audit, audit], [error], [info, debug]]);
});

it('hands it on where a route says so', async () => {
  const { router, stored, flushed } = setUp(
    { match: { level: 50, continue: true } },
    { match: { kind: 'audit' } },
    { match: {} },
  );
  const graveAudit = record({ level: 60, kind: 'audit' });
  router.write(`${[info, error, audit, graveAudit].join('\n')}\n`);
  await flushed();
  expect(stored()).toEqual([
    [error, graveAudit],
    [audit, graveAudit],
    [info, error],
  ]);
});

it('counts what no route takes, and adds up all others', async () => {
  const { router, flushed } = setUp({ match: { kind: 'audit' } }, { match: { level: 30 } });
  router.write(`${[info, debug, audit, debug].join('\n')}\n`);
  const { stats } = await flushed();
  expect(stats).toMatchObject({
    transport: 'router',
    accepted: { records: 2 },
    acked: { records: 2 },
    unrouted: { records: 2, bytes: 2 * (debug.length + 1) },
  });
  expect(stats.routes?.map(({ acked }) => acked.records)).toEqual([1, 1]);
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
});

it('asks a record for its own kind, as whoever parses it would see it', async () => {
  const { router, stored, flushed } = setUp({ match: { kind: 'audit' } }, { match: {} });
  const nested = record({ order: { kind: 'audit' } });
  const quoted = record({ msg: '"kind":"audit"' });
  const list = record({ all: ['kind', 'audit'] });
  const inName = record({ 'a"kind': 'audit' });
  const escaped = record({ kind: 'au\u0000dit' });
  const number = record({ kind: 5 });
  const longer = record({ kind: 'audits' });
  const twice = `${info.slice(0, -1)},"kind":"app","kind":"audit"}`;
  const spaced = '{ "time": 1700000000000, "kind" : "audit" }';
  router.write(`${[nested, quoted, list, inName, escaped, number, longer, twice, spaced].join('\n')}\n`);
  await flushed();
  expect(stored()).toEqual([
    [twice, spaced],
    [nested, quoted, list, inName, escaped, number, longer],
  ]);
});

it('takes a line without a level, and text, for info', async () => {
  const { router, stored, flushed } = setUp({ match: { level: 30 } }, { match: {} });
  router.write('{"msg":"no level"}\nplain text\n{"level":"debug","msg":"label"}\n{"level":"audit"}\n');
  router.addLevels({ audit: 25 });
  router.write('{"level":"AUDIT"}\n');
  await flushed();
  const [first, second] = stored();
  expect(first).toHaveLength(3);
  expect(first![0]).toContain('no level');
  expect(first![1]).toContain('plain text');
  expect(second).toEqual(['{"level":"debug","msg":"label"}', '{"level":"AUDIT"}']);
});

it('lets the level of a label be what the options say, whatever the logger says later', async () => {
  const runtime = simRuntime();
  const destinations = [scriptedDestination(), scriptedDestination()];
  const [high, low] = destinations.map(({ transport }) => pipeline(transport, { warnings: 'off' }, runtime));
  const routes = [
    { match: { level: 50 }, pipeline: high! },
    { match: {}, pipeline: low! },
  ];
  const router = new Router(routes, { levels: { Audit: 55 } });
  router.addLevels({ audit: 25 });
  router.write('{"level":"audit"}\n');
  const flush = router.flush();
  await runtime.advance(0);
  await flush;
  expect(destinations.map(({ stored }) => stored.length)).toEqual([1, 0]);
});

it('gives every line to the same routes however its bytes are cut', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random() * n);
    const kinds = [undefined, 'audit', 'access', 'audit "kind"', 'é', { kind: 'audit' }];
    const lines = Array.from({ length: 40 }, (_, i) => {
      const inner = below(2) === 0 ? { inner: { kind: 'audit' }, '"kind': 'audit' } : {};
      const fields = { i, ...inner, kind: kinds[below(6)], pad: 'ü'.repeat(below(4) * 200) };
      const level = [20, 30, 50][below(3)];
      return JSON.stringify(below(4) === 0 ? { ...fields, level } : { level, time: 1_700_000_000_000 + i, ...fields });
    });
    const { router, stored, flushed } = setUp(
      { match: { kind: 'audit', level: 30 } },
      { match: { level: 50 } },
      { match: {} },
    );
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    for (let at = 0; at < bytes.length; ) {
      const to = at + 1 + below(random() < 0.5 ? 7 : 3000);
      router.write(bytes.subarray(at, to));
      at = to;
    }
    await flushed();
    const routeOf = (line: string) => {
      const { kind, level } = JSON.parse(line) as { kind?: unknown; level: number };
      return kind === 'audit' && level >= 30 ? 0 : level >= 50 ? 1 : 2;
    };
    expect(stored(), `seed ${seed}`).toEqual([0, 1, 2].map((route) => lines.filter((line) => routeOf(line) === route)));
  }
});

it('lets one destination be down without the others knowing', async () => {
  const { router, runtime, destinations } = setUp({ match: { level: 50 } }, { match: {} });
  destinations[0]!.behave(() => ({ kind: 'reset' }));
  router.write(`${[info, error, debug].join('\n')}\n`);
  await runtime.until(() => router.stats().acked.records === 2);
  expect(router.stats()).toMatchObject({ routes: [{ acked: { records: 0 } }, { acked: { records: 2 } }] });
  expect(router.idle).toBe(false);
});

it('has each pipeline judge the length of lines, and the last one count what is too long for all', async () => {
  const { router, stored, flushed } = setUp(
    { match: { level: 50 }, limits: { maxRecordBytes: 2000 } },
    { match: {}, limits: { maxRecordBytes: 5000 } },
  );
  const long = (level: number, bytes: number) => record({ level, pad: 'x'.repeat(bytes) });
  router.write(`${[long(50, 3000), long(30, 3000), info, error].join('\n')}\n`);
  router.write(long(50, 800_000));
  router.write(`${long(50, 800_000)}\n${error}\n`);
  const { stats } = await flushed();
  expect(stored().map((lines) => lines.length)).toEqual([2, 2]);
  const [first, last] = stats.routes!;
  expect(first).toMatchObject({ rejectedBy: { recordTooLarge: { records: 1 } } });
  expect(last).toMatchObject({ rejectedBy: { recordTooLarge: { records: 1 } } });
  expect(imbalance(stats)).toEqual({ records: 0, bytes: 0 });
});

it('keeps lines whole where a listener logs in the middle of a write', async () => {
  const { router, runtime, stored } = setUp(
    { match: { level: 50 }, options: { batch: { maxRecords: 1 } } },
    { match: {} },
  );
  let said = 0;
  const listener = () => {
    router.write(`${record({ heard: ++said })}\n`);
  };
  subscribe('spillway:batchSealed', listener);
  router.write(`${[error, info, error, debug, error].join('\n')}\n`);
  unsubscribe('spillway:batchSealed', listener);
  await new Promise((resolve) => setImmediate(resolve));
  await runtime.until(() => router.idle);
  const [errors, others] = stored();
  expect(errors).toEqual([error, error, error]);
  expect(said).toBeGreaterThan(0);
  expect(others).toEqual([info, debug, ...Array.from({ length: said }, (_, i) => record({ heard: i + 1 }))]);
});

it('counts what comes after the end where it would have gone', async () => {
  const { router, runtime } = setUp({ match: { level: 50 } }, { match: {} });
  const closed = router.close();
  await runtime.advance(0);
  await closed;
  router.write(`${error}\n${info}\n${info}\n`);
  expect(router.stats().routes).toMatchObject([
    { droppedBy: { closed: { records: 1 } } },
    { droppedBy: { closed: { records: 2 } } },
  ]);
});

it('holds back whoever writes while one of its pipelines is full and blocks', async () => {
  const { router, runtime, destinations } = setUp(
    { match: { level: 50 }, options: { queue: { maxBytes: '64kb', whenFull: 'block' } } },
    { match: {} },
  );
  destinations[0]!.behave(() => ({ kind: 'hang' }));
  const line = `${record({ level: 50, pad: 'x'.repeat(1000) })}\n`;
  let writes = 0;
  while (router.write(line)) expect(++writes).toBeLessThan(1000);
  expect(router.write(`${info}\n`)).toBe(true);
  destinations[0]!.behave(() => ({ kind: 'reply', verdict: { outcome: 'ack' } }));
  const drained = router.drained();
  await runtime.until(() => router.stats().routes![0]!.acked.records > 0);
  await drained;
});
