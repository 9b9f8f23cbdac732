// Opens one socket: TCP, TLS or unix.
// In: an address, TLS material, a deadline. Out: a socket that is connected and, with TLS, has verified its peer.
// Invariants: it resolves within the deadline or rejects with a coded error; a socket that is not handed over is destroyed.

import net from 'node:net';
import tls from 'node:tls';
import type { TlsMaterial } from '../http/tls.js';
import type { Runtime } from '../runtime.js';
import type { StreamAddress } from './address.js';

/** What {@link dial} needs. */
export interface DialSettings {
  readonly address: StreamAddress;
  readonly tls: TlsMaterial;
  readonly timeoutMs: number;
  readonly runtime: Runtime;
  readonly signal: AbortSignal;
}

/** Lets the operating system find out that a peer has gone without a word. */
const probeIdleMs = 30_000;

/** Connects. */
export function dial({ address, tls: material, timeoutMs, runtime, signal }: DialSettings): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect(address, material);
    // An error after the hand-over has its own listener; this one only keeps errors between the two from being unhandled.
    socket.on('error', fail);
    socket.once('close', () => fail(coded('ECONNRESET', 'closed while connecting')));
    socket.once(address.kind === 'tls' ? 'secureConnect' : 'connect', () => {
      settle();
      resolve(socket);
    });
    const timer = runtime.after(timeoutMs, () => fail(coded('ETIMEDOUT', 'no connection in time')));
    const onAbort = () => fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    function settle(): void {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    }
    function fail(error: unknown): void {
      settle();
      reject(error);
      socket.destroy();
    }
  });
}

function connect(address: StreamAddress, material: TlsMaterial): net.Socket {
  if (address.kind === 'unix') return net.connect({ path: address.path });
  const { host, port } = address;
  const socket = address.kind === 'tls' ? tls.connect({ host, port, ...material }) : net.connect({ host, port });
  // Whole batches are written at once: there is nothing to gain from waiting for more.
  return socket.setNoDelay(true).setKeepAlive(true, probeIdleMs);
}

/** An error of the connection, in the words that `classifyFailure` knows. */
export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
