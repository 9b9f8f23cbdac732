// The adapter of Fastify against Fastify 5 and 4.
import fastify5, { type FastifyInstance, LogController } from 'fastify';
import fastify4 from 'fastify4';
import { describe, expect, it, vi } from 'vitest';
import { childLoggerFactory, requestLog } from './fastify.js';
import { adapterSuite, type StartOptions } from './test-kit/adapter-suite.js';
import { pinoLines } from './test-kit/lines.js';

function starter(create: (options: object) => FastifyInstance, options: (logger: unknown) => object) {
  return async ({ scenario, registrations }: StartOptions) => {
    const app = create({ ...options(scenario.logger), forceCloseConnections: true });
    for (let n = 0; n < registrations; n++) await app.register(requestLog, { logger: scenario.logger });
    app.get<{ Params: { id: string } }>('/users/:id', (request) => scenario.user(request.params.id));
    app.get<{ Params: { n: string } }>('/held/:n', (request) => scenario.held(request.params.n));
    app.post('/echo', (request) => scenario.echo(request.body));
    app.get('/stream', (_request, reply) => reply.send(scenario.stream()));
    app.get('/endless', (_request, reply) => reply.send(scenario.endless()));
    app.get('/waits', () => scenario.waits());
    app.get('/throws', () => scenario.throws());
    app.get('/healthz', async () => 'ok');
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    return { url, close: () => app.close() as unknown as Promise<void> };
  };
}

adapterSuite(
  'Fastify 5',
  starter(fastify5 as never, (loggerInstance) => ({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
  })),
);
adapterSuite(
  'Fastify 4',
  starter(fastify4 as never, (logger) => ({ logger, disableRequestLogging: true })),
);

describe('Fastify', () => {
  it('warns once if it writes its own two lines a request as well', async () => {
    const warn = vi.spyOn(process, 'emitWarning');
    const { lines, logger } = pinoLines();
    const app = fastify5({ loggerInstance: logger });
    await app.register(requestLog, { logger });
    await app.ready();
    expect(warn.mock.calls.map(([, options]) => (options as { code?: string }).code)).toEqual([
      'SPILLWAY_FASTIFY_LOGS_TOO',
    ]);
    warn.mockRestore();
    await app.close();
    expect(lines.records()).toEqual([]);
  });

  it('keeps ids that the application makes itself, and gives them to request.log', async () => {
    const { lines, logger } = pinoLines();
    const app = fastify5({
      loggerInstance: logger,
      logController: new LogController({ disableRequestLogging: true }),
      genReqId: () => 'own-1',
    });
    await app.register(requestLog, { logger });
    app.get('/', (request, reply) => {
      request.log.info('here');
      reply.send({ id: request.id });
    });
    const answer = await app.inject('/');
    expect(answer.json()).toEqual({ id: 'own-1' });
    expect(answer.headers['x-request-id']).toBe('own-1');
    expect(lines.with('here')).toMatchObject([{ request_id: 'own-1' }]);
    await app.close();
  });

  it.each([
    ['of its own accord in version 4', fastify4, {}, 'request-id'],
    ['as it was told to in version 5', fastify5, { requestIdHeader: 'X-Correlation-Id' }, 'x-correlation-id'],
  ])('takes harmless ids alone from the header that Fastify reads, %s', async (_, create, options, header) => {
    const { lines, logger } = pinoLines();
    const own = create === fastify4 ? { logger } : { loggerInstance: logger };
    const app = (create as unknown as typeof fastify5)({ ...own, ...options, childLoggerFactory } as object);
    await app.register(requestLog, { logger });
    app.get('/', async (request) => {
      request.log.info('here');
      return 'ok';
    });
    await app.inject({ url: '/', headers: { [header]: `"<script>${'x'.repeat(5000)}` } });
    await app.inject({ url: '/', headers: { [header]: 'harmless-1' } });
    expect(lines.with('here').map(({ request_id }) => request_id)).toEqual([
      expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      'harmless-1',
    ]);
    expect(lines.records().some(({ request_id }) => String(request_id).includes('script'))).toBe(false);
    await app.close();
  });

  it('gives request.log the context wherever it is used, with our factory of child loggers', async () => {
    const { lines, logger } = pinoLines();
    const app = fastify5({
      loggerInstance: logger,
      logController: new LogController({ disableRequestLogging: true }),
      childLoggerFactory,
    });
    await app.register(requestLog, { logger });
    const later: (() => void)[] = [];
    app.get('/', { logLevel: 'debug' }, async (request) => {
      later.push(() => request.log.debug('later'));
      return 'ok';
    });
    app.get('/plain', async (request) => {
      later.push(() => request.log.info('plain later'));
      return 'ok';
    });
    await app.inject({ url: '/', headers: { 'x-request-id': 'a' } });
    await app.inject({ url: '/plain', headers: { 'x-request-id': 'b' } });
    for (const log of later) log();
    app.log.info('of no request');
    expect(lines.with('later')).toMatchObject([{ level: 20, request_id: 'a' }]);
    expect(lines.with('plain later')).toMatchObject([{ request_id: 'b' }]);
    expect(lines.with('of no request')[0]).not.toHaveProperty('request_id');
    expect(lines.raw.join()).not.toContain('reqId');
    await app.close();
  });

  it('refuses wrong options while it starts', async () => {
    const app = fastify5();
    app.register(requestLog, { genReqID: () => 'x' } as object);
    await expect(app.ready()).rejects.toThrow('Unknown option `genReqID`, did you mean `genReqId`?');
  });
});
