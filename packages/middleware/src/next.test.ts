// The adapter of Next.js without Next: what it does on every server of the process, and its parts for handlers and errors. Next
// itself, its current major and the one before, is built and asked in `test/integration/middleware-next.test.ts`.

import http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { logRequests, recordRequestError, withRoute } from './next.js';
import { withRequestLog } from './node.js';
import { adapterSuite, type Started, type StartOptions, serve } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';
import { nodeRouter } from './test-kit/node-router.js';

adapterSuite(
  'Next, on every server of the process',
  async ({ scenario, registrations }: StartOptions) => {
    const { logger } = scenario;
    const stop = logRequests({ logger });
    const route = nodeRouter(scenario);
    const { url, close } = await serve(registrations === 1 ? route : withRequestLog(route, { logger }));
    return {
      url,
      close: async () => {
        stop();
        await close();
      },
    };
  },
  { routes: false },
);

describe('logRequests', () => {
  let app: Started | undefined;
  const stops: (() => void)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await app?.close();
  });

  it('takes the place of what an earlier load of the code started, and ends', async () => {
    const [first, second] = [pinoLines(), pinoLines()];
    app = await serve((_req, res) => void res.end('ok'));
    stops.push(logRequests({ logger: first.logger }));
    const last = logRequests({ logger: second.logger });
    stops.push(last);
    await ask(`${app.url}/a`);
    expect(await second.lines.recordsWhen(1)).toMatchObject([{ url: '/a', status: 200 }]);
    last();
    expect((await ask(`${app.url}/b`)).headers).not.toHaveProperty('x-request-id');
    expect([first.lines.all(), second.lines.records().length]).toEqual([[], 1]);
  });

  it('is quiet about scripts, images and the development server, unless it is told otherwise', async () => {
    const { lines, logger } = pinoLines('debug');
    stops.push(logRequests({ logger }));
    app = await serve((_req, res) => void res.end('ok'));
    for (const path of ['/_next/static/x.js', '/__nextjs_original-stack-frames', '/healthz', '/page'])
      await ask(app.url + path);
    expect((await lines.recordsWhen(4)).map(({ level }) => level)).toEqual([20, 20, 20, 30]);
    stops.push(logRequests({ logger, autoLogging: { quiet: ['/page'] } }));
    for (const path of ['/_next/static/x.js', '/page']) await ask(app.url + path);
    expect((await lines.recordsWhen(6)).slice(4).map(({ level }) => level)).toEqual([30, 20]);
  });

  it.each(['off', null, 1])('refuses %j as `autoLogging`', (autoLogging) => {
    expect(() => logRequests({ autoLogging: autoLogging as never })).toThrow('Expected `autoLogging` to be an object');
  });

  it('leaves nothing of a request behind on its connection', async () => {
    const { lines, logger } = pinoLines();
    stops.push(logRequests({ logger }));
    app = await serve((req, res) => {
      setImmediate(() => {
        logger.info({ path: req.url }, 'handled');
        res.end('ok');
      });
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let n = 0; n < 10; n++) await ask(`${app.url}/${n}`, { agent, headers: { 'x-request-id': `k-${n}` } });
    agent.destroy();
    await lines.recordsWhen(10);
    const handled = lines.with('handled').map(({ path, request_id }) => [path, request_id]);
    expect(handled).toEqual(Array.from({ length: 10 }, (_, n) => [`/${n}`, `k-${n}`]));
  });
});

describe('handlers and errors', () => {
  const request = new Request('http://h/users/7');
  const place = { routerKind: 'App Router', routeType: 'route', routePath: '/users/[id]' };

  it('withRoute gives the record the template and the error, which it throws on', async () => {
    const { lines, logger } = pinoLines();
    const stop = logRequests({ logger });
    const broken = withRoute('/users/[id]', async () => {
      throw new TypeError('no, token=hunter2');
    });
    const app = await serve(async (_req, res) => {
      await expect(broken(request)).rejects.toThrow('no, token');
      // As a handler that answers errors itself.
      res.statusCode = 500;
      res.end();
    });
    await ask(`${app.url}/users/7`);
    const records = await lines.recordsWhen(1);
    stop();
    await app.close();
    expect(records).toMatchObject([
      { route: '/users/[id]', status: 500, err: { type: 'TypeError', message: 'no, token=[Redacted]' } },
    ]);
  });

  it('recordRequestError tells the record what Next tells of an error', async () => {
    const { lines, logger } = pinoLines();
    const stop = logRequests({ logger });
    const app = await serve((_req, res) => {
      recordRequestError(new RangeError('first'), request, place);
      recordRequestError(new RangeError('second'), request, place);
      res.statusCode = 500;
      res.end();
    });
    await ask(app.url);
    const records = await lines.recordsWhen(1);
    stop();
    await app.close();
    expect(records).toMatchObject([
      { router: 'App Router', route_type: 'route', route_file: '/users/[id]', err: { message: 'first' } },
    ]);
  });

  it('does nothing where requests are not logged', async () => {
    expect(() => recordRequestError(new Error('x'), request, place)).not.toThrow();
    const answer = await withRoute('/x', (given: Request, extra: number) => Response.json([given.url, extra]))(
      request,
      2,
    );
    expect(await answer.json()).toEqual(['http://h/users/7', 2]);
  });
});
