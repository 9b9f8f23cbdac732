// The options of request logging over real HTTP with the simplest adapter; adapters have tests of their own.
import http from 'node:http';
import pino from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { addContext, addToRecord } from '../context/current.js';
import { fingersCrossed } from '../context/fingers-crossed.js';
import { withContext } from '../context/pino.js';
import { createLogger, type Logger } from '../loggers/logger.js';
import { type NodeRequestLogOptions, withRequestLog } from '../node.js';
import { type Started, serve } from '../test-kit/adapter-suite.js';
import { type Ask, ask } from '../test-kit/http-client.js';
import { Lines, pinoLines } from '../test-kit/lines.js';
import { FIXED_KEYS } from './options.js';
import { signedLevel, signLevel } from './signed-level.js';

type Listener = Parameters<typeof withRequestLog>[0];
let app: Started | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function send(
  options: NodeRequestLogOptions,
  { path = '/', listener, ...how }: Ask & { path?: string; listener?: Listener } = {},
) {
  app = await serve(withRequestLog(listener ?? ((_req, res) => res.end('ok')), options));
  return ask(app.url + path, how);
}

describe('options known from pino-http', () => {
  it('genReqId, customProps, customAttributeKeys, serializers', async () => {
    const { lines, logger } = pinoLines();
    const answer = await send(
      {
        logger,
        genReqId: (req) => `id${req.url}`.replace('/', '-'),
        customProps: (_req, res) => ({ build: 'b1', statusCode: res.statusCode, password: 'hunter2', method: 'taken' }),
        customAttributeKeys: { reqId: 'reqId', responseTime: 'responseTime', err: 'error' },
        serializers: { req: (req) => ({ headers: req.headers }), res: (res) => ({ statusCode: res.statusCode }) },
      },
      {
        path: '/x',
        headers: { authorization: 'Bearer hunter2', accept: 'text/plain' },
        listener: (req, res) => {
          req.log.info('line');
          res.end(req.id);
        },
      },
    );
    expect(answer.body).toBe('id-x');
    const [record] = await lines.recordsWhen(1);
    expect(record).toMatchObject({
      reqId: 'id-x',
      build: 'b1',
      statusCode: 200,
      method: 'GET',
      _method: 'taken',
      password: '[Redacted]',
      req: { headers: { authorization: '[Redacted]', accept: 'text/plain' } },
      res: { statusCode: 200 },
    });
    expect(record!.responseTime).toBeTypeOf('number');
    expect(lines.with('line')).toMatchObject([{ reqId: 'id-x' }]);
  });

  it('customLogLevel, useLevel, and silence', async () => {
    const { lines, logger } = pinoLines('trace');
    await send({ logger, customLogLevel: (_req, res) => (res.statusCode === 200 ? 'trace' : 'fatal') });
    await app!.close();
    await send(
      { logger, useLevel: 'debug' },
      {
        listener: (_req, res) => {
          res.statusCode = 500;
          res.end();
        },
      },
    );
    await app!.close();
    await send({ logger, customLogLevel: () => 'silent' });
    await app!.close();
    await send({ logger });
    const records = await lines.recordsWhen(3);
    expect(records.map(({ level }) => level)).toEqual([10, 20, 30]);
  });

  it('keeps a key of customProps that objects treat in their own way', async () => {
    const { lines, logger } = pinoLines();
    await send({ logger, customProps: () => JSON.parse('{"__proto__":{"a":1}}') as object });
    await lines.recordsWhen(1);
    expect(lines.raw.join()).toContain('"__proto__":{"a":1}');
  });

  it('messages and objects', async () => {
    const { lines, logger } = pinoLines();
    const options: NodeRequestLogOptions = {
      logger,
      customReceivedMessage: (req) => `got ${req.url}`,
      customReceivedObject: () => ({ early: true, token: 'hunter2' }),
      customSuccessMessage: (req, _res, ms) => `${req.method} took ${ms >= 0}`,
      customSuccessObject: (_req, _res, record) => ({ ...record, more: 1, secret: 'hunter2' }),
      customErrorMessage: (_req, _res, error) => `bad: ${(error as Error).message}`,
      customErrorObject: (_req, _res, _error, record) => ({ ...record, worse: 1 }),
    };
    await send(options, { path: '/good' });
    await app!.close();
    await send(options, {
      listener: (_req, res) => {
        Object.assign(res, { err: new TypeError('no password=hunter2'), statusCode: 503 });
        res.end();
      },
    });
    const records = await lines.recordsWhen(2);
    expect(lines.with('got /good')).toMatchObject([
      { early: true, token: '[Redacted]', request_id: records[0]!.request_id },
    ]);
    expect(records).toMatchObject([
      { msg: 'GET took true', more: 1, secret: '[Redacted]' },
      { msg: 'bad: no password=[Redacted]', worse: 1, err: { type: 'TypeError', message: 'no password=[Redacted]' } },
    ]);
    expect(lines.raw.join()).not.toContain('hunter2');
  });

  it('autoLogging: off, ignore, quiet', async () => {
    const { lines, logger } = pinoLines('debug');
    await send(
      { logger, autoLogging: false },
      {
        listener: (req, res) => {
          req.log.info('in');
          res.end();
        },
      },
    );
    await app!.close();
    await send({ logger, autoLogging: { ignore: (req) => req.url === '/no' } }, { path: '/no' });
    await app!.close();
    await send({ logger, autoLogging: { quiet: ['/internal/*'] } }, { path: '/internal/a?b=1' });
    await app!.close();
    await send({ logger }, { path: '/healthz' });
    await app!.close();
    await send(
      { logger },
      {
        path: '/healthz',
        listener: (_req, res) => {
          res.statusCode = 503;
          res.end();
        },
      },
    );
    const records = await lines.recordsWhen(3);
    expect(records.map(({ level, url }) => [level, url])).toEqual([
      [20, '/internal/a?b=1'],
      [20, '/healthz'],
      [50, '/healthz'],
    ]);
    expect(lines.with('in')[0]!.request_id).toBeTypeOf('string');
  });

  it('contains what callbacks throw, and warns without secrets', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { logger } = pinoLines();
    const answer = await send({
      logger,
      customProps: () => {
        throw new Error('password=hunter2');
      },
      genReqId: () => {
        throw new Error('x');
      },
    });
    expect(answer.status).toBe(200);
    await vi.waitFor(() => expect(warn.mock.calls.length).toBe(1));
    expect(String(warn.mock.calls[0]![0])).toMatch(/failed in `(genReqId|record)`/);
    expect(String(warn.mock.calls[0]![0])).not.toContain('hunter2');
    warn.mockRestore();
  });

  it.each([
    [{ genReqID: () => 'x' }, 'Unknown option `genReqID`, did you mean `genReqId`?'],
    [{ customProps: {} }, 'Expected `customProps` to be a function, got a value of type object'],
    [{ logger: {} }, 'Expected `logger` to be a logger with `info()`'],
    [{ useLevel: 'loud' }, 'Expected `useLevel` to be one of `trace`, `debug`'],
    [{ autoLogging: { quite: [] } }, 'Unknown option `autoLogging.quite`, did you mean `quiet`?'],
    [
      { sampling: { rates: { info: 101 } } },
      'Expected `sampling.rates.info` to be a number from 0 to 100, got `101` (number)',
    ],
    [{ sampling: { keep: [{}] } }, 'Expected `sampling.keep[0]` to be a rule'],
    [{ routeLevels: [{ path: '/x', level: 'x' }] }, 'Expected `routeLevels[0].level`'],
    [{ customAttributeKeys: { requestId: 'x' } }, 'Unknown option `customAttributeKeys.requestId`'],
    [{ customAttributeKeys: { err: 5 } }, 'Expected `customAttributeKeys.err` to be a string, got `5` (number)'],
    [{ customAttributeKeys: { reqId: 'kind' } }, 'Expected `customAttributeKeys.reqId` to be a key that neither'],
    [{ customAttributeKeys: { err: 'msg' } }, 'Expected `customAttributeKeys.err` to be a key that neither'],
    [{ customAttributeKeys: { bytes: 'pid' } }, 'Expected `customAttributeKeys.bytes` to be a key that neither'],
    [{ customAttributeKeys: { url: 'sample_rate' } }, 'Expected `customAttributeKeys.url` to be a key that neither'],
    [
      { customAttributeKeys: { err: 'status' } },
      'Expected `customAttributeKeys.err` to be another key than that of `status`, got `status` (string)',
    ],
    [
      { customAttributeKeys: { url: 'a', bytes: 'a' } },
      'Expected `customAttributeKeys.url` to be another key than that of `bytes`',
    ],
    [{ sampling: true }, 'Expected `sampling` to be an object, got `true` (boolean)'],
    [{ sampling: { keep: { status: 500 } } }, 'Expected `sampling.keep` to be an array'],
    [{ sampling: { keep: [null] } }, 'Expected `sampling.keep[0]` to be an object'],
    [{ routeLevels: {} }, 'Expected `routeLevels` to be an array'],
    [{ routeLevels: [{ path: '/x', level: 'debug', methods: 'GET' }] }, 'Unknown option `routeLevels[0].methods`'],
    [{ routeLevels: [{ path: '/x', level: 'debug', method: 5 }] }, 'Expected `routeLevels[0].method` to be a string'],
    [{ levelHeader: 'x-log-level' }, 'Expected `levelHeader` to be what `signedLevel({ secret })` returns'],
    [{ levelHeader: { header: 'x-log-level' } }, 'Expected `levelHeader` to be what'],
    [{ autoLogging: 'off' }, 'Expected `autoLogging` to be an object, got `off` (string)'],
    [{ autoLogging: null }, 'Expected `autoLogging` to be an object, got null'],
    [{ requestIdHeader: '' }, 'Expected `requestIdHeader` to be the name of a header'],
    [{ requestIdHeader: 'request id' }, 'Expected `requestIdHeader` to be the name of a header'],
    [{ requestIdHeader: true }, 'Expected `requestIdHeader` to be the name of a header'],
  ])('refuses %j', (options, message) => {
    expect(() => withRequestLog(() => {}, options as never)).toThrow(message);
    expect(() => withRequestLog(() => {}, options as never)).toThrow(
      expect.objectContaining({ code: 'SPILLWAY_OPTIONS_INVALID' }),
    );
  });
});

