// Request logging for Hono 3 and 4. In: requests. Out: one record each with the route's template, and the context for every line
// logged meanwhile. On Node the record is written when the response has been sent or has broken off; on other runtimes, which do
// not tell, when the handler has answered.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, MiddlewareHandler } from 'hono';
import type { RequestContext } from './context/request-context.js';
import { bindBody, brokeOff, follow, type Marked, nodeReader, warnDouble } from './node-request.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogger, RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { CONTEXT, storage } from './shared.js';

export type { RequestLogger, RequestLogOptions } from './request/options.js';

/** How requests of Hono are logged. Functions among the options get Hono's context, as request and as response. */
export type HonoRequestLogOptions = RequestLogOptions<Context, Context>;

/**
 * What the middleware adds to Hono's context.
 * @example const app = new Hono<{ Variables: RequestLogVariables }>()
 */
export interface RequestLogVariables {
  /** A logger whose lines carry the context of this request. */
  logger: RequestLogger;
  /** The id of the request. */
  requestId: string;
}

interface NodeBindings {
  readonly incoming?: IncomingMessage;
  readonly outgoing?: ServerResponse;
}

function nodeOf(c: Context): NodeBindings {
  return (c.env ?? {}) as NodeBindings;
}

/** A header that an answer without Node still has to get. */
interface Owing {
  [ECHO]?: readonly [name: string, value: string];
}

const ECHO = Symbol('echo');

// On Node all is read from, and the id set on, what `node:http` has at hand. Hono and its server would make a `Headers` of the
// whole request to read one header, and another for the response to set one, which costs more than the rest of the logging.
const reader: ExchangeReader<Context, Context> = {
  method: (c) => c.req.method,
  url: (c) => {
    const { incoming } = nodeOf(c);
    if (incoming !== undefined) return nodeReader.url(incoming);
    const { url } = c.req;
    const path = url.indexOf('/', url.indexOf('://') + 3);
    return path < 0 ? '/' : url.slice(path);
  },
  header: (c, name) => {
    const { incoming } = nodeOf(c);
    return incoming === undefined ? c.req.header(name) : nodeReader.header(incoming, name);
  },
  route: (c) => {
    const route = c.req.matchedRoutes?.[c.req.routeIndex];
    // What `app.use` registers matches, too, where no route does.
    return route === undefined || (route.method === 'ALL' && route.path.endsWith('*')) ? undefined : route.path;
  },
  remoteAddress: (c) => nodeOf(c).incoming?.socket?.remoteAddress,
  status: (c) => nodeOf(c).outgoing?.statusCode ?? c.res.status,
  responded: (c) => nodeOf(c).outgoing?.headersSent ?? true,
  bytes: (c, _res, aborted) => {
    const { incoming, outgoing } = nodeOf(c);
    if (incoming !== undefined && outgoing !== undefined) return nodeReader.bytes(incoming, outgoing, aborted);
    const length = c.res.headers.get('content-length');
    return length === null ? undefined : Number(length);
  },
  echo: (c, name, value) => {
    const { incoming, outgoing } = nodeOf(c);
    if (incoming !== undefined && outgoing !== undefined) nodeReader.echo(outgoing, name, value);
    else (c as Owing)[ECHO] = [name, value];
  },
};

/** Sets the header that is owed, on whatever response the handler made, unless it has set that header itself. */
function payEcho(c: Context): void {
  const echo = (c as Owing)[ECHO];
  if (echo !== undefined && !c.res.headers.has(echo[0])) c.header(...echo);
}

/**
 * Middleware for Hono; use it before all other. Adds the variables `logger` and `requestId`.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example
 * app.use(requestLog({ logger }))
 * app.get('/', (c) => { c.var.logger.info('hello'); return c.text('hi') })
 */
export function requestLog(options: HonoRequestLogOptions = {}): MiddlewareHandler {
  const log = new RequestLog(options, reader);
  return (c, next) => {
    const marked = c as Context & Marked;
    if (marked[CONTEXT] !== undefined) {
      warnDouble();
      return next();
    }
    const context = log.open(c, c);
    marked[CONTEXT] = context;
    c.set('logger', log.loggerOf(context));
    c.set('requestId', context.requestId);
    const { incoming, outgoing } = nodeOf(c);
    if (incoming === undefined || outgoing === undefined) return answered(log, context, c, storage.run(context, next));
    (incoming as Marked)[CONTEXT] = context;
    follow(context, { req: incoming, res: outgoing }, () => {
      // What handlers throw has become an answer by now, and is kept here.
      context.error ??= c.error;
      log.close(context, c, c, brokeOff(incoming, outgoing));
    });
    bindBody(incoming, context);
    const running = storage.run(context, next);
    // One promise for each request instead of the three that `async` makes here: they cost more where contexts are carried.
    return running.then(nothing, (error: unknown) => {
      context.error ??= error;
      throw error;
    });
  };
}

/** What middleware resolves to; Hono would take anything else for a response. */
function nothing(): void {}

/** Without Node nothing tells when the response has been sent: the record is written when the handler has answered. */
async function answered(
  log: RequestLog<Context, Context>,
  context: RequestContext,
  c: Context,
  running: Promise<void>,
): Promise<void> {
  try {
    await running;
    payEcho(c);
  } catch (error) {
    context.error ??= error;
    throw error;
  } finally {
    context.error ??= c.error;
    log.close(context, c, c, false);
  }
}
