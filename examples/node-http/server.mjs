// node:http alone: one record a request, and the request's context on every line, whoever logs it.
import { createServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { addContext, countInRecord, recordError } from '@spillway/middleware';
import { withRequestLog } from '@spillway/middleware/node';
import { logger } from './logger.mjs';

/** Knows nothing of requests, and still its lines carry the id of the one it works for. */
async function findUser(id) {
  countInRecord('db_queries');
  await wait(5);
  logger.info({ id }, 'user found');
  return { id, name: `user ${id}` };
}

async function answer(req, res) {
  const [, resource, id] = req.url.split(/[/?]/);
  if (resource === 'users') {
    addContext({ user: id });
    res.setHeader('content-type', 'application/json').end(JSON.stringify(await findUser(id)));
  } else if (resource === 'broken') {
    throw new TypeError('out of order, token=hunter2');
  } else if (resource === 'stream') {
    for (let part = 0; part < 3; part++) {
      await wait(5);
      req.log.info({ part }, 'streaming');
      res.write('x'.repeat(1000));
    }
    res.end();
  } else if (resource === 'healthz') {
    res.end('ok');
  } else {
    res.writeHead(404).end();
  }
}

const server = createServer(
  withRequestLog(
    (req, res) =>
      answer(req, res).catch((error) => {
        recordError(error);
        res.writeHead(500).end('sorry');
      }),
    { logger },
  ),
);
server.listen(process.env.PORT ?? 3000, () => logger.info({ port: server.address().port }, 'listening'));
