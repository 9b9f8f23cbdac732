// The adapter of Koa against Koa 3 and 2.
import { createRequire } from 'node:module';
import Router from '@koa/router';
import koa3, { type Context } from 'koa';
import { expect, it } from 'vitest';
import { requestLog } from './koa.js';
import { adapterSuite, type StartOptions, serve } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';

const koa2 = createRequire(import.meta.url)('koa2') as typeof koa3;

async function bodyOf(ctx: Context): Promise<unknown> {
  // As parsers of bodies do: listeners of the request's events.
  return new Promise((resolve, reject) => {
    let text = '';
    ctx.req.on('data', (chunk: Buffer) => {
      text += chunk;
    });
    ctx.req.on('end', () => resolve(JSON.parse(text)));
    ctx.req.on('error', reject);
  });
}

function starter(Koa: typeof koa3) {
  return async ({ scenario, registrations }: StartOptions) => {
    const app = new Koa();
    app.silent = true;
    for (let n = 0; n < registrations; n++) app.use(requestLog({ logger: scenario.logger }));
    const router = new Router();
    router.get('/users/:id', async (ctx) => {
      ctx.body = await scenario.user(ctx.params.id as string);
    });
    router.get('/held/:n', async (ctx) => {
      ctx.body = await scenario.held(ctx.params.n as string);
    });
    router.post('/echo', async (ctx) => {
      ctx.body = await scenario.echo(await bodyOf(ctx));
    });
    router.get('/stream', (ctx) => {
      ctx.body = scenario.stream();
    });
    router.get('/endless', (ctx) => {
      ctx.body = scenario.endless();
    });
    router.get('/waits', () => scenario.waits());
    router.get('/throws', () => scenario.throws());
    router.get('/healthz', (ctx) => {
      ctx.body = 'ok';
    });
    app.use(router.routes());
    return serve(app.callback());
  };
}

adapterSuite('Koa 3', starter(koa3));
adapterSuite('Koa 2', starter(koa2));

it('Koa 3: an error that does not let itself be changed is answered as it is', async () => {
  const { lines, logger } = pinoLines();
  const app = new koa3();
  const seen: unknown[] = [];
  const error = Object.defineProperty(new Error('mine'), 'headers', { value: { 'x-own': '1' } });
  app.on('error', (given) => seen.push(given));
  app.use(requestLog({ logger }));
  app.use(() => {
    throw error;
  });
  const started = await serve(app.callback());
  await ask(started.url);
  const records = await lines.recordsWhen(1);
  await started.close();
  expect(seen).toEqual([error]);
  expect(records).toMatchObject([{ status: 500, err: { message: 'mine' } }]);
});
