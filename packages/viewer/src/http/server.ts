// The HTTP server: guards every request, then routes it. Nothing a request does reaches the host but as an answer.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refusal } from '../decode/refusal.js';
import { ViewerError } from '../errors.js';
import { Guard } from './guard.js';
import { pushLoki, pushNdjson } from './ingest.js';
import { loadPage, type Page, sendFile } from './page.js';
import { deleteRecords, getRecords, getStats } from './records.js';
import { drain, secure, sendText } from './reply.js';
import type { Site } from './site.js';

type Handler = (site: Site, request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
  '/loki/api/v1/push': { POST: pushLoki },
  '/ingest': { POST: pushNdjson },
  '/api/records': { GET: getRecords, DELETE: deleteRecords },
  '/api/stats': { GET: getStats },
  '/api/tail': { GET: async (site, request, response, url) => site.tails.open(request, response, url) },
  '/ready': { GET: getReady },
};

async function getReady(site: Site, _request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (site.store.failure === undefined) sendText(response, 200, 'ready');
  else sendText(response, 503, 'the store has failed');
}

/** A listening server. */
export interface Listening {
  readonly port: number;
  /** Stops listening, lets requests under way end for a moment, then cuts the rest. */
  close(): Promise<void>;
}

/** Starts the server. @throws ViewerError with code SPILLWAY_VIEWER_LISTEN */
export async function listen(site: Site): Promise<Listening> {
  const guard = new Guard(site.settings);
  const page = loadPage();
  const server = createServer({ requestTimeout: 60_000, headersTimeout: 15_000, keepAliveTimeout: 75_000 });
  server.maxConnections = 1000;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void answer({ site, guard, page, request, response });
  });
  await bind(server, site);
  const { port } = server.address() as AddressInfo;
  return { port, close: () => close(server, site) };
}

interface Exchange {
  readonly site: Site;
  readonly guard: Guard;
  readonly page: Page;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  response.on('error', () => {});
  secure(response);
  try {
    await route(exchange);
  } catch (error) {
    if (request.destroyed && !request.complete) return;
    if (error instanceof Refusal) sendText(response, error.status, error.message);
    else sendText(response, 500, 'internal error');
  }
  drain(request);
}

async function route({ site, guard, page, request, response }: Exchange): Promise<void> {
  guard.checkPlace(request);
  const url = parseUrl(request.url);
  const cookie = `spillway_viewer_${request.socket.localPort}`;
  const given = url.searchParams.get('token');
  if (url.pathname === '/' && given !== null && guard.accepts(given)) {
    // The link with the token works once: afterwards the token is in a cookie and no longer in the address bar.
    response.setHeader('Set-Cookie', `${cookie}=${encodeURIComponent(given)}; HttpOnly; SameSite=Strict; Path=/`);
    response.setHeader('Location', '/');
    sendText(response, 303, 'see /');
    return;
  }
  if (!guard.isAuthorized(request, cookie)) {
    response.setHeader('WWW-Authenticate', 'Basic realm="Spillway viewer, token as the password", charset="UTF-8"');
    throw new Refusal(401, 'this viewer needs its token: Authorization: Bearer <token>');
  }
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? '');
  const file = page.get(url.pathname);
  const methods = file ? { GET: async () => sendFile(response, file) } : findRoute(url.pathname);
  if (methods === undefined) throw new Refusal(404, 'no such page');
  const handler = Object.hasOwn(methods, method) ? methods[method as keyof typeof methods] : undefined;
  if (handler === undefined) {
    response.setHeader('Allow', Object.keys(methods).join(', '));
    throw new Refusal(405, `${request.method} is not allowed here`);
  }
  await handler(site, request, response, url);
}

function findRoute(path: string): Readonly<Record<string, Handler>> | undefined {
  return Object.hasOwn(routes, path) ? routes[path] : undefined;
}

function parseUrl(target: string | undefined): URL {
  // The host part is a constant: nothing the client sent decides how the path is read.
  const path = `/${(target ?? '').replace(/^\/+/, '')}`;
  if (!target?.startsWith('/') || !URL.canParse(path, 'http://viewer'))
    throw new Refusal(400, 'malformed request target');
  return new URL(path, 'http://viewer');
}

function bind(server: Server, { settings }: Site): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint = error.code === 'EADDRINUSE' ? 'choose another `port`, or 0 for a free one' : error.message;
      const place = `${settings.host}:${settings.port}`;
      reject(new ViewerError('SPILLWAY_VIEWER_LISTEN', `Cannot listen on ${place}: ${hint}`, { cause: error }));
    });
    server.listen({ port: settings.port, host: settings.host }, resolve);
  });
}

/** How long requests under way may take to end. */
const GRACE_MS = 2000;

function close(server: Server, site: Site): Promise<void> {
  return new Promise((resolve) => {
    site.tails.close();
    const cut = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
