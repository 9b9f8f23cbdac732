// Protocols in which the destination never answers: lines and frames over TCP, TLS or a unix socket.
// In: bytes. Out: 'taken', which is worth what the two ways below say, never more.
//
// written: the operating system has taken the whole batch, and then for a while neither an error nor a close was seen.
//   That covers a destination that dies, restarts or refuses us while it keeps up with reading. It does not cover what a
//   stalled destination had not read when it died, nor a network that swallows packets without a word.
// read: each batch has a connection of its own, and counts when the destination has read to its end and closed. That covers
//   those as well, for one more handshake a batch. It does not cover what the destination throws away in its own memory,
//   as some do when they shut down in good order with a batch half read; nor what it has not read when it closes first, as
//   Java does: a channel that is closed with bytes unread says its end before it resets the connection.

import type { StreamConnection } from './connection.js';
import { QuietWatch } from './quiet-watch.js';
import type { SessionContext, StreamProtocol, StreamSession } from './types.js';

/** A batch as bytes for a stream. */
export interface StreamWire {
  readonly body: Buffer;
}

/** All that can be known where nobody answers; everything else is an error. */
export type Taken = 'taken';

/** How a batch is known to have arrived. */
export interface Confirmation {
  readonly confirm: 'written' | 'read';
  readonly confirmMs: number;
}

/** The protocol of destinations that take bytes and say nothing. */
export function plainProtocol({ confirm, confirmMs }: Confirmation): StreamProtocol<StreamWire, Taken> {
  if (confirm === 'read') return { connectionPerBatch: true, open: ({ connection }) => readToTheEnd(connection) };
  return { open: (context) => new WrittenSession(context, confirmMs) };
}

function readToTheEnd(connection: StreamConnection): StreamSession<StreamWire, Taken> {
  return {
    async send({ body }) {
      await connection.write([body]);
      await connection.finish();
      return 'taken';
    },
  };
}

class WrittenSession implements StreamSession<StreamWire, Taken> {
  readonly #context: SessionContext;
  readonly #watch: QuietWatch;

  constructor(context: SessionContext, confirmMs: number) {
    this.#context = context;
    this.#watch = new QuietWatch(context.runtime, confirmMs);
  }

  async send({ body }: StreamWire): Promise<Taken> {
    await this.#context.connection.write([body]);
    await this.#watch.quiet();
    return 'taken';
  }

  ended(error: unknown): void {
    this.#watch.ended(error);
  }
}
