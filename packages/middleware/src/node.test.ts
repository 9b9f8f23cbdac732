// The adapter of node:http, as a wrapper of a listener and as middleware.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestLog, withRequestLog } from './node.js';
import { adapterSuite, type Scenario, type StartOptions, serve } from './test-kit/adapter-suite.js';

function router(scenario: Scenario) {
  return async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const [, first, second = ''] = (req.url ?? '').split('?')[0]!.split('/');
    const json = (data: object) => {
      const text = JSON.stringify(data);
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text);
    };
    try {
      if (first === 'users') json(await scenario.user(second));
      else if (first === 'held') json(await scenario.held(second));
      else if (first === 'stream') scenario.stream().pipe(res);
      else if (first === 'endless') scenario.endless().pipe(res);
      else if (first === 'waits') await scenario.waits();
      else if (first === 'throws') await scenario.throws();
      else if (first === 'healthz') res.end('ok');
      else if (first === 'echo') {
        // Listeners, not `for await`: the hard case for the context.
        let text = '';
        req.on('data', (chunk: Buffer) => {
          text += chunk;
        });
        req.on('end', () => void scenario.echo(JSON.parse(text)).then(json));
      } else {
        res.statusCode = 404;
        res.end();
      }
    } catch (error) {
      Object.assign(res, { err: error, statusCode: 500 });
      res.end('sorry');
    }
  };
}

adapterSuite(
  'node:http, listener',
  ({ scenario, registrations }: StartOptions) => {
    let listener: (req: IncomingMessage, res: ServerResponse) => unknown = router(scenario);
    for (let n = 0; n < registrations; n++) listener = withRequestLog(listener, { logger: scenario.logger });
    return serve(listener);
  },
  { routes: false },
);

adapterSuite(
  'node:http, middleware',
  ({ scenario, registrations }: StartOptions) => {
    const route = router(scenario);
    const logs = Array.from({ length: registrations }, () => requestLog({ logger: scenario.logger }));
    return serve((req, res) => {
      const [first, second = (_req, _res, next) => next()] = logs;
      first!(req, res, () => second(req, res, () => route(req, res)));
    });
  },
  { routes: false },
);
