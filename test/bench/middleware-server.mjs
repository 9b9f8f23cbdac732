// One server of the middleware bench, in a process of its own: a framework, with or without request logging. In: its names on the
// command line, questions over IPC. Out: the port, and the CPU time used so far. Every handler awaits once and logs one line where
// there is a logger; all loggers write to the same kind of destination, which keeps nothing.

import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../packages/middleware/package.json', import.meta.url));
const pino = require('pino');
const { withContext } = require('@spillway/middleware');
const [framework, logging, sync] = process.argv.slice(2);
const destination = pino.destination({ dest: '/dev/null', sync: sync === 'sync' });
const contextual = () => pino(withContext({}), destination);
const plain = () => pino({}, destination);
// Everyone takes the caller's id, which ours does by itself: else a count of three digits would stand against a whole UUID.
const ID = 'x-request-id';
const identified = { genReqId: (req) => req.headers[ID] ?? crypto.randomUUID() };
// pino-http as those configure it who mind its cost: one id instead of the whole request on every line, few fields.
const lean = {
  quietReqLogger: true,
  serializers: { req: ({ id, method, url }) => ({ id, method, url }), res: ({ statusCode }) => ({ statusCode }) },
};

/** pino-http in one of its two ways. */
function pinoHttp() {
  return require('pino-http')({ logger: plain(), ...identified, ...(logging === 'pino-http-lean' ? lean : {}) });
}

/** The work of the handler. */
async function work(log) {
  await new Promise((resolve) => setImmediate(resolve));
  log?.info({ step: 1 }, 'handled');
  return { id: 42, name: 'a user' };
}

function ofNode() {
  const answer = async (req, res) => {
    const body = JSON.stringify(await work(req.log));
    res.setHeader('content-type', 'application/json');
    res.end(body);
  };
  if (logging === 'none') return http.createServer(answer);
  if (logging.startsWith('pino-http')) {
    const log = pinoHttp();
    return http.createServer((req, res) => {
      log(req, res);
      answer(req, res);
    });
  }
  return http.createServer(require('@spillway/middleware/node').withRequestLog(answer, { logger: contextual() }));
}

function ofExpress() {
  const app = require('express')();
  if (logging.startsWith('pino-http')) {
    app.use(pinoHttp());
  }
  if (logging === 'spillway') app.use(require('@spillway/middleware/express').requestLog({ logger: contextual() }));
  app.get('/users/:id', async (req, res) => res.json(await work(req.log)));
  return http.createServer(app);
}

async function ofFastify() {
  const fastify = require('fastify');
  const logController = new fastify.LogController({ disableRequestLogging: true });
  const logger = logging === 'spillway' ? contextual() : plain();
  const { requestLog, childLoggerFactory } = require('@spillway/middleware/fastify');
  const options = {
    none: {},
    own: { loggerInstance: logger, requestIdHeader: ID },
    spillway: { loggerInstance: logger, logController, childLoggerFactory },
  };
  const app = fastify(options[logging]);
  if (logging === 'spillway') await app.register(requestLog, { logger });
  app.get('/users/:id', (request) => work(logging === 'none' ? undefined : request.log));
  await app.ready();
  return app.server;
}

async function ofHono() {
  const { Hono } = require('hono');
  const { createAdaptorServer } = require('@hono/node-server');
  const app = new Hono();
  const logger = logging === 'spillway' ? contextual() : plain();
  let logOf = () => logger;
  // Hono's logger has no ids, and by itself prints text for people. Here its text gets to the same destination in records of
  // the same logger. The structured one makes records itself, and a logger with the id for handlers.
  if (logging === 'own' || logging === 'structured') app.use(require('hono/request-id').requestId());
  if (logging === 'own') app.use(require('hono/logger').logger((text) => logger.info(text)));
  if (logging === 'structured') {
    const createLogger = (c) => logger.child({ requestId: c.var.requestId });
    app.use(require('@hono/structured-logger').structuredLogger({ createLogger }));
    logOf = (c) => c.var.logger;
  }
  if (logging === 'spillway') app.use(require('@spillway/middleware/hono').requestLog({ logger }));
  if (logging === 'none') logOf = () => undefined;
  app.get('/users/:id', async (c) => c.json(await work(logOf(c))));
  return createAdaptorServer({ fetch: app.fetch });
}

const server = await { node: ofNode, express: ofExpress, fastify: ofFastify, hono: ofHono }[framework]();
// A server is idle while the others warm up, and may not hang up meanwhile.
server.keepAliveTimeout = 3_600_000;
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => process.send({ cpu: process.cpuUsage(), memory: process.memoryUsage.rss() }));
process.on('disconnect', () => process.exit(0));
