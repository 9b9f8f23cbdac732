// Request logging for plain node:http, and for whatever else calls middleware with `(req, res, next)`.
// In: requests. Out: one record each, and the context for every line logged meanwhile.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { bindBody, dress, type LoggedRequest, nodeReader, opened } from './node-request.js';
import { isPromise } from './promises.js';
import type { RequestLogOptions } from './request/options.js';
import { RequestLog } from './request/request-log.js';
import { storage } from './shared.js';

export type { LoggedRequest } from './node-request.js';
export type { RequestLogger, RequestLogOptions } from './request/options.js';

/** How requests of node:http are logged. */
export type NodeRequestLogOptions = RequestLogOptions<IncomingMessage, ServerResponse>;

/** Runs the rest of the request in its context. */
export type NodeMiddleware = (req: IncomingMessage, res: ServerResponse, next: () => unknown) => unknown;

/**
 * Middleware for node:http, connect and the like.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 */
export function requestLog(options: NodeRequestLogOptions = {}): NodeMiddleware {
  const log = new RequestLog(options, nodeReader);
  return (req, res, next) => {
    const raw = { req, res };
    const context = opened(log, raw, raw);
    if (context === undefined) return next();
    dress(req, context, log);
    bindBody(req, context);
    return storage.run(context, next);
  };
}

/**
 * Wraps a listener of `http.createServer`. What it throws, or rejects with, goes into the record, which is then written at once,
 * with status 500 if the response has not begun, and is thrown on: to answer is the application's.
 * @example createServer(withRequestLog((req, res) => { req.log.info('hello'); res.end('hi') }))
 */
export function withRequestLog(
  listener: (req: IncomingMessage & LoggedRequest, res: ServerResponse) => unknown,
  options: NodeRequestLogOptions = {},
): (req: IncomingMessage, res: ServerResponse) => void {
  const log = new RequestLog(options, nodeReader);
  return (req, res) => {
    const raw = { req, res };
    const context = opened(log, raw, raw);
    const logged = req as IncomingMessage & LoggedRequest;
    if (context === undefined) {
      listener(logged, res);
      return;
    }
    dress(req, context, log);
    bindBody(req, context);
    const failed = (error: unknown): never => {
      context.error ??= error;
      log.close(context, req, res, false);
      throw error;
    };
    storage.run(context, () => {
      try {
        const result = listener(logged, res);
        if (isPromise(result)) result.then(undefined, failed);
      } catch (error) {
        failed(error);
      }
    });
  };
}
