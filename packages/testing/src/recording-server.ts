// A small real HTTP server with a script: what to answer to the first request, the second, …
// In: replies, of which the last repeats for ever. Out: an address, and every request as it came, decoded.
// Invariant: real sockets, on a port of the system's choice; nothing outlives `close`.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import zlib from 'node:zlib';

/** What the server does with a request. */
export interface ScriptedReply {
  /** @default 204 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Waits this long before answering, ms. */
  readonly delayMs?: number;
  /** Reads the request and never answers. */
  readonly hang?: boolean;
  /** Resets the connection: before reading the body, after reading it, or in the middle of the reply. */
  readonly reset?: 'beforeBody' | 'afterBody' | 'midReply';
  /** Answers at once, without reading the body, and closes. */
  readonly refuseEarly?: boolean;
}

/** A request as it came. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** As on the wire. */
  readonly raw: Buffer;
  /** Decompressed by content-encoding. */
  readonly body: Buffer;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
}

/** Certificate and key, to listen with TLS; `ca` to demand client certificates. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
}

/** A running server. */
export interface RecordingServer {
  /** `http://127.0.0.1:<port>`, or https with `localhost`. */
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** Connections accepted so far. */
  readonly connections: number;
  /** Replaces the script from the next request on. */
  script(...replies: readonly ScriptedReply[]): void;
  /** Resolves when this many requests have been recorded. Rejects after ten seconds. */
  received(count: number): Promise<void>;
  /** Closes idle connections, as servers do after their keep-alive time. */
  dropConnections(): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a server. */
export async function recordingServer(
  replies: readonly ScriptedReply[] = [],
  tls?: ServerTls,
): Promise<RecordingServer> {
  const requests: RecordedRequest[] = [];
  const waiting = new Set<() => void>();
  const numbers = new WeakMap<object, number>();
  let connections = 0;
  let script = replies;
  let step = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const reply = script[Math.min(step++, script.length - 1)] ?? {};
    if (reply.reset === 'beforeBody') return void request.socket.resetAndDestroy();
    const raw = reply.refuseEarly ? Buffer.alloc(0) : await readAll(request);
    requests.push(record(request, raw, numbers.get(request.socket) ?? 0));
    for (const check of waiting) check();
    if (reply.reset === 'afterBody') return void request.socket.resetAndDestroy();
    if (reply.hang) return;
    if (reply.delayMs) await new Promise((resolve) => setTimeout(resolve, reply.delayMs));
    answer(request, response, reply);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    // A client that goes away while its request is read is part of many tests.
    handle(request, response).catch(() => request.socket.destroy());
  };
  const server: Server = tls
    ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined }, listener)
    : createServer(listener);
  server.on(tls ? 'secureConnection' : 'connection', (socket) => numbers.set(socket, ++connections));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    requests,
    get connections() {
      return connections;
    },
    script(...next) {
      script = next;
      step = 0;
    },
    received: (count) => until(() => requests.length >= count, waiting, `${count} requests`),
    dropConnections: () => server.closeAllConnections(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function answer(request: IncomingMessage, response: ServerResponse, reply: ScriptedReply): void {
  const body = Buffer.from(reply.body ?? '');
  if (reply.refuseEarly) response.setHeader('connection', 'close');
  if (reply.reset === 'midReply') {
    response.writeHead(reply.status ?? 200, { ...reply.headers, 'content-length': body.length + 1000 });
    response.write(body, () => request.socket.resetAndDestroy());
    return;
  }
  response.writeHead(reply.status ?? 204, reply.headers);
  response.end(body);
}

function record(request: IncomingMessage, raw: Buffer, connection: number): RecordedRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    headers,
    raw,
    body: decompress(raw, headers['content-encoding']),
    connection,
  };
}

/** Undoes a content encoding; what it does not know stays as it is. */
export function decompress(raw: Buffer, encoding: string | undefined): Buffer {
  if (encoding === 'gzip') return zlib.gunzipSync(raw);
  if (encoding === 'deflate') return zlib.inflateSync(raw);
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (raw: Buffer) => Buffer };
  return encoding === 'zstd' && zstdDecompressSync ? zstdDecompressSync(raw) : raw;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function until(holds: () => boolean, waiting: Set<() => void>, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(deadline);
      waiting.delete(check);
      settle();
    };
    const deadline = setTimeout(() => finish(() => reject(new Error(`Waited in vain for ${what}`))), 10_000);
    const check = () => holds() && finish(resolve);
    waiting.add(check);
    check();
  });
}
