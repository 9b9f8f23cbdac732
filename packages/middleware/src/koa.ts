// Request logging for Koa 2 and 3. In: requests. Out: one record each with the route's template where @koa/router knows it, and
// the context for every line logged meanwhile.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Context, Next } from 'koa';
import type { RequestContext } from './context/request-context.js';
import { bindBody, type LoggedRequest, nodeReader, opened } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { storage } from './shared.js';

export type { RequestLogger, RequestLogOptions } from './request/options.js';

/** How requests of Koa are logged. Functions among the options get the requests and responses of node:http. */
export type KoaRequestLogOptions = RequestLogOptions<IncomingMessage, ServerResponse>;

/** What the middleware adds to Koa's context: `ctx.id` and `ctx.log`. */
export type LoggedContext = LoggedRequest;

const KOA = Symbol('koa');

interface Linked {
  [KOA]?: Context & { _matchedRoute?: unknown };
}

const reader: ExchangeReader<IncomingMessage, ServerResponse> = {
  ...nodeReader,
  url: (req) => (req as Linked)[KOA]?.originalUrl ?? req.url ?? '',
  route: (req) => {
    const route = (req as Linked)[KOA]?._matchedRoute;
    return route === undefined ? undefined : String(route);
  },
  // `ip` follows the application's `proxy` setting.
  remoteAddress: (req) => (req as Linked)[KOA]?.ip,
};

/** Koa answers an error without the headers set so far, but with those that the error itself has. */
function keepHeader(error: unknown, value: unknown, name: string): void {
  if (!(error instanceof Error) || value === undefined) return;
  const { headers } = error as { headers?: object };
  // Says so, instead of throwing, where the error does not let itself be changed.
  Reflect.defineProperty(error, 'headers', {
    value: { ...headers, [name]: value },
    configurable: true,
    writable: true,
  });
}

/** Koa starts to send a stream when all middleware is done, outside of the context: what the stream logs would lack it. */
function bindStream(body: unknown, context: RequestContext): void {
  if (typeof body !== 'object' || body === null || typeof (body as Readable).pipe !== 'function') return;
  const stream = body as Readable;
  const { pipe } = stream;
  stream.pipe = ((...args: Parameters<typeof pipe>) =>
    storage.run(context, () => pipe.apply(stream, args))) as typeof pipe;
}

/**
 * Middleware for Koa; use it before all other. Adds `ctx.id` and `ctx.log`.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example
 * app.use(requestLog({ logger }))
 * app.use((ctx) => { ctx.log.info('hello'); ctx.body = 'hi' })
 */
export function requestLog(options: KoaRequestLogOptions = {}): (ctx: Context, next: Next) => Promise<void> {
  const log = new RequestLog(options, reader);
  const header = options.requestIdHeader || 'x-request-id';
  return async (ctx, next) => {
    const raw = { req: ctx.req, res: ctx.res };
    (ctx.req as Linked)[KOA] = ctx;
    const context = opened(log, raw, raw);
    if (context === undefined) return next();
    const dressed = ctx as Context & { id: string; log: LoggedContext['log'] };
    dressed.id = context.requestId!;
    dressed.log = log.loggerOf(context);
    bindBody(ctx.req, context);
    try {
      await storage.run(context, next);
      bindStream(ctx.body, context);
    } catch (error) {
      context.error ??= error;
      keepHeader(error, ctx.res.getHeader(header), header);
      throw error;
    }
  };
}
