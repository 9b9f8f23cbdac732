// What happens between pino and the worker: options and their errors, several targets, levels and times, stats.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imbalance } from '@spillway/core';
import type { FlushReport, Stats } from '@spillway/pino';
import { type RecordingServer, recordingServer } from '@spillway/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { launch } from './pino/launch.js';

let server: RecordingServer;

beforeEach(async () => {
  server = await recordingServer();
});
afterEach(() => {
  vi.unstubAllEnvs();
  return server.close();
});

const http = (path = '/logs') => ({ to: ['http', { url: server.url + path }] });

/** The numbers of the lines that came to a path. */
function numbers(path: string): number[] {
  const bodies = server.requests.filter((request) => request.path === path).map(({ body }) => body.toString());
  return bodies.flatMap((body) =>
    body
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as { i: number }).i),
  );
}

describe('options', () => {
  it.each([
    ['an unknown key', { ...{ bacth: {} } }, 'Unknown option `bacth`: did you mean `batch`?'],
    ['a wrong unit', { batch: { lingerMs: '1s' } }, 'Expected `batch.lingerMs` to be a number of milliseconds'],
    ['a size that is none', { queue: { maxBytes: '32 mib' } }, "such as '512kb' or '32mb'"],
    ['a wait that pino does not do', { queue: { whenFull: 'block' } }, 'worker: true'],
    ['an unknown transport', { to: ['lokki', {}] }, 'loki'],
    ['a missing URL', { to: ['http', {}] }, 'url'],
    ['no destination', { to: undefined }, "Expected `to` to be a transport's name and its options"],
    ['a deadline that pino would cut off', { close: { deadlineMs: 20_000 } }, 'at most 9000'],
  ])('%s ends as an error event that says what to write', async (_, wrong, message) => {
    const app = launch('listens for errors', { ...http(), ...wrong });
    const error = await app.told<{ message: string; stack: string }>();
    expect(error.message).toContain(message);
    expect(error.stack).toMatch(/^SpillwayError \[SPILLWAY_[A-Z_]+\]: /);
    expect((await app.ended).code).toBe(0);
  });

  it('without a listener, the application ends at start and shows the message', async () => {
    const { code, stderr } = await launch('does not listen for errors', { ...http(), bacth: {} }).ended;
    expect(code).toBe(1);
    expect(stderr).toContain('SpillwayError [SPILLWAY_OPTIONS_INVALID]: Unknown option `bacth`: did you mean `batch`?');
  });
});

describe('targets', () => {
  it('each gets its levels, and all answer for their stats', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spillway-targets-'));
    const file = join(directory, 'lines.log');
    const app = launch('two spillway targets and a file', [http('/all'), http('/errors'), file]);
    expect(await app.told()).toEqual([1000, 100]);
    expect(await app.ended).toMatchObject({ code: 0, stderr: '' });
    expect(numbers('/all')).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(numbers('/errors')).toEqual(Array.from({ length: 100 }, (_, i) => i * 10));
    expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(100);
    await rm(directory, { recursive: true });
  });

  it('works as the last part of a pipeline', async () => {
    expect(await launch('in a pipeline of targets', http()).ended).toMatchObject({ code: 0, stderr: '' });
    expect(numbers('/logs')).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  });
});

describe('routes', () => {
  const routes = () => [
    { kind: 'audit', ...http('/audit') },
    { level: 'error', continue: true, ...http('/errors') },
    { level: 'info', ...http('/all') },
  ];
  const all = Array.from({ length: 1000 }, (_, i) => i);
  const [audits, errors, details] = [0, 5, 7].map((rest) => all.filter((i) => i % 10 === rest));

  it.each(['has routes', 'own thread, has routes', 'in process, has routes'])('%s', async (scenario) => {
    const app = launch(scenario, { routes: routes() });
    const [counts] = await app.told<[Stats]>();
    expect(await app.ended).toMatchObject({ code: 0, stderr: '' });
    expect(numbers('/audit')).toEqual(audits);
    expect(numbers('/errors')).toEqual(errors);
    expect(numbers('/all')).toEqual(all.filter((i) => ![0, 7].includes(i % 10)));
    expect(counts).toMatchObject({ unrouted: { records: details!.length }, acked: { records: 1000 } });
    expect(counts.routes?.map(({ acked }) => acked.records)).toEqual([100, 100, 800]);
    expect(imbalance(counts)).toEqual({ records: 0, bytes: 0 });
  });
});

describe('levels and times', () => {
  const loki = () => ({ to: ['loki', { url: server.url, encoding: 'json' }] });

  /** Time in ns, line and metadata of what came, in order. */
  async function entries(scenario: string) {
    expect(await launch(scenario, loki()).ended).toMatchObject({ code: 0, stderr: '' });
    const pushes = server.requests.map(({ body }) => JSON.parse(body.toString()) as Push);
    return pushes.flatMap(({ streams }) => streams.flatMap(({ values }) => values));
  }
  interface Push {
    streams: { values: [string, string, { level?: string }][] }[];
  }

  it('are read from labels that only pino knows, and from ISO times', async () => {
    const [audit, warning] = await entries('custom levels as labels');
    const { time, level } = JSON.parse(audit![1]) as { time: string; level: string };
    expect(level).toBe('audit');
    expect(audit![0].slice(0, 13)).toBe(String(Date.parse(time)));
    expect(audit![2].level).toBe('info');
    expect(warning![2].level).toBe('warn');
  });

  it('are read from numbers and from ISO times with nanoseconds', async () => {
    const [audit, failure] = await entries('custom levels as numbers, other keys, nanoseconds');
    const { time } = JSON.parse(audit![1]) as { time: string };
    expect(audit![0]).toBe(`${Date.parse(time)}${time.slice(23, 29)}`);
    expect(audit![2].level).toBe('info');
    expect(failure![2].level).toBe('error');
    expect(JSON.parse(failure![1])).toMatchObject({ message: 'a failure', error: { message: 'deliberate' } });
  });
});

describe('stats', () => {
  it('come from the worker', async () => {
    const app = launch('reports stats', http());
    const [stats] = await app.told<Stats[]>();
    expect(stats).toMatchObject({ transport: 'http', accepted: { records: 1000 }, acked: { records: 1000 } });
  });

  it('are refused once the worker has ended', async () => {
    expect(await launch('asks for stats after the end', http()).told()).toBe('the worker has ended');
  });
});

describe('flush', () => {
  it('resolves when everything is delivered, and says so', async () => {
    const [report] = await launch('flushes and reports', http()).told<FlushReport[]>();
    expect(report).toMatchObject({ settled: true, stats: { acked: { records: 1000 } } });
  });

  it('says what is still waiting when the time is up', async () => {
    server.script({ hang: true });
    vi.stubEnv('TIMEOUT_MS', '300');
    const app = launch('flushes and reports', { ...http(), close: { deadlineMs: 300 }, warnings: 'off' });
    const [report] = await app.told<FlushReport[]>();
    expect(report).toMatchObject({ settled: false, stats: { accepted: { records: 1000 }, acked: { records: 0 } } });
  });
});
