// One request, one reply, over a given dispatcher.
// In: bytes and headers. Out: the reply with the beginning of its body; rejects only when no status came.
// Invariants: the body is always read to its end, or the connection is given up; redirects are replies like any other.

import type { Dispatcher } from 'undici';
import type { HttpReply } from './types.js';

/** How much of a reply is kept, unless the transport asks for more. */
const keptBytes = 64 * 1024;
/** How much is read and thrown away to save the connection; beyond, a new connection is cheaper. */
const drainedBytes = 1024 * 1024;

/** A request for {@link exchange}. */
export interface Exchange {
  readonly origin: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
  /** @default 65536 */
  readonly maxReplyBytes?: number | undefined;
}

/** Sends and waits for the reply. The signal is the only clock: it covers queueing, sending and reading. */
export function exchange(dispatcher: Dispatcher, request: Exchange): Promise<HttpReply> {
  const { signal, body, headers, maxReplyBytes = keptBytes, ...target } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    const reply = new ReplyBuffer(maxReplyBytes);
    const settle = (finish: () => void) => {
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onAbort = () => {
      settle(() => reject(signal.reason));
      controller?.abort(asError(signal.reason));
    };
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      {
        ...target,
        method: target.method as Dispatcher.HttpMethod,
        headers: headers as Record<string, string>,
        body: body ?? null,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart(started) {
          controller = started;
          if (signal.aborted) started.abort(asError(signal.reason));
        },
        onResponseStart(_, status, replyHeaders) {
          if (status >= 200) reply.start(status, replyHeaders);
        },
        onResponseData(running, chunk) {
          if (reply.add(chunk) <= Math.max(drainedBytes, maxReplyBytes)) return;
          settle(() => resolve(reply.done()));
          running.abort(new Error('reply too large'));
        },
        onResponseEnd: () => settle(() => resolve(reply.done())),
        // A refusal is often followed by a reset, because the server does not care to read the rest of the request:
        // the status says all. A success that breaks off may be a proxy's, so it does not count.
        onResponseError: (_, error) => settle(() => (reply.refused ? resolve(reply.done()) : reject(error))),
      },
    );
  });
}

class ReplyBuffer {
  #status = 0;
  #headers: Record<string, string> = {};
  #chunks: Buffer[] = [];
  #kept = 0;
  #seen = 0;
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get refused(): boolean {
    return this.#status >= 300;
  }

  start(status: number, headers: Record<string, string | string[] | undefined>): void {
    this.#status = status;
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) this.#headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : value;
    }
  }

  /** Keeps what fits and answers how much has come in all. */
  add(chunk: Buffer): number {
    const room = this.#limit - this.#kept;
    if (room > 0) {
      this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
      this.#kept += Math.min(chunk.length, room);
    }
    this.#seen += chunk.length;
    return this.#seen;
  }

  done(): HttpReply {
    return { status: this.#status, headers: this.#headers, body: Buffer.concat(this.#chunks) };
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason });
}
