// Logs the requests of every node:http server of the process, where there is no place for middleware. In: the events that Node
// itself publishes for each request, before any listener sees it. Out: what the middleware does. Nothing is patched.
// Invariants: first to see a request, so no line of it goes without its context; once a process, however often it is asked for.

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bindBody, type Marked, opened } from './node-request.js';
import type { RequestLog } from './request/request-log.js';
import { CONTEXT, storage } from './shared.js';

// https://nodejs.org/api/diagnostics_channel.html#http
const START = 'http.server.request.start';
const RUNNING = Symbol.for('@spillway/middleware:all-servers:1');

interface Started {
  readonly request: IncomingMessage & Marked;
  readonly response: ServerResponse;
}

/** Starts to log; in place of what was started before, so that code which is loaded again does not log twice. */
export function logAllServers(log: RequestLog<IncomingMessage, ServerResponse>): () => void {
  const registry = globalThis as unknown as Record<symbol, (() => void) | undefined>;
  registry[RUNNING]?.();

  function started(message: unknown): void {
    const { request, response } = message as Started;
    if (request[CONTEXT] !== undefined) return;
    const raw = { req: request, res: response };
    const context = opened(log, raw, raw);
    if (context === undefined) return;
    bindBody(request, context);
    // The listeners of the request follow in this very turn, and there is no function of theirs to wrap. What else runs in the
    // scope of the connection is the next request, which comes through here first.
    storage.enterWith(context);
  }

  subscribe(START, started);
  const stop = (): void => {
    unsubscribe(START, started);
    if (registry[RUNNING] === stop) registry[RUNNING] = undefined;
  };
  registry[RUNNING] = stop;
  return stop;
}
