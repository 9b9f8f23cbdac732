// The adapter of Hono against Hono 4 and 3 on Node, and against Hono 4 alone, as other runtimes run it.
import type http from 'node:http';
import { Readable } from 'node:stream';
import { createAdaptorServer as serve4 } from '@hono/node-server';
import { createAdaptorServer as serve3 } from '@hono/node-server1';
import { Hono as Hono4 } from 'hono';
import { Hono as Hono3 } from 'hono3';
import { describe, expect, it } from 'vitest';
import { type RequestLogVariables, requestLog } from './hono.js';
import { adapterSuite, type StartOptions, started } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';

type App = Hono4<{ Variables: RequestLogVariables }>;

function starter(Hono: new () => App, createServer: (options: { fetch: App['fetch'] }) => unknown) {
  return async ({ scenario, registrations }: StartOptions) => {
    const app = new Hono();
    for (let n = 0; n < registrations; n++) app.use('*', requestLog({ logger: scenario.logger }));
    app.get('/users/:id', async (c) => c.json(await scenario.user(c.req.param('id'))));
    app.get('/held/:n', async (c) => c.json(await scenario.held(c.req.param('n'))));
    app.post('/echo', async (c) => c.json(await scenario.echo(await c.req.json())));
    app.get('/stream', (c) => c.body(Readable.toWeb(scenario.stream()) as ReadableStream));
    app.get('/endless', (c) => c.body(Readable.toWeb(scenario.endless()) as ReadableStream));
    app.get('/waits', async (c) => c.json(await scenario.waits()));
    app.get('/throws', () => scenario.throws());
    app.get('/healthz', (c) => c.text('ok'));
    app.onError((_error, c) => c.text('sorry', 500));
    const server = createServer({ fetch: app.fetch }) as http.Server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return started(server);
  };
}

adapterSuite('Hono 4', starter(Hono4 as never, serve4 as never));
adapterSuite('Hono 3', starter(Hono3 as never, serve3 as never));

describe('Hono without Node', () => {
  it('records when the handler has answered, and gives handlers a logger and the id', async () => {
    const { lines, logger } = pinoLines();
    const app = new Hono4<{ Variables: RequestLogVariables }>();
    app.use(requestLog({ logger }));
    app.get('/items/:id', (c) => {
      c.var.logger.info({ part: 1 }, 'here');
      return c.text(c.var.requestId);
    });
    const answer = await app.request('/items/7?a=1', { headers: { 'x-request-id': 'web-1' } });
    expect([await answer.text(), answer.headers.get('x-request-id')]).toEqual(['web-1', 'web-1']);
    expect(lines.records()).toMatchObject([
      { request_id: 'web-1', route: '/items/:id', url: '/items/7?a=1', status: 200 },
    ]);
    expect(lines.with('here')).toMatchObject([{ request_id: 'web-1', part: 1 }]);
  });

  it('sets the id on whatever the handler answers, unless it set one itself', async () => {
    const { lines, logger } = pinoLines();
    const app = new Hono4();
    app.use(requestLog({ logger }));
    app.get('/own', () => new Response('raw'));
    app.get('/other', () => new Response('raw', { headers: { 'x-request-id': 'mine' } }));
    app.get('/throws', () => {
      throw new TypeError('no');
    });
    app.onError(() => new Response('sorry', { status: 500 }));
    const ids = await Promise.all(
      ['/own', '/other', '/throws'].map(async (path) =>
        (await app.request(path, { headers: { 'x-request-id': 'web-2' } })).headers.get('x-request-id'),
      ),
    );
    expect(ids).toEqual(['web-2', 'mine', 'web-2']);
    expect(lines.records().map(({ status }) => status)).toEqual([200, 200, 500]);
  });
});

describe('Hono on Node', () => {
  it.each([
    ['4', Hono4, serve4],
    ['3', Hono3 as unknown as typeof Hono4, serve3],
  ])('%s: sets the id on whatever the handler answers, and contains what is no error', async (_major, Hono, serve) => {
    const { lines, logger } = pinoLines();
    const app = new Hono<{ Variables: RequestLogVariables }>();
    app.use('*', requestLog({ logger }));
    app.get('/own', () => new Response('raw'));
    app.get('/other', () => new Response('raw', { headers: { 'x-request-id': 'mine' } }));
    app.get('/thrown', () => {
      throw 'a text, token=hunter2';
    });
    const server = serve({ fetch: app.fetch }) as http.Server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { url, close } = started(server);
    const answers = [];
    for (const path of ['/own', '/other', '/thrown']) {
      answers.push(await ask(url + path, { headers: { 'x-request-id': 'node-2' } }));
    }
    const records = await lines.recordsWhen(3);
    await close();
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 500]);
    expect(answers.map(({ headers }) => headers['x-request-id'])).toEqual(['node-2', 'mine', 'node-2']);
    expect(records).toMatchObject([{ status: 200 }, { status: 200 }, { status: 500, err: 'a text, token=[Redacted]' }]);
  });
});
