// The adapter of node:http, as a wrapper of a listener and as middleware.
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { addContext } from './context/current.js';
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
  const req = { method: 'GET', url: '/', headers: { 'x-request-id': 'made-up' } } as never;
  const res = { headersSent: true, on: () => res } as never;
  withRequestLog((seen) => expect(seen.id).toBe('made-up'))(req, res);
  expect.assertions(1);
});

/** A promise of a library: not one of the language, but with the same ways to make one. */
class Foreign {
  static resolve = (value: unknown) => new Foreign(Promise.resolve(value));
  static reject = (error: unknown) => new Foreign(Promise.reject(error));
  private readonly promise: Promise<unknown>;

  constructor(promise: Promise<unknown>) {
    this.promise = promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: a promise has one
  then(done: (value: unknown) => unknown, failed: (error: unknown) => unknown): Foreign {
    // What comes of it is nobody's here, as it is Node's where listeners return promises.
    return new Foreign(this.promise.then(done, failed).catch(() => {}));
  }
}

test('what a promise of any library rejects with is in the record, and what only has a `then` is left alone', async () => {
  const { lines, logger } = pinoLines();
  let begun = 0;
  const app = await serve((req, res) => {
    const listener = () => {
      if (req.url === '/rejects') return Foreign.reject(new Error('no luck'));
      res.end();
      // biome-ignore lint/suspicious/noThenProperty: this is what it is about
      return { then: () => begun++ };
    };
    withRequestLog(listener, { logger })(req, res);
    if (req.url === '/rejects') setImmediate(() => res.writeHead(500).end());
  });
  await ask(`${app.url}/rejects`);
  await ask(`${app.url}/lazy`);
  const records = await lines.recordsWhen(2);
  await app.close();
  expect(records).toMatchObject([
    { url: '/rejects', level: 50, err: { message: 'no luck' } },
    { url: '/lazy', level: 30, status: 200 },
  ]);
  expect(begun).toBe(0);
});

/** A server of HTTP/2 with a client. */
async function overHttp2(listener: Parameters<typeof withRequestLog>[0]) {
  const { lines, logger } = pinoLines();
  const server = http2.createServer(withRequestLog(listener, { logger }) as never);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const close = () => {
    client.close();
    server.close();
  };
  return { lines, client, close };
}

test('a request of HTTP/2 has its context in the listeners of its body, and an address', async () => {
  const { lines, client, close } = await overHttp2((req, res) => {
    req.on('data', () => addContext({ part: 1 }));
    req.on('end', () => res.end('ok'));
  });
  // Without a length, as the client of Node sends it.
  const request = client.request({ ':method': 'POST', ':path': '/upload', 'x-request-id': 'h2' });
  request.resume().end('body');
  await new Promise((resolve) => request.on('close', resolve));
  const [record] = await lines.recordsWhen(1);
  close();
  expect(record).toMatchObject({ request_id: 'h2', status: 200, part: 1, msg: 'request completed' });
  expect(record!.remote_address).toContain('127.0.0.1');
});

test('a request of HTTP/2 that the client cancels is one', async () => {
  const { lines, client, close } = await overHttp2((req, res) => {
    if (req.url === '/begun') res.write('begun');
    else setImmediate(() => waiting.close(http2.constants.NGHTTP2_CANCEL));
  });
  const waiting = client.request({ ':path': '/waits' }).on('error', () => {});
  await lines.recordsWhen(1);
  const begun = client.request({ ':path': '/begun' }).on('error', () => {});
  begun.once('data', () => begun.close(http2.constants.NGHTTP2_CANCEL));
  expect(await lines.recordsWhen(2)).toMatchObject([
    { url: '/waits', status: 499, aborted: true, level: 40 },
    { url: '/begun', status: 200, aborted: true, level: 40 },
  ]);
  close();
});

test('bytes of responses that share a connection are not mixed up', async () => {
  const { lines, logger } = pinoLines();
  const app = await serve(
    withRequestLog(
      (req, res) => {
        if (req.url === '/length') res.setHeader('content-length', 1000);
        res.write('a'.repeat(500));
        setImmediate(() => res.end('b'.repeat(500)));
      },
      { logger },
    ),
  );
  const socket = net.connect(Number(new URL(app.url).port));
  const paths = ['/1', '/length', '/3'];
  socket.resume().write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''));
  const records = await lines.recordsWhen(3);
  socket.destroy();
  await app.close();
  expect(records.map(({ url, bytes }) => [url, bytes])).toEqual([
    ['/1', undefined],
    ['/length', 1000],
    ['/3', undefined],
  ]);
});

test('requests whose turn on the connection never came have a record, and no listener is left of those that had it', async () => {
  const { lines, logger } = pinoLines();
  const waiting: ServerResponse[] = [];
  let listeners = 0;
  const app = await serve(
    withRequestLog(
      (req, res) => {
        waiting.push(res);
        if (req.url !== '/last') return;
        listeners = req.socket.listenerCount('close');
        for (const first of waiting.splice(0, 20)) first.end();
      },
      { logger },
    ),
  );
  const socket = net.connect(Number(new URL(app.url).port)).resume();
  const paths = [...Array.from({ length: 22 }, (_, n) => `/${n}`), '/last'];
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`).join(''));
  await lines.recordsWhen(20);
  socket.destroy();
  const records = await lines.recordsWhen(23);
  await app.close();
  expect(records.slice(0, 20).every(({ status, aborted }) => status === 200 && aborted === undefined)).toBe(true);
  expect(records.slice(20)).toMatchObject(
    ['/20', '/21', '/last'].map((url) => ({ url, status: 499, aborted: true, level: 40 })),
  );
  expect(records.length).toBe(23);
  expect(listeners).toBeLessThan(10);
});
