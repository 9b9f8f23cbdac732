// The adapter of node:http, as a wrapper of a listener and as middleware.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestLog, withRequestLog } from './node.js';
import { adapterSuite, type StartOptions, serve } from './test-kit/adapter-suite.js';
import { nodeRouter } from './test-kit/node-router.js';

adapterSuite(
  'node:http, listener',
  ({ scenario, registrations }: StartOptions) => {
    let listener: (req: IncomingMessage, res: ServerResponse) => unknown = nodeRouter(scenario);
    for (let n = 0; n < registrations; n++) listener = withRequestLog(listener, { logger: scenario.logger });
    return serve(listener);
  },
  { routes: false },
);

adapterSuite(
  'node:http, middleware',
  ({ scenario, registrations }: StartOptions) => {
    const route = nodeRouter(scenario);
    const logs = Array.from({ length: registrations }, () => requestLog({ logger: scenario.logger }));
    return serve((req, res) => {
      const [first, second = (_req, _res, next) => next()] = logs;
      first!(req, res, () => second(req, res, () => route(req, res)));
    });
  },
  { routes: false },
);
