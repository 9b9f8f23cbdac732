// What every adapter must do, run against the real framework over real HTTP. In: a way to start an application with the five
// routes of the scenario. Out: tests. The same for all adapters and all majors of their frameworks.
import http from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { addContext, countInRecord } from '../context/current.js';
import type { RequestLogger } from '../request/options.js';
import { ask, flood, leave } from './http-client.js';
import { pinoLines, until } from './lines.js';

/** What the routes of an application under test do. */
export interface Scenario {
  readonly logger: RequestLogger;
  /** `GET /users/:id`: the body to answer with. */
  user(id: string): Promise<object>;
  /** `POST /echo`: the body to answer with. */
  echo(body: unknown): Promise<object>;
  /** `GET /stream`: the text to stream. */
  stream(): Readable;
  /** `GET /endless`: a stream that does not end. */
  endless(): Readable;
  /** `GET /waits`: never resolves. */
  waits(): Promise<object>;
  /** `GET /throws`: throws, later. */
  throws(): Promise<never>;
  /** `GET /held/:n`: resolves when all requests of the test are there. */
  held(n: string): Promise<object>;
}

/** A started application. */
export interface Started {
  readonly url: string;
  close(): Promise<void>;
}

/** How an application is started. */
export interface StartOptions {
  readonly scenario: Scenario;
  /** Register the middleware so many times. */
  readonly registrations: number;
}

/** What differs from framework to framework. */
export interface Traits {
  /** The record knows the template of the route. */
  readonly routes?: boolean;
  /** How many requests are in flight at once in the test of many. */
  readonly flood?: number;
}

const SECRET = 'hunter2';

function scenario(logger: RequestLogger): Scenario & { arrived: number; release: () => void } {
  let release = () => {};
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  const state: Scenario & { arrived: number; release: () => void } = {
    arrived: 0,
    release,
    logger,
    async user(id) {
      await new Promise((resolve) => setImmediate(resolve));
      addContext({ user: id });
      countInRecord('db_queries');
      countInRecord('db_queries', 2);
      logger.info({ step: 1 }, 'in the handler');
      return { id };
    },
    async echo(body) {
      await Promise.resolve();
      logger.info({ body: body as object }, 'got a body');
      return { got: body };
    },
    stream() {
      return Readable.from(
        (async function* () {
          for (let part = 0; part < 5; part++) {
            await new Promise((resolve) => setImmediate(resolve));
            logger.info({ part }, 'streaming');
            yield 'x'.repeat(1000);
          }
        })(),
        { objectMode: false },
      );
    },
    endless() {
      return Readable.from(
        (async function* () {
          for (;;) {
            await new Promise((resolve) => setTimeout(resolve, 5));
            yield 'y'.repeat(100);
          }
        })(),
        { objectMode: false },
      );
    },
    async waits() {
      logger.info({}, 'waiting');
      return new Promise(() => {});
    },
    async throws() {
      await new Promise((resolve) => setImmediate(resolve));
      throw new TypeError(`no way, password=${SECRET}, sorry`, { cause: new Error(`https://u:${SECRET}@host/`) });
    },
    async held(n) {
      state.arrived++;
      addContext({ n });
      await all;
      logger.info({ mine: n }, 'released');
      return { n, end: 1 };
    },
  };
  return state;
}

