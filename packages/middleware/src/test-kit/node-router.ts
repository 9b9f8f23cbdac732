// The application of the adapters' scenario as a plain listener of node:http, for adapters that need no framework.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Scenario } from './adapter-suite.js';

/** A listener with the routes of the scenario. */
export function nodeRouter(scenario: Scenario) {
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
