// Request logging for Next.js 15 and 16 on Node. In: the requests of Next's server, from `instrumentation.ts`; errors of rendering,
// which Next reports there; handlers of routes. Out: one record a request with the template of its route, and the context for
// every line logged meanwhile, in pages, server components, actions and route handlers.
// Invariant: where Next runs without Node (edge), nothing here is to be loaded: guard by `NEXT_RUNTIME`, as in the example.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { logAllServers } from './all-servers.js';
import type { RequestContext } from './context/request-context.js';
import { nodeReader } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import { QUIET_PATHS, type RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { storage } from './shared.js';

export type { RequestLogger, RequestLogOptions } from './request/options.js';

/** How requests of Next are logged. Functions among the options get the requests and responses of node:http. */
export type NextRequestLogOptions = RequestLogOptions<IncomingMessage, ServerResponse>;

interface Matched {
  readonly match?: { readonly definition?: { readonly pathname?: string } };
}

// Under this Next keeps what it learns about a request, on the request.
const META = Symbol.for('NextInternalRequestMeta');

const reader: ExchangeReader<IncomingMessage, ServerResponse> = {
  ...nodeReader,
  route: (req) => (req as unknown as Record<symbol, Matched | undefined>)[META]?.match?.definition?.pathname,
};

/** Scripts, styles, images and the traffic of the development server. */
const QUIET = [...QUIET_PATHS, '/_next/*', '/__nextjs*'];

/**
 * Logs all requests of Next's server; call it in `register` of `instrumentation.ts`.
 * @returns a function that ends it.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example
 * export async function register() {
 *   if (process.env.NEXT_RUNTIME === 'nodejs') {
 *     const { logRequests } = await import('@spillway/middleware/next')
 *     logRequests({ logger: (await import('./logger')).logger })
 *   }
 * }
 */
export function logRequests(options: NextRequestLogOptions = {}): () => void {
  const { autoLogging = true } = options;
  const auto = autoLogging === true ? {} : autoLogging;
  // What is neither is wrong, and left to be refused.
  const quiet = typeof auto === 'object' && auto !== null ? { quiet: QUIET, ...auto } : auto;
  return logAllServers(new RequestLog({ ...options, autoLogging: quiet }, reader));
}

/** What Next tells `onRequestError` of the place of an error. Its own types would change those of `process.env` for everybody. */
export interface NextErrorContext {
  readonly routerKind: string;
  readonly routeType: string;
  readonly routePath: string;
}

/**
 * Puts what Next reports as an error, from rendering, actions and route handlers, into the record of its request.
 * @example
 * export const onRequestError: Instrumentation.onRequestError = async (...args) => {
 *   if (process.env.NEXT_RUNTIME === 'nodejs') (await import('@spillway/middleware/next')).recordRequestError(...args)
 * }
 */
export function recordRequestError(error: unknown, _request: unknown, context: NextErrorContext): void {
  const current = storage.getStore()?.root;
  if (current === undefined) return;
  current.error ??= error;
  current.addToRecord({ router: context.routerKind, route_type: context.routeType, route_file: context.routePath });
}

type RouteHandler<Args extends unknown[]> = (request: Request, ...args: Args) => Response | Promise<Response>;

/**
 * Wraps a handler of a route: what it throws goes into the record, and the record gets the template of its route, both of which
 * a handler that answers errors itself would keep from Next. Without `logRequests` there is no record, and this only calls on.
 * @example export const GET = withRoute('/api/users/[id]', async (request, { params }) => Response.json(await find(params)))
 */
export function withRoute<Args extends unknown[]>(route: string, handler: RouteHandler<Args>): RouteHandler<Args> {
  return async (request, ...args) => {
    const context: RequestContext | undefined = storage.getStore()?.root;
    if (context !== undefined) context.route = route;
    try {
      return await handler(request, ...args);
    } catch (error) {
      if (context !== undefined) context.error ??= error;
      throw error;
    }
  };
}
