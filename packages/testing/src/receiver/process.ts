// The receiver's own process: an HTTP server that takes any path, counts what arrives, and fails on demand.
// A second server takes orders: POST /mode, POST /clear, GET /stats, GET /arrivals, GET /wait?unique=&timeoutMs=.
// Both listen on loopback only. The process ends with its parent, or, started by hand, with Ctrl-C.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { isOtlpProtobuf, type RequestHead, tally } from './body.js';
import { Arrivals, noStats, type ReceiverStats } from './ledger.js';
import type { TimedMode } from './mode.js';

let mode: TimedMode = { kind: 'ok' };
let remaining = Number.POSITIVE_INFINITY;
let stats = noStats();
let arrivals = new Arrivals();
let inFlight = 0;
let cpuAtStart = process.cpuUsage();
const waiting = new Set<() => void>();
/** Bodies that nobody has asked about yet. Counting waits, so that it takes no CPU from a burst under measurement. */
let uncounted: (() => void)[] = [];
let uncountedBytes = 0;
const maxUncountedBytes = 256 * 2 ** 20;

const data = http.createServer({ keepAliveTimeout: 30_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  inFlight += 1;
  stats.maxInFlight = Math.max(stats.maxInFlight, inFlight);
  response.on('close', () => {
    inFlight -= 1;
  });
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('error', () => {});
  request.on('end', () => {
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    answer(request, response, body);
  });
});

function answer(request: http.IncomingMessage, response: http.ServerResponse, body: Buffer): void {
  const head: RequestHead = {
    path: (request.url ?? '/').split('?')[0]!,
    contentType: request.headers['content-type'] ?? '',
    contentEncoding: request.headers['content-encoding'] ?? '',
  };
  const current = takeMode();
  stats.requests += 1;
  switch (current.kind) {
    case 'ok':
      if (head.path.endsWith('_bulk')) succeed(response, head, keep(body, head));
      else {
        succeed(response, head, 0);
        keepForLater(body, head);
      }
      return;
    case 'slow': {
      const records = keep(body, head);
      setTimeout(() => succeed(response, head, records), current.ms);
      return;
    }
    case 'hang':
      fault(current.stored, body, head);
      return;
    case 'reset':
      fault(current.stored, body, head);
      request.socket.resetAndDestroy();
      return;
    case 'status':
      fault(current.stored, body, head);
      response.writeHead(current.status, current.headers).end(current.body ?? '');
      return;
    case 'html200':
      fault(false, body, head);
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Sign in</title>');
      return;
    case 'refuse':
      request.socket.resetAndDestroy();
  }
}

function takeMode(): TimedMode {
  const current = mode;
  remaining -= 1;
  if (remaining <= 0) {
    mode = { kind: 'ok' };
    remaining = Number.POSITIVE_INFINITY;
  }
  return current;
}

function fault(stored: boolean | undefined, body: Buffer, head: RequestHead): void {
  stats.faulted += 1;
  if (stored) keep(body, head);
}

function keepForLater(body: Buffer, head: RequestHead): void {
  const atMs = nowMs();
  uncounted.push(() => keep(body, head, atMs));
  uncountedBytes += body.length;
  if (waiting.size > 0 || uncountedBytes > maxUncountedBytes) count();
}

function count(): void {
  const bodies = uncounted;
  uncounted = [];
  uncountedBytes = 0;
  for (const body of bodies) body();
}

/** A clock that all processes of the machine share. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function keep(body: Buffer, head: RequestHead, atMs = nowMs()): number {
  try {
    const { records, bytes } = tally(body, head, (i) => {
      if (arrivals.add(i, atMs)) stats.unique += 1;
      else stats.duplicates += 1;
    });
    stats.records += records;
    stats.bytes += body.length;
    stats.plainBytes += bytes;
    return records;
  } catch {
    stats.unreadable += 1;
    return 0;
  } finally {
    for (const check of waiting) check();
  }
}

function succeed(response: http.ServerResponse, head: RequestHead, records: number): void {
  if (response.writableEnded || response.destroyed) return;
  if (head.path === '/loki/api/v1/push') {
    response.writeHead(204).end();
    return;
  }
  if (isOtlpProtobuf(head)) {
    // An empty ExportLogsServiceResponse: no partial success.
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    return;
  }
  // Elasticsearch's client refuses servers that do not name themselves.
  response.writeHead(200, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
  response.end(JSON.stringify(successBody(head, records)));
}

function successBody(head: RequestHead, records: number): object {
  if (head.path.endsWith('/v1/logs')) return { partialSuccess: {} };
  if (!head.path.endsWith('_bulk')) return {};
  const items = Array.from({ length: records }, () => ({ index: { status: 201 } }));
  return { took: 1, errors: false, items };
}

const control = http.createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://control');
  const reply = (value: unknown) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  switch (`${request.method} ${url.pathname}`) {
    case 'POST /mode': {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const next = JSON.parse(Buffer.concat(chunks).toString()) as TimedMode;
      await listenOrRefuse(next);
      mode = next;
      remaining = next.requests ?? Number.POSITIVE_INFINITY;
      return reply({});
    }
    case 'POST /clear':
      count();
      stats = noStats();
      arrivals = new Arrivals();
      cpuAtStart = process.cpuUsage();
      return reply({});
    case 'GET /stats':
      return reply(snapshot());
    case 'GET /arrivals': {
      count();
      const { buffer, byteOffset, byteLength } = arrivals.times;
      response
        .setHeader('content-type', 'application/octet-stream')
        .end(new Uint8Array(buffer, byteOffset, byteLength));
      return;
    }
    case 'GET /wait':
      await until(Number(url.searchParams.get('unique')), Number(url.searchParams.get('timeoutMs')));
      return reply(snapshot());
    default:
      return response.writeHead(404).end();
  }
});

function snapshot(): ReceiverStats {
  count();
  const { user, system } = process.cpuUsage(cpuAtStart);
  return { ...stats, cpuUs: user + system };
}

function until(unique: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, timeoutMs);
    const check = () => {
      if (stats.unique >= unique) done();
    };
    function done() {
      clearTimeout(timer);
      waiting.delete(check);
      resolve();
    }
    waiting.add(check);
    count();
    check();
  });
}

let port = 0;

async function listenOrRefuse(next: TimedMode): Promise<void> {
  if (next.kind === 'refuse' && data.listening) {
    const closed = new Promise((resolve) => data.close(resolve));
    data.closeAllConnections();
    await closed;
  } else if (next.kind !== 'refuse' && !data.listening) {
    port = await listen(data, port);
  }
}

function listen(server: http.Server, wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(wanted, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
port = await listen(data, Number(values.port));
const addresses = {
  url: `http://127.0.0.1:${port}`,
  controlUrl: `http://127.0.0.1:${await listen(control, 0)}`,
};
if (process.send) {
  process.send(addresses);
  process.on('disconnect', () => process.exit());
} else {
  process.stdout.write(`${JSON.stringify(addresses)}\n`);
}
