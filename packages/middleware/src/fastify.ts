// Request logging for Fastify 4 and 5, as a plugin. In: requests. Out: one record each with the route's template, and the
// context for every line logged meanwhile, through `request.log` or any other logger.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestContext } from './context/request-context.js';
import { harmlessId } from './context/request-id.js';
import { bindBody, type Marked, nodeReader, opened } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { CONTEXT, storage, warnOnce } from './shared.js';

export type { RequestLogger, RequestLogOptions } from './request/options.js';

/** How requests of Fastify are logged. */
export type FastifyRequestLogOptions = RequestLogOptions<FastifyRequest, FastifyReply>;

const reader: ExchangeReader<FastifyRequest, FastifyReply> = {
  method: (request) => request.method,
  url: (request) => request.originalUrl ?? request.url,
  header: (request, name) => nodeReader.header(request.raw as IncomingMessage, name),
  route: (request) => request.routeOptions?.url,
  remoteAddress: (request) => request.ip,
  status: (reply) => reply.statusCode,
  responded: (reply) => reply.raw.headersSent,
  bytes: (request, reply, aborted) =>
    nodeReader.bytes(request.raw as IncomingMessage, reply.raw as ServerResponse, aborted),
  echo: (reply, name, value) => {
    reply.header(name, value);
  },
};

// What Fastify itself makes up counts requests of one process; it is no id to find a request by.
const COUNTED = /^req-[0-9a-z]+$/;

function register(fastify: FastifyInstance, options: FastifyRequestLogOptions, done: (error?: Error) => void): void {
  let log: RequestLog<FastifyRequest, FastifyReply>;
  try {
    // Fastify hands plugins options of its own beside the given ones.
    const {
      prefix: _prefix,
      logLevel: _logLevel,
      logSerializers: _logSerializers,
      ...own
    } = options as object & {
      prefix?: unknown;
      logLevel?: unknown;
      logSerializers?: unknown;
    };
    log = new RequestLog(own as FastifyRequestLogOptions, reader);
  } catch (error) {
    done(error as Error);
    return;
  }
  warnOfOwnRecords(fastify);
  const { requestIdHeader: sentIn } = fastify.initialConfig as { requestIdHeader?: unknown };
  fastify.addHook('onRequest', (request, reply, next) => {
    const raw = { req: request.raw as IncomingMessage, res: reply.raw as ServerResponse };
    const given = COUNTED.test(request.id) || isHarmful(request.id, raw.req, sentIn) ? undefined : request.id;
    const context = opened(log, raw, { req: request, res: reply, id: given });
    if (context === undefined) return next();
    request.id = context.requestId!;
    if (Object.hasOwn(request.log, CONTEXT)) (request.log as Marked)[CONTEXT] = context;
    bindBody(raw.req, context);
    storage.run(context, next);
  });
  fastify.addHook('onError', (request, _reply, error: FastifyError, next) => {
    const context = contextOf(request);
    if (context !== undefined) context.error ??= error;
    next();
  });
  done();
}

/** Whether Fastify has an id from the caller, as it does of its own accord before version 5, that no caller may choose. */
function isHarmful(id: string, req: IncomingMessage, sentIn: unknown): boolean {
  if (typeof sentIn !== 'string' || harmlessId(id) !== undefined) return false;
  return nodeReader.header(req, sentIn.toLowerCase()) === id;
}

function contextOf(request: FastifyRequest): RequestContext | undefined {
  return (request.raw as Marked)[CONTEXT];
}

/** Fastify's own two lines a request would stand beside our record. */
function warnOfOwnRecords(fastify: FastifyInstance): void {
  const { disableRequestLogging } = fastify.initialConfig as { disableRequestLogging?: unknown };
  const { level, isLevelEnabled } = fastify.log as { level?: string; isLevelEnabled?(level: string): boolean };
  if (disableRequestLogging || level === undefined || level === 'silent' || isControlled(fastify)) return;
  if (isLevelEnabled !== undefined && !isLevelEnabled.call(fastify.log, 'info')) return;
  warnOnce(
    'SPILLWAY_FASTIFY_LOGS_TOO',
    'Fastify logs requests as well; set `disableRequestLogging: true` to have one record a request.',
  );
}

/** Whether the application decides about Fastify's lines itself, which it does with a controller since Fastify 5.12. */
function isControlled(fastify: FastifyInstance): boolean {
  const symbol = Object.getOwnPropertySymbols(fastify).find(
    ({ description }) => description === 'fastify.logController',
  );
  const controller = symbol && (fastify as unknown as Record<symbol, { disableRequestLogging?: unknown }>)[symbol];
  return (
    controller !== undefined &&
    (Boolean(controller.disableRequestLogging) || controller.constructor.name !== 'LogController')
  );
}

/**
 * Makes Fastify's loggers of requests for the `childLoggerFactory` of its options: without a real child, which costs more than
 * a line, and without a `reqId` beside our `request_id`. Such a logger has the context of its request wherever it is used.
 */
export function childLoggerFactory<Logger extends object>(logger: Logger, _bindings: object, options: object): Logger {
  const { child } = logger as { child?(bindings: object, options: object): Logger };
  const own =
    typeof child === 'function' && Object.keys(options).length > 0
      ? child.call(logger, {}, options)
      : (Object.create(logger) as Logger);
  (own as Marked)[CONTEXT] = undefined;
  return own;
}

/**
 * Plugin for Fastify; register it before all other.
 *
 * Give Fastify the same logger and let it log no requests of its own: `request.log` then carries the context too.
 * @example
 * const app = fastify({ loggerInstance: logger, childLoggerFactory, disableRequestLogging: true })
 * await app.register(requestLog, { logger })
 */
export const requestLog: typeof register = Object.assign(register, {
  // Hooks must hold for the whole application, not for a scope of its own: the marks that fastify-plugin sets.
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@spillway/middleware',
  [Symbol.for('plugin-meta')]: { name: '@spillway/middleware', fastify: '4.x || 5.x' },
});