/** Declares the tests of one adapter. */
export function adapterSuite(
  name: string,
  start: (options: StartOptions) => Promise<Started>,
  traits: Traits = {},
): void {
  const { routes = true } = traits;

  describe(name, () => {
    const { lines, logger } = pinoLines();
    const own = scenario(logger);
    let app: Started;
    beforeAll(async () => {
      app = await start({ scenario: own, registrations: 1 });
    });
    afterAll(() => app.close());
    afterEach(() => lines.clear());

    it('writes one record a request, and the context on every line', async () => {
      const answer = await ask(`${app.url}/users/42?page=2&token=${SECRET}`);
      expect(answer.status).toBe(200);
      const [record, ...more] = await lines.recordsWhen(1);
      expect(more).toEqual([]);
      expect(record).toMatchObject({
        level: 30,
        kind: 'access',
        method: 'GET',
        url: '/users/42?page=2&token=[Redacted]',
        status: 200,
        bytes: Buffer.byteLength(answer.body),
        user: '42',
        db_queries: 3,
        msg: 'request completed',
      });
      if (routes) expect(record!.route).toBe('/users/:id');
      expect(record!.remote_address).toMatch(/127\.0\.0\.1|::1/);
      expect(record!.duration_ms).toBeGreaterThan(0);
      expect(record!.request_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(answer.headers['x-request-id']).toBe(record!.request_id);
      expect(lines.with('in the handler')).toMatchObject([{ request_id: record!.request_id, user: '42', step: 1 }]);
      expect(JSON.stringify(lines.raw)).not.toContain(SECRET);
    });

    it('takes ids and traces from the caller, if they are harmless', async () => {
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const given = await ask(`${app.url}/users/1`, { headers: { 'x-request-id': 'abc.D-1_2', traceparent } });
      expect(given.headers['x-request-id']).toBe('abc.D-1_2');
      const traced = await ask(`${app.url}/users/2`, { headers: { traceparent } });
      expect(traced.headers['x-request-id']).toBe('0af7651916cd43dd8448eb211c80319c');
      const refused = await ask(`${app.url}/users/3`, { headers: { 'x-request-id': 'a"b c', traceparent: '00-xyz' } });
      expect(refused.headers['x-request-id']).toMatch(/-7/);
      const records = await lines.recordsWhen(3);
      const trace = { trace_id: traceparent.slice(3, 35), span_id: 'b7ad6b7169203331', trace_flags: '01' };
      expect(records).toMatchObject([{ request_id: 'abc.D-1_2', ...trace }, trace, {}]);
      expect(lines.with('in the handler')).toMatchObject([{ request_id: 'abc.D-1_2', ...trace }, trace, {}]);
      expect(records[2]).not.toHaveProperty('trace_id');
    });

    it('keeps requests on one connection apart', async () => {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      for (let n = 0; n < 30; n++) await ask(`${app.url}/users/${n}`, { agent });
      agent.destroy();
      const records = await lines.recordsWhen(30);
      expect(new Set(records.map(({ request_id }) => request_id)).size).toBe(30);
      const handled = lines.with('in the handler');
      expect(handled.map(({ user }) => user)).toEqual(Array.from({ length: 30 }, (_, n) => String(n)));
      expect(handled.map(({ request_id }) => request_id)).toEqual(records.map(({ request_id }) => request_id));
      expect(records.every(({ bytes, user }) => bytes === Buffer.byteLength(JSON.stringify({ id: user })))).toBe(true);
    });

    it('carries the context through a body', async () => {
      const body = JSON.stringify({ name: 'n'.repeat(100_000), password: SECRET });
      const headers = {
        'content-type': 'application/json',
        'x-request-id': 'body-1',
        'content-length': String(body.length),
      };
      const answer = await ask(`${app.url}/echo`, { method: 'POST', body, headers });
      expect(answer.status).toBe(200);
      expect(await lines.recordsWhen(1)).toMatchObject([
        { method: 'POST', request_bytes: body.length, request_id: 'body-1' },
      ]);
      expect(lines.with('got a body')).toMatchObject([{ request_id: 'body-1', body: { password: '[Redacted]' } }]);
      expect(JSON.stringify(lines.raw)).not.toContain(SECRET);
    });

    it('waits for the end of a stream', async () => {
      const answer = await ask(`${app.url}/stream`);
      expect(answer.body.length).toBe(5000);
      const [record] = await lines.recordsWhen(1);
      expect(record).toMatchObject({ status: 200, msg: 'request completed' });
      expect(record!.bytes).toBeGreaterThanOrEqual(5000);
      expect(record!.bytes).toBeLessThan(5200);
      const streamed = lines.with('streaming');
      expect(streamed.map(({ part }) => part)).toEqual([0, 1, 2, 3, 4]);
      expect(streamed.every(({ request_id }) => request_id === record!.request_id)).toBe(true);
      expect(lines.all().at(-1)!.kind).toBe('access');
    });

    it('records a client that leaves, before and during the response', async () => {
      await leave(`${app.url}/waits`, () => until(() => lines.with('waiting').length === 1, 'the handler'));
      await lines.recordsWhen(1);
      await leave(`${app.url}/endless`, 'begun');
      expect(await lines.recordsWhen(2)).toMatchObject([
        { status: 499, aborted: true, level: 40, msg: 'request aborted' },
        { status: 200, aborted: true, level: 40, msg: 'request aborted' },
      ]);
      expect(lines.with('waiting')[0]!.request_id).toBe(lines.records()[0]!.request_id);
      for (const { remote_address } of lines.records()) expect(remote_address).toMatch(/127\.0\.0\.1|::1/);
    });

    it('records an error that a handler throws, without its secrets', async () => {
      const answer = await ask(`${app.url}/throws`);
      expect(answer.status).toBe(500);
      const [record] = await lines.recordsWhen(1);
      expect(record).toMatchObject({
        status: 500,
        level: 50,
        msg: 'request errored',
        request_id: answer.headers['x-request-id'],
      });
      expect(record!.err).toMatchObject({
        type: 'TypeError',
        message: 'no way, password=[Redacted], sorry: https://[Redacted]@host/',
      });
      expect(JSON.stringify(lines.raw)).not.toContain(SECRET);
    });

    it('is quiet about health checks, and records what is not found', async () => {
      await ask(`${app.url}/healthz`);
      const missing = await ask(`${app.url}/nowhere`);
      expect(missing.status).toBe(404);
      const records = await lines.recordsWhen(1);
      // A health check that fails is news; one that does well is not.
      expect(records.filter(({ url }) => url === '/healthz').every(({ status }) => Number(status) >= 400)).toBe(true);
      expect(records.filter(({ url }) => url === '/nowhere')).toMatchObject([{ level: 40, status: 404 }]);
    });

    it(`keeps ${traits.flood ?? 10_000} requests apart that are all there at once`, { timeout: 120_000 }, async () => {
      const count = traits.flood ?? 10_000;
      const paths = Array.from({ length: count }, (_, n) => `/held/${n}`);
      const answers = flood(app.url, 500, paths);
      await until(() => own.arrived === count, `${count} requests in flight`, 60_000);
      own.release();
      await answers;
      await lines.recordsWhen(count);
      const released = lines.with('released');
      expect(released.length).toBe(count);
      expect(
        released.filter(({ mine, request_id, n }) => request_id !== `r-${mine}` || n !== mine).slice(0, 3),
      ).toEqual([]);
      expect(
        lines
          .records()
          .filter(({ url, request_id, n }) => url !== `/held/${n}` || request_id !== `r-${n}`)
          .slice(0, 3),
      ).toEqual([]);
      expect(new Set(released.map(({ mine }) => mine)).size).toBe(count);
    });
  });

  it(`${name}: a second registration changes nothing and is warned of`, async () => {
    const warn = vi.spyOn(process, 'emitWarning');
    const { lines, logger } = pinoLines();
    const app = await start({ scenario: scenario(logger), registrations: 2 });
    await ask(`${app.url}/users/1`);
    await ask(`${app.url}/users/2`);
    const records = await lines.recordsWhen(2);
    await app.close();
    expect(records.length).toBe(2);
    expect(lines.with('in the handler').map(({ request_id }) => request_id)).toEqual(
      records.map(({ request_id }) => request_id),
    );
    const warnings = warn.mock.calls.filter(
      ([, options]) => (options as { code?: string }).code === 'SPILLWAY_REGISTERED_TWICE',
    );
    expect(warnings.length).toBeLessThanOrEqual(1);
    registeredTwice += warnings.length;
    expect(registeredTwice).toBe(1);
    warn.mockRestore();
  });
}

/** Warnings are given once a process: the first of the suites in a file sees it, the others must not. */
let registeredTwice = 0;

/** Starts a listener of node:http on a free port. */
export async function serve(listener: http.RequestListener): Promise<Started> {
  const server = http.createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return started(server);
}

/** What is known of a server that listens. */
export function started(server: http.Server): Started {
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
