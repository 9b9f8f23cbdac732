// The adapter of node:http, as a wrapper of a listener and as middleware.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { requestLog, withRequestLog } from './node.js';
import { adapterSuite, type StartOptions, serve } from './test-kit/adapter-suite.js';
import { ask } from './test-kit/http-client.js';
import { pinoLines } from './test-kit/lines.js';
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

test('a header is found in any case, and one that came twice is no id', async () => {
  const ids: string[] = [];
  const app = await serve(
    withRequestLog(
      (req, res) => {
        ids.push(req.id);
        res.end();
      },
      { autoLogging: false },
    ),
  );
  await ask(app.url, { headers: { 'X-Request-ID': 'once' } });
  await new Promise((resolve) => {
    const request = http.get(app.url, { headers: ['host', 'x', 'x-request-id', 'one', 'X-Request-Id', 'two'] });
    request.on('response', (response) => response.resume().on('end', resolve));
  });
  await app.close();
  expect(ids).toEqual(['once', expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)]);
});

test('a request that was made up has the headers that it has', () => {
  const req = { method: 'GET', url: '/', headers: { 'x-request-id': 'made-up' }, rawHeaders: [] } as never;
  const res = { headersSent: true, on: () => res } as never;
  withRequestLog((seen) => expect(seen.id).toBe('made-up'))(req, res);
  expect.assertions(1);
});

test('a request of HTTP/2 has its context in the listeners of its body, and an address', async () => {
  const { lines, logger } = pinoLines();
  const listener = withRequestLog(
    (req, res) => {
      req.on('data', () => logger.info('got a part'));
      req.on('end', () => {
        logger.info('got all');
        res.end('ok');
      });
    },
    { logger },
  );
  const server = http2.createServer(listener as never);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  // Without a length, as the client of Node sends it.
  const request = client.request({ ':method': 'POST', ':path': '/upload', 'x-request-id': 'h2' });
  request.resume().end('body');
  await new Promise((resolve) => request.on('close', resolve));
  const [record] = await lines.recordsWhen(1);
  client.close();
  server.close();
  expect(record).toMatchObject({ request_id: 'h2', status: 200, remote_address: expect.stringContaining('127.0.0.1') });
  expect(lines.all()).toMatchObject([
    { msg: 'got a part', request_id: 'h2' },
    { msg: 'got all', request_id: 'h2' },
    { msg: 'request completed' },
  ]);
});
