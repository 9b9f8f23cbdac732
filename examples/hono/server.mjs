// Hono on Node: one record a request, and the request's context on every line, whoever logs it.
import { setTimeout as wait } from 'node:timers/promises';
import { serve } from '@hono/node-server';
import { addContext, countInRecord } from '@spillway/middleware';
import { requestLog } from '@spillway/middleware/hono';
import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { logger } from './logger.mjs';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
async function findUser(id) {
  countInRecord('db_queries');
  await wait(5);
  logger.info({ id }, 'user found');
  return { id, name: `user ${id}` };
}

const app = new Hono();
app.use(requestLog({ logger }));

app.get('/users/:id', async (c) => {
  addContext({ user: c.req.param('id') });
  return c.json(await findUser(c.req.param('id')));
});
app.get('/broken', async () => {
  throw new TypeError('out of order, token=hunter2');
});
app.get('/stream', (c) =>
  stream(c, async (body) => {
    for (let part = 0; part < 3; part++) {
      await wait(5);
      c.var.logger.info({ part }, 'streaming');
      await body.write('x'.repeat(1000));
    }
  }),
);
app.get('/healthz', (c) => c.text('ok'));
app.onError((_error, c) => c.text('sorry', 500));

serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) }, ({ port }) => logger.info({ port }, 'listening'));
