// A small real stream server: TCP, TLS or a unix socket, that reads, stalls, answers and breaks as a test says.
// In: what to do with a connection. Out: an address, and every byte as it came, a connection at a time.
// Invariant: nothing outlives `close`.

import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ServerTls } from './recording-server.js';

/** One accepted connection. */
export interface PeerConnection {
  readonly socket: Socket;
  /** Everything that came so far. */
  readonly data: Buffer;
  /** Whether the client has said that no more comes. */
  readonly ended: boolean;
}

/** A running server. */
export interface RecordingPeer {
  /** Port on 127.0.0.1; 0 for a unix socket. */
  readonly port: number;
  readonly connections: readonly PeerConnection[];
  /** Everything that came, over all connections, in the order in which those were accepted. */
  readonly data: Buffer;
  /** Resolves when the condition holds. Rejects after ten seconds. */
  until(condition: () => boolean, what: string): Promise<void>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a server can be told. */
export interface PeerOptions {
  /** Called for each connection, with its number from 1. It is read at once unless `socket.pause()` is called here. */
  accept?(socket: Socket, number: number): void;
  /** Called for what comes in, with all that the connection has sent so far. */
  received?(connection: PeerConnection, number: number): void;
  readonly tls?: ServerTls;
  /** Path of a unix socket, or a port, to listen at. @default a free port */
  readonly listen?: string | number;
}

/** Starts a server. */
export async function recordingPeer(options: PeerOptions = {}): Promise<RecordingPeer> {
  const { tls, listen = 0, accept, received } = options;
  const connections: Recorded[] = [];
  const checks = new Set<() => void>();
  const tell = () => {
    for (const check of checks) check();
  };
  const onConnection = (socket: Socket) => {
    const connection = new Recorded(socket);
    const number = connections.push(connection);
    // Clients that break off are part of many tests.
    socket.on('error', () => {});
    accept?.(socket, number);
    socket.on('data', (chunk) => {
      connection.chunks.push(chunk);
      received?.(connection, number);
      tell();
    });
    socket.on('end', () => {
      connection.ended = true;
      tell();
    });
    tell();
  };
  const server: Server = tls
    ? createTlsServer({ ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: tls.ca !== undefined })
    : createServer();
  server.on(tls ? 'secureConnection' : 'connection', onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof listen === 'string') server.listen(listen, resolve);
    else server.listen(listen, '127.0.0.1', resolve);
  });
  const address = server.address();
  const close = async () => {
    for (const { socket } of connections) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    connections,
    get data() {
      return Buffer.concat(connections.map(({ data }) => data));
    },
    until: (condition, what) => waitFor(condition, what, checks),
    close,
    [Symbol.asyncDispose]: close,
  };
}

class Recorded implements PeerConnection {
  readonly socket: Socket;
  readonly chunks: Buffer[] = [];
  ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  get data(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function waitFor(condition: () => boolean, what: string, checks: Set<() => void>): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      clearTimeout(deadline);
      checks.delete(check);
      settle();
    };
    const deadline = setTimeout(() => finish(() => reject(new Error(`Waited in vain for ${what}`))), 10_000);
    const check = () => condition() && finish(resolve);
    checks.add(check);
    check();
  });
}
