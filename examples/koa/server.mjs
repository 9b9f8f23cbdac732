// Koa: one record a request, and the request's context on every line, whoever logs it.
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import Router from '@koa/router';
import { addContext, countInRecord } from '@spillway/middleware';
import { requestLog } from '@spillway/middleware/koa';
import Koa from 'koa';
import { logger } from './logger.mjs';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
async function findUser(id) {
  countInRecord('db_queries');
  await wait(5);
  logger.info({ id }, 'user found');
  return { id, name: `user ${id}` };
}

const app = new Koa();
// What a handler throws is in the record; Koa need not print it, too.
app.silent = true;
app.use(requestLog({ logger }));

const router = new Router();
router.get('/users/:id', async (ctx) => {
  addContext({ user: ctx.params.id });
  ctx.body = await findUser(ctx.params.id);
});
router.get('/broken', async () => {
  throw new TypeError('out of order, token=hunter2');
});
router.get('/stream', (ctx) => {
  async function* parts() {
    for (let part = 0; part < 3; part++) {
      await wait(5);
      ctx.log.info({ part }, 'streaming');
      yield 'x'.repeat(1000);
    }
  }
  ctx.body = Readable.from(parts(), { objectMode: false });
});
router.get('/healthz', (ctx) => {
  ctx.body = 'ok';
});
app.use(router.routes());

const server = app.listen(process.env.PORT ?? 3000, () => logger.info({ port: server.address().port }, 'listening'));
