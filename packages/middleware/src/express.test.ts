// The adapter of Express against Express 5 and 4.

import { createRequire } from 'node:module';
import express5 from 'express';
import { expect, it } from 'vitest';
import { requestErrors, requestLog } from './express.js';
import { adapterSuite, type Scenario, type StartOptions, serve } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';

const express4 = createRequire(import.meta.url)('express4') as typeof express5;

function starter(express: typeof express5) {
  return async ({ scenario, registrations }: StartOptions) => {
    const app = express();
    for (let n = 0; n < registrations; n++) app.use(requestLog({ logger: scenario.logger }));
    app.use(express.json({ limit: '1mb' }));
    app.use(routes(express, scenario));
    app.use(requestErrors());
    // Express would print the stack of what nobody handled.
    app.use(((_error, _req, res, _next) => {
      res.status(500).send('sorry');
    }) as express5.ErrorRequestHandler);
    return serve(app);
  };
}

function routes(express: typeof express5, scenario: Scenario): express5.Router {
  const router = express.Router();
  // Express 4 does not wait for promises.
  const later =
    (run: (req: express5.Request, res: express5.Response) => Promise<unknown>): express5.RequestHandler =>
    (req, res, next) => {
      run(req, res).catch(next);
    };
  router.get(
    '/users/:id',
    later(async (req, res) => res.json(await scenario.user(String(req.params.id)))),
  );
  router.get(
    '/held/:n',
    later(async (req, res) => res.json(await scenario.held(String(req.params.n)))),
  );
  router.post(
    '/echo',
    later(async (req, res) => res.json(await scenario.echo(req.body))),
  );
  router.get('/stream', (_req, res) => void scenario.stream().pipe(res));
  router.get('/endless', (_req, res) => void scenario.endless().pipe(res));
  router.get(
    '/waits',
    later(() => scenario.waits()),
  );
  router.get(
    '/throws',
    later(() => scenario.throws()),
  );
  router.get('/healthz', (_req, res) => void res.send('ok'));
  return router;
}

adapterSuite('Express 5', starter(express5));
adapterSuite('Express 4', starter(express4));

it.each([
  ['Express 5', express5],
  ['Express 4', express4],
])('%s: the route of a request that failed has the path of its router in front', async (_name, express) => {
  const { lines, logger } = pinoLines();
  const fails: express5.RequestHandler = () => {
    throw new Error('no');
  };
  const router = express.Router();
  router.get('/', fails);
  router.get('/users/:id', fails);
  router.get(/^\/re/, fails);
  router.get('/ok/:id', (_req, res) => void res.status(404).end());
  const app = express();
  app.use(requestLog({ logger }));
  app.get('/users/:id', fails);
  app.use('/api/v1', router);
  app.use(requestErrors());
  app.use(((_error, _req, res, _next) => void res.status(500).end()) as express5.ErrorRequestHandler);
  const started = await serve(app);
  for (const path of ['/users/1', '/api/v1/users/1?a=/b', '/api/v1/Users/1/', '/api/v1', '/api/v1/re', '/api/v1/ok/1'])
    await ask(started.url + path);
  const records = await lines.recordsWhen(6);
  await started.close();
  expect(records.map(({ route }) => route)).toEqual([
    '/users/:id',
    '/api/v1/users/:id',
    '/api/v1/users/:id',
    '/api/v1',
    '/^\\/re/',
    '/api/v1/ok/:id',
  ]);
});
