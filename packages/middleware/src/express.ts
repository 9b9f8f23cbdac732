// Request logging for Express 4 and 5. In: requests. Out: one record each with the route's template, and the context for every
// line logged meanwhile.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { recordError } from './context/current.js';
import { bindBody, dress, type LoggedRequest, type Marked, nodeReader, opened } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogOptions } from './request/options.js';
import { pathOf } from './request/path-pattern.js';
import { RequestLog } from './request/request-log.js';
import { CONTEXT, storage } from './shared.js';

export type { LoggedRequest } from './node-request.js';
export type { RequestLogger, RequestLogOptions } from './request/options.js';

declare global {
  namespace Express {
    interface Request extends LoggedRequest {}
  }
}

/** How requests of Express are logged. */
export type ExpressRequestLogOptions = RequestLogOptions<IncomingMessage, ServerResponse>;

interface Routed {
  readonly baseUrl?: string;
  readonly route?: { readonly path?: unknown };
  readonly ip?: string;
}

const reader: ExchangeReader<IncomingMessage, ServerResponse> = {
  ...nodeReader,
  route: (req, res) => {
    const { route, baseUrl = '' } = req as Routed;
    if (route?.path === undefined) return undefined;
    const template = templateOf(route.path);
    const mount = baseUrl === '' && res.statusCode >= 400 ? mountOf(nodeReader.url(req), template) : baseUrl;
    return `${mount}${template}` || '/';
  },
  // `ip` follows the application's setting of which proxies to trust.
  remoteAddress: (req) => (req as Routed).ip ?? req.socket?.remoteAddress,
};

function templateOf(path: unknown): string {
  if (typeof path === 'string') return path === '/' ? '' : path;
  return Array.isArray(path) ? path.map(String).join('|') : String(path);
}

/** What a pattern says in place of letters, other than a parameter that is a whole part of the path. */
const PATTERN = /[*?+(){}|\\]|[^/]:/;

/**
 * Where the router of a route is mounted. Express forgets it on the way to error handlers: it is what the path has in front of as
 * many parts as the template has, if these are the template's.
 */
function mountOf(url: string, template: string): string {
  if (PATTERN.test(template)) return '';
  const path = pathOf(url).replace(/\/$/, '').split('/');
  const parts = template.split('/').slice(1);
  const mount = path.slice(0, path.length - parts.length);
  const own = path.slice(mount.length);
  const fits = parts.every((part, at) => part.startsWith(':') || part.toLowerCase() === own[at]?.toLowerCase());
  return fits ? mount.join('/') : '';
}

/**
 * Middleware for Express; register it before all other.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example
 * app.use(requestLog({ logger }))
 * app.get('/', (req, res) => { req.log.info('hello'); res.send('hi') })
 * app.use(requestErrors())
 */
export function requestLog(
  options: ExpressRequestLogOptions = {},
): (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void {
  const log = new RequestLog(options, reader);
  return (req, res, next) => {
    const raw = { req, res };
    const context = opened(log, raw, raw);
    if (context === undefined) return next();
    dress(req, context, log);
    bindBody(req, context);
    storage.run(context, next);
  };
}

/**
 * Error handler for Express; register it after the routes. Puts the error into the record and hands it on.
 */
export function requestErrors(): (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void {
  return (error, req, _res, next) => {
    const context = (req as Marked)[CONTEXT];
    if (context === undefined) recordError(error);
    else context.error ??= error;
    next(error);
  };
}
