// What a protocol over a stream has to bring, and what it gets.
// In: an open connection. Out: replies. The sender knows sockets and their life, the session knows what is said on them.

import type { Runtime } from '../runtime.js';
import type { StreamConnection } from './connection.js';

/** A conversation over one connection, from its opening to its end. */
export interface StreamSession<Wire, Reply> {
  /**
   * What must be said before the first batch. It rejects when the connection fails; a reply means that the destination
   * refuses us, and becomes the answer to every batch that waits for this connection.
   */
  greet?(): Promise<Reply | undefined>;
  /**
   * Sends a batch, on a connection that has not ended. Several may be under way; the signal of one that is aborted ends
   * the whole connection.
   */
  send(wire: Wire, signal: AbortSignal): Promise<Reply>;
  /** What came in, cut anywhere. Throwing ends the connection with that error. */
  received?(data: Buffer): void;
  /** The connection is over: everything that waits must be settled now. Called at most once. */
  ended?(error: unknown): void;
  /** Last words before an orderly end. */
  farewell?(): Uint8Array;
}

/** What a session may use. */
export interface SessionContext {
  readonly connection: StreamConnection;
  readonly runtime: Runtime;
}

/** How a protocol uses connections. */
export interface StreamProtocol<Wire, Reply> {
  open(context: SessionContext): StreamSession<Wire, Reply>;
  /** Each batch gets a connection of its own, which the session ends. @default false */
  readonly connectionPerBatch?: boolean;
}
