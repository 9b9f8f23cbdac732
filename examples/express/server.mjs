// Express: one record a request, and the request's context on every line, whoever logs it.
import { setTimeout as wait } from 'node:timers/promises';
import { addContext, countInRecord } from '@spillway/middleware';
import { requestErrors, requestLog } from '@spillway/middleware/express';
import express from 'express';
import { logger } from './logger.mjs';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
async function findUser(id) {
  countInRecord('db_queries');
  await wait(5);
  logger.info({ id }, 'user found');
  return { id, name: `user ${id}` };
}

const app = express();
app.use(requestLog({ logger }));

app.get('/users/:id', async (req, res) => {
  addContext({ user: req.params.id });
  res.json(await findUser(req.params.id));
});
app.get('/broken', async () => {
  throw new TypeError('out of order, token=hunter2');
});
app.get('/stream', async (_req, res) => {
  for (let part = 0; part < 3; part++) {
    await wait(5);
    logger.info({ part }, 'streaming');
    res.write('x'.repeat(1000));
  }
  res.end();
});
app.get('/healthz', (_req, res) => res.send('ok'));

app.use(requestErrors());
app.use((_error, _req, res, _next) => res.status(500).send('sorry'));

const server = app.listen(process.env.PORT ?? 3000, () => logger.info({ port: server.address().port }, 'listening'));
