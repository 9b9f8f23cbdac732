// Fastify: one record a request, and the request's context on every line, through `request.log` and any other logger.
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { addContext, countInRecord } from '@spillway/middleware';
import { childLoggerFactory, requestLog } from '@spillway/middleware/fastify';
import fastify, { LogController } from 'fastify';
import { logger } from './logger.mjs';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
async function findUser(id) {
  countInRecord('db_queries');
  await wait(5);
  logger.info({ id }, 'user found');
  return { id, name: `user ${id}` };
}

// Fastify's own two lines a request are off; before Fastify 5.12 the option `disableRequestLogging: true` does it.
const logController = new LogController({ disableRequestLogging: true });
const app = fastify({ loggerInstance: logger, logController, childLoggerFactory });
await app.register(requestLog, { logger });

app.get('/users/:id', async (request) => {
  addContext({ user: request.params.id });
  return findUser(request.params.id);
});
app.get('/broken', async () => {
  throw new TypeError('out of order, token=hunter2');
});
app.get('/stream', (request, reply) => {
  async function* parts() {
    for (let part = 0; part < 3; part++) {
      await wait(5);
      request.log.info({ part }, 'streaming');
      yield 'x'.repeat(1000);
    }
  }
  return reply.send(Readable.from(parts(), { objectMode: false }));
});
app.get('/healthz', async () => 'ok');

await app.listen({ port: Number(process.env.PORT ?? 3000) });
logger.info({ port: app.server.address().port }, 'listening');