describe('the record', () => {
  it('has no key twice, whatever the application adds', async () => {
    const { lines, logger } = pinoLines();
    const taken = { ...Object.fromEntries(FIXED_KEYS.map((key) => [key, 'mine'])), url: 'mine', id: 'mine' };
    const customAttributeKeys = { url: 'status', status: 'url', reqId: 'id' };
    await send({ logger, customProps: () => taken, customAttributeKeys }, { path: '/x' });
    await lines.recordsWhen(1);
    const keys = [...lines.raw[0]!.matchAll(/"(\w+)":/g)].map(([, key]) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(lines.all()).toMatchObject([{ url: 200, status: '/x', _url: 'mine', _id: 'mine', _pid: 'mine' }]);
  });

  it('is wide: what handlers add is on it, and only the context on lines', async () => {
    const { lines, logger } = pinoLines();
    await send(
      { logger },
      {
        listener: async (_req, res) => {
          addContext({ tenant: 'acme' });
          addToRecord({ cart: { items: 3 }, coupon: 'X', status: 'paid' });
          await Promise.resolve();
          logger.info('line');
          res.end();
        },
      },
    );
    expect(await lines.recordsWhen(1)).toMatchObject([
      { tenant: 'acme', cart: { items: 3 }, coupon: 'X', status: 200, _status: 'paid' },
    ]);
    expect(lines.with('line')[0]).toMatchObject({ tenant: 'acme' });
    expect(lines.with('line')[0]).not.toHaveProperty('coupon');
    expect(lines.raw.every((line) => (line.match(/"request_id"/g) ?? []).length === 1)).toBe(true);
  });

  it('is written at once when a listener throws, which is thrown on', async () => {
    const { lines, logger } = pinoLines();
    const thrown: unknown[] = [];
    const listener = withRequestLog(
      (_req, res) => {
        res.setHeader('content-length', 5);
        throw new Error('sync');
      },
      { logger },
    );
    app = await serve((req, res) => {
      try {
        listener(req, res);
      } catch (error) {
        thrown.push(error);
        res.statusCode = 503;
        res.end('sorry');
      }
    });
    await ask(app.url);
    expect(thrown).toMatchObject([{ message: 'sync' }]);
    expect(await lines.recordsWhen(1)).toMatchObject([{ level: 50, status: 500, bytes: 0, err: { message: 'sync' } }]);
    expect(lines.raw.length).toBe(1);
    // Nobody left.
    expect(lines.all()[0]).not.toHaveProperty('aborted');
  });

  it('counts the bytes of bodies with and without a length, and of none', async () => {
    const { lines, logger } = pinoLines();
    app = await serve(
      withRequestLog(
        (req, res) => {
          if (req.url === '/length') res.setHeader('content-length', 5).end('12345');
          else if (req.url === '/end') res.end('123');
          else if (req.url === '/written') {
            res.write('1234');
            res.end('5678');
          } else if (req.url === '/none') {
            res.statusCode = 204;
            res.end();
          } else res.setHeader('content-length', 99).end();
        },
        { logger },
      ),
    );
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (const path of ['/length', '/end', '/written', '/none']) await ask(app.url + path, { agent });
    await ask(`${app.url}/head`, { agent, method: 'HEAD' });
    agent.destroy();
    const records = await lines.recordsWhen(5);
    const bytes = Object.fromEntries(records.map(({ url, bytes: count }) => [url, count as number]));
    expect(bytes).toMatchObject({ '/length': 5, '/end': 3, '/none': 0, '/head': 0 });
    // Chunks have a frame of some bytes each.
    expect(bytes['/written']).toBeGreaterThanOrEqual(8);
    expect(bytes['/written']).toBeLessThan(40);
  });

  it('has no tokens that are in the path', async () => {
    const { lines, logger } = pinoLines();
    for (const path of ['/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_def', '/shop;jsessionid=hunter2']) {
      await send({ logger }, { path });
    }
    const records = await lines.recordsWhen(2);
    expect(records.map(({ url }) => url)).toEqual(['/verify/[Redacted]', '/shop;jsessionid=[Redacted]']);
  });

  it.each([
    ['written as a line', {}],
    ['behind hooks', { hooks: { streamWrite: (line: string) => line } }],
    ['as fields', { serializers: { other: () => 'x' } }],
  ])('has no secrets of its logger: %s', async (_how, options) => {
    const lines = new Lines();
    const bindings = { apiKey: 'hunter2', db: 'postgres://app:hunter2@db/shop', service: 'shop' };
    const logger = pino(withContext(options), lines).child(bindings);
    await send({ logger });
    const safe = { apiKey: '[Redacted]', db: 'postgres://[Redacted]@db/shop', service: 'shop' };
    expect(await lines.recordsWhen(1)).toMatchObject([{ ...safe, status: 200, msg: 'request completed' }]);
    expect(lines.raw.join()).not.toContain('hunter2');
  });

  it('is a line of the level that the logger knows, where it knows none but its own', async () => {
    const lines = new Lines();
    const own = { customLevels: { info: 11, warn: 12, error: 13 }, useOnlyCustomLevels: true };
    const logger = pino(withContext({ level: 'info', ...own }), lines);
    const routeLevels = [{ path: '/detailed', level: 'debug' }] as const;
    await send({ logger: logger as never, routeLevels });
    expect((await ask(`${app!.url}/detailed`)).status).toBe(200);
    const record = { level: 11, status: 200, msg: 'request completed' };
    expect(await lines.recordsWhen(2)).toMatchObject([record, record]);
  });

  it('goes to stdout by default', async () => {
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    await send({}, { path: '/default' });
    await vi.waitFor(() => expect(write.mock.calls.length).toBeGreaterThan(0));
    const lines = write.mock.calls.map(([line]) => String(line));
    write.mockRestore();
    expect(JSON.parse(lines.find((line) => line.includes('/default'))!)).toMatchObject({
      level: 30,
      kind: 'access',
      url: '/default',
      pid: process.pid,
    });
  });

  it('carries the ids for loggers that know nothing of the context', async () => {
    const lines = new Lines();
    const logger = pino({}, lines);
    await send(
      { logger },
      {
        listener: (req, res) => {
          req.log.info('child');
          res.end();
        },
      },
    );
    const [record] = await lines.recordsWhen(1);
    expect(record!.request_id).toBeTypeOf('string');
    expect(lines.with('child')).toMatchObject([{ request_id: record!.request_id }]);
  });
});

describe('req.log', () => {
  it('keeps the context where it is lost otherwise', async () => {
    for (const make of [
      (lines: Lines) => pino(withContext({}), lines),
      (lines: Lines) => createLogger({ destination: lines }),
    ]) {
      const lines = new Lines();
      const logger = make(lines) as Logger;
      const queue: (() => void)[] = [];
      await send(
        { logger },
        {
          listener: (req, res) => {
            const { log } = req;
            addContext({ user: 1 });
            queue.push(() => {
              log.info('later');
              (log.child!({ part: 2 }) as typeof log).info('child');
            });
            res.end();
          },
        },
      );
      const [record] = await lines.recordsWhen(1);
      queue[0]!();
      logger.info('bare');
      expect(lines.with('later')).toMatchObject([{ request_id: record!.request_id, user: 1 }]);
      expect(lines.with('child')).toMatchObject([{ request_id: record!.request_id, part: 2 }]);
      expect(lines.with('bare')[0]).not.toHaveProperty('request_id');
      await app!.close();
    }
  });
});

describe('volume', () => {
  it('samples by level, keeps what rules keep, and records the rate', async () => {
    const { lines, logger } = pinoLines();
    app = await serve(
      withRequestLog(
        (req, res) => {
          res.statusCode = req.url === '/bad' ? 500 : req.url === '/missing' ? 404 : 200;
          res.end();
        },
        { logger, sampling: { rates: { info: 50, warn: 0 }, keep: [{ path: '/pay*' }, { status: 500 }] } },
      ),
    );
    const agent = new http.Agent({ keepAlive: true, maxSockets: 10 });
    const paths = [...Array.from({ length: 200 }, () => '/some'), '/bad', '/missing', '/pay/1', '/pay/2'];
    await Promise.all(paths.map((path) => ask(app!.url + path, { agent })));
    agent.destroy();
    await lines.recordsWhen(3);
    await app.close();
    const records = lines.records();
    const some = records.filter(({ url }) => url === '/some');
    // 200 tosses of a fair coin: fewer than 50 or more than 150 heads happen less than once in 10^12 runs.
    expect(some.length).toBeGreaterThan(50);
    expect(some.length).toBeLessThan(150);
    expect(some.every(({ sample_rate }) => sample_rate === 0.5)).toBe(true);
    expect(
      records
        .filter(({ url }) => url !== '/some')
        .map(({ url, sample_rate }) => [url, sample_rate])
        .sort(),
    ).toEqual([
      ['/bad', 1],
      ['/pay/1', 1],
      ['/pay/2', 1],
    ]);
  });

  it('decides alike for one trace in all services', async () => {
    const { lines, logger } = pinoLines();
    const options = { logger, sampling: { rates: { info: 30 } } };
    const low = '00-0af7651916cd43dd8440000000000001-b7ad6b7169203331-01';
    const high = '00-0af7651916cd43dd844fffffffffffff-b7ad6b7169203331-01';
    for (let service = 0; service < 3; service++) {
      await send(options, { headers: { traceparent: low } });
      await ask(app!.url, { headers: { traceparent: high } });
      await app!.close();
    }
    await lines.recordsWhen(3);
    expect(lines.records().map(({ trace_id }) => trace_id)).toEqual(
      [low, low, low].map((header) => header.slice(3, 35)),
    );
  });

  it('lets a signed header ask for detail, and no other', async () => {
    const lines = new Lines();
    const secret = 'correct horse battery';
    const logger = pino(withContext({ level: 'debug' }), fingersCrossed(lines));
    const options = {
      logger,
      levelHeader: signedLevel({ secret: ['another secret of ours', secret], maxLifetimeMs: 600_000 }),
    };
    app = await serve(
      withRequestLog((req, res) => {
        logger.debug({ name: req.headers['x-name'] }, 'detail');
        res.end();
      }, options),
    );
    const good = signLevel('debug', secret, 60_000);
    const [level, expires, mac] = good.split('.') as [string, string, string];
    const headers: Record<string, string | undefined> = {
      good,
      none: undefined,
      forged: signLevel('debug', 'not the secret we use', 60_000),
      raised: `trace.${expires}.${mac}`,
      longer: `${level}.${Number(expires) + 100}.${mac}`,
      beyond: signLevel('debug', secret, 3_600_000),
      junk: '<script>',
    };
    for (const [name, value] of Object.entries(headers)) {
      await ask(app.url, {
        headers: { 'x-name': name, ...(value === undefined ? undefined : { 'x-log-level': value }) },
      });
    }
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 61_000);
    await ask(app.url, { headers: { 'x-name': 'expired', 'x-log-level': good } });
    clock.mockRestore();
    await lines.recordsWhen(8);
    expect(lines.with('detail').map(({ name }) => name)).toEqual(['good']);
    expect(() => signedLevel({ secret: 'short' })).toThrow('at least 16 characters');
    expect(() => signedLevel({ secret: 'short' })).not.toThrow('`short`');
  });

  it('gives req.log the level of the request without fingersCrossed, too', async () => {
    for (const make of [
      (lines: Lines) => pino(withContext({}), lines),
      (lines: Lines) => pino({}, lines),
      (lines: Lines) => createLogger({ destination: lines }),
    ]) {
      const lines = new Lines();
      await send(
        {
          logger: make(lines),
          routeLevels: [
            { path: '/debugged', level: 'debug' },
            { path: '/*', method: 'get', level: 'warn' },
          ],
        },
        {
          path: '/debugged',
          listener: (req, res) => {
            req.log.debug({}, 'detail');
            res.end();
          },
        },
      );
      await ask(`${app!.url}/other`);
      await lines.recordsWhen(1);
      await app!.close();
      expect(lines.with('detail').length).toBe(1);
      expect(lines.records().map(({ url }) => url)).toEqual(['/debugged']);
    }
  });
});
