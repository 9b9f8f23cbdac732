// Requests and responses of node:http, which most frameworks hand on. In: `IncomingMessage` and `ServerResponse`, also in the
// dress of Express or of http2's compatibility layer. Out: a reader for them, and the way through them: context opened, next
// step run inside, record written when the response closes.
// Invariants: one listener a request, on `close`, which Node emits after the end and after an abort alike, save for requests that
// wait behind others; a request that is seen a second time is passed on untouched.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestContext } from './context/request-context.js';
import type { ExchangeReader } from './request/exchange.js';
import type { RequestLogger } from './request/options.js';
import type { RequestLog } from './request/request-log.js';
import { CONTEXT, storage, warnOnce } from './shared.js';

/** A request that has been through the middleware. */
export interface Marked {
  [CONTEXT]?: RequestContext | undefined;
}

/** What the middleware adds to a request of node:http. */
export interface LoggedRequest {
  /** The id of the request. */
  id: string;
  /** A logger whose lines carry the context of this request. */
  readonly log: RequestLogger;
}

/** Reads requests of node:http. */
export const nodeReader: ExchangeReader<IncomingMessage, ServerResponse> = {
  method: (req) => req.method ?? '',
  // Routers cut their mount path off `url` and keep the whole in `originalUrl`.
  url: (req) => (req as { originalUrl?: string }).originalUrl ?? req.url ?? '',
  header: (req, name) => {
    const value = req.headers[name];
    return typeof value === 'string' ? value : undefined;
  },
  route: () => undefined,
  remoteAddress: (req) => req.socket?.remoteAddress,
  status: (res) => res.statusCode,
  responded: (res) => res.headersSent,
  bytes: bodyBytes,
  echo: (res, name, value) => {
    if (!res.headersSent) res.setHeader(name, value);
  },
};

/** By its length header where the body was sent in full, else by what its socket took for it. */
function bodyBytes(req: IncomingMessage, res: ServerResponse, aborted: boolean): number | undefined {
  if (req.method === 'HEAD' || res.statusCode === 304 || res.statusCode === 204) return 0;
  // Node keeps the text of the response's head here, `null` before it is sent; without it there is no telling the body from it.
  const head = (res as { _header?: unknown })._header;
  const length =
    aborted || head === null ? undefined : (computedLength(res) ?? res.getHeader('content-length') ?? lengthIn(head));
  if (length !== undefined) return Number(length);
  const before = (req as Marked)[CONTEXT]?.sentBefore;
  if (before === undefined || isShared(req, res)) return undefined;
  const written = req.socket.bytesWritten;
  return typeof head === 'string' ? Math.max(0, written - before - head.length) : head === null ? 0 : undefined;
}

/** Whether another response is on the socket, where requests came without waiting for answers: what it sent is not of one alone. */
function isShared(req: IncomingMessage, res: ServerResponse): boolean {
  const current = (req.socket as { _httpMessage?: unknown } | undefined)?._httpMessage;
  return typeof current === 'object' && current !== null && current !== res;
}

/** Calls `over` when the response of a request has been sent, or never will be. */
export function follow(
  context: RequestContext,
  { req, res }: { req: IncomingMessage; res: ServerResponse },
  over: () => void,
): void {
  res.on('close', over);
  if (req.httpVersionMajor !== 1) return;
  if (isShared(req, res)) waitInLine(req.socket, res, over);
  else context.sentBefore = req.socket?.bytesWritten;
}

const lines = new WeakMap<Socket, Set<() => void>>();

/** Node tells a response that waits for its turn behind others nothing when the client leaves; the connection tells. */
function waitInLine(socket: Socket, res: ServerResponse, over: () => void): void {
  const line = lines.get(socket) ?? new Set();
  if (!lines.has(socket)) {
    lines.set(socket, line);
    socket.once('close', () => {
      for (const leave of line) leave();
    });
  }
  line.add(over);
  res.on('close', () => line.delete(over));
}

/** Whether a response that has closed was not sent in full. */
export function brokeOff(req: IncomingMessage, res: ServerResponse): boolean {
  // Node calls every response of HTTP/2 finished, however it ended.
  if (req.httpVersionMajor === 2 && (req as { aborted?: boolean }).aborted === true) return true;
  return !res.writableFinished;
}

/** The length that Node computed itself when the whole body was handed to `end`. */
function computedLength(res: ServerResponse): number | undefined {
  const length = (res as { _contentLength?: unknown })._contentLength;
  return typeof length === 'number' ? length : undefined;
}

const LENGTH = '\r\nContent-Length: ';

/** The length that was handed to `writeHead`, which keeps it in the text of the head alone. */
function lengthIn(head: unknown): string | undefined {
  const at = typeof head === 'string' ? head.indexOf(LENGTH) : -1;
  return at < 0
    ? undefined
    : (head as string).slice(at + LENGTH.length, (head as string).indexOf('\r', at + LENGTH.length));
}

/** Opens the context of a request, unless it has one; then its double registration is warned of. */
export function opened<Req, Res>(
  log: RequestLog<Req, Res>,
  raw: { req: IncomingMessage; res: ServerResponse },
  seen: { req: Req; res: Res; id?: string | undefined },
): RequestContext | undefined {
  const { req, res } = raw as { req: IncomingMessage & Marked; res: ServerResponse };
  if (req[CONTEXT] !== undefined) {
    warnDouble();
    return undefined;
  }
  const context = log.open(seen.req, seen.res, seen.id);
  req[CONTEXT] = context;
  follow(context, raw, () => log.close(context, seen.req, seen.res, brokeOff(req, res)));
  return context;
}

/** Says that the middleware is registered twice: every request would have had two ids and two records. */
export function warnDouble(): void {
  warnOnce(
    'SPILLWAY_REGISTERED_TWICE',
    'The request log is registered more than once for the same requests; only the first registration counts.',
  );
}

/** Puts the id and the logger on a request. */
export function dress<Req, Res>(req: IncomingMessage, context: RequestContext, log: RequestLog<Req, Res>): void {
  const dressed = req as IncomingMessage & { id: string; log: RequestLogger };
  dressed.id = context.requestId!;
  dressed.log = log.loggerOf(context);
}

/**
 * Lets the events of a request with a body run in its context. Node emits them from the connection, outside of every request,
 * so listeners for `data` and `end` (body parsers, uploads) would otherwise lose it.
 */
export function bindBody(req: IncomingMessage, context: RequestContext): void {
  if (!hasBody(req)) return;
  const { emit } = req;
  req.emit = (...args: Parameters<typeof emit>) => storage.run(context, () => emit.apply(req, args));
}

function hasBody(req: IncomingMessage): boolean {
  // In HTTP/2 a body needs neither header: the frames say whether there is one.
  if (req.httpVersionMajor === 2)
    return (req as { stream?: { endAfterHeaders?: boolean } }).stream?.endAfterHeaders !== true;
  const { headers } = req;
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
}
