// One open stream, and all that can happen to it.
// In: buffers to write. Out: what comes in, and one error, once, when it is over.
// Invariants: after `ended` nothing more is reported; a connection of which the peer closed its half is over, since
// what we would write then is lost; an idle connection does not keep the process alive.

import type { Socket } from 'node:net';
import { coded } from './dial.js';

/** Who listens to a connection. */
export interface ConnectionPort {
  /** What came in. Throwing ends the connection with that error. */
  received(data: Buffer): void;
  /** The connection is over; called once, also after {@link StreamConnection.finish} that went well. */
  ended(error: unknown): void;
}

/** An open stream. */
export class StreamConnection {
  readonly #socket: Socket;
  readonly #port: ConnectionPort;
  #over = false;
  #cause: unknown;
  #finishing: { resolve(): void; reject(error: unknown): void } | undefined;

  /** `socket` is connected. */
  constructor(socket: Socket, port: ConnectionPort) {
    this.#socket = socket;
    this.#port = port;
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(coded('ECONNRESET', 'closed')));
    socket.on('end', () => this.#peerEnded());
    socket.on('data', (data: Buffer) => {
      try {
        if (!this.#over) port.received(data);
      } catch (error) {
        this.destroy(error);
      }
    });
    if (socket.destroyed) queueMicrotask(() => this.#end(coded('ECONNRESET', 'closed')));
  }

  /** Whether there is any use in writing. */
  get alive(): boolean {
    return !this.#over && !this.#finishing;
  }

  /** @throws what ended it, where there is no use in writing any more */
  assertAlive(): void {
    if (!this.alive) throw this.#cause ?? coded('EPIPE', 'connection is over');
  }

  /** Resolves when the operating system has taken all of it. */
  write(parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.assertAlive();
      const socket = this.#socket;
      let last: Error | null | undefined;
      let waiting = parts.length;
      const written = (error?: Error | null) => {
        last ??= error;
        if (--waiting > 0) return;
        if (last) reject(this.#cause ?? last);
        else resolve();
      };
      socket.cork();
      for (const part of parts) socket.write(part, written);
      socket.uncork();
    });
  }

  /**
   * Says that no more comes, and resolves when the peer has closed as well, which those who read to the end do.
   * Nothing can be written from here on.
   */
  finish(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.assertAlive();
      this.#finishing = { resolve, reject };
      this.#socket.end();
    });
  }

  /** Gives the connection up: what is still on its way may or may not arrive. */
  destroy(error: unknown): void {
    this.#end(error);
  }

  /** Keeps the process alive for this connection, as long as somebody waits for it. */
  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  #peerEnded(): void {
    const asked = this.#finishing;
    this.#finishing = undefined;
    asked?.resolve();
    this.#end(asked ? coded('ABORT_ERR', 'closed') : coded('SPILLWAY_PEER_CLOSED', 'closed by the destination'));
  }

  #end(error: unknown): void {
    const first = !this.#over;
    this.#over = true;
    this.#cause ??= error;
    this.#socket.destroy();
    if (!first) return;
    this.#finishing?.reject(error);
    this.#port.ended(error);
  }
}
