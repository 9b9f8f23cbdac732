// Sends wires over one connection that is made when it is needed and replaced when it is old, idle or gone.
// In: a wire and a signal. Out: the reply of the session. It never judges replies.
// Invariants: no I/O before the first send; at most one connection is in use for new batches; a batch that was cut off on
// a connection that had worked is sent once more at once, since peers close connections for reasons of their own.

import { type TlsMaterial, tlsLoader } from '../http/tls.js';
import { type Runtime, sleep } from '../runtime.js';
import type { Sender } from '../transport.js';
import { abortable, turn } from '../waiting.js';
import type { StreamAddress } from './address.js';
import { StreamConnection } from './connection.js';
import { coded, dial } from './dial.js';
import type { StreamOptions } from './options.js';
import type { StreamProtocol, StreamSession } from './types.js';

/** What a sender needs to know. */
export interface StreamSenderSettings<Wire, Reply> {
  readonly address: StreamAddress;
  readonly options: StreamOptions;
  readonly protocol: StreamProtocol<Wire, Reply>;
  readonly runtime: Runtime;
}

interface Link<Wire, Reply> {
  readonly connection: StreamConnection;
  readonly session: StreamSession<Wire, Reply>;
  readonly tls: TlsMaterial;
  readonly expires: number;
  /** What the destination said instead of welcoming us. */
  refusal?: Reply;
  /** Batches that wait for their reply. */
  pending: number;
  /** When the last reply came. */
  usedAt: number;
  /** Whether it has answered or taken a batch before. */
  proven: boolean;
  retired: boolean;
}

/** How long an orderly end may take. */
const goodbyeMs = 1000;

/** The sender of stream transports. */
export class StreamSender<Wire, Reply> implements Sender<Wire, Reply> {
  readonly #settings: StreamSenderSettings<Wire, Reply>;
  readonly #loadTls: () => Promise<TlsMaterial>;
  readonly #closing = new AbortController();
  readonly #open = new Set<Link<Wire, Reply>>();
  #known: Link<Wire, Reply> | undefined;
  #acquiring: Promise<Link<Wire, Reply>> | undefined;

  constructor(settings: StreamSenderSettings<Wire, Reply>) {
    this.#settings = settings;
    this.#loadTls = tlsLoader(settings.options.tls);
  }

  async send(wire: Wire, signal: AbortSignal): Promise<Reply> {
    signal.throwIfAborted();
    for (let attempt = 1; ; attempt++) {
      const link = await abortable(this.#link(signal), signal);
      if (link.refusal !== undefined) return link.refusal;
      const { proven } = link;
      try {
        return await this.#converse(link, wire, signal);
      } catch (error) {
        if (signal.aborted || this.#closing.signal.aborted || !proven || attempt > 1) throw error;
      }
    }
  }

  /** Ends connections in good order where that is quick. */
  async close(): Promise<void> {
    this.#closing.abort(coded('ABORT_ERR', 'closed'));
    await Promise.all([...this.#open].map((link) => this.#part(link)));
  }

  async #converse(link: Link<Wire, Reply>, wire: Wire, signal: AbortSignal): Promise<Reply> {
    const { connection, session } = link;
    // It may have ended while it was handed over. A session that was told of its end has nobody who would end it again.
    connection.assertAlive();
    // Nobody knows how much of the batch has left: what comes after it would not be understood.
    const giveUp = () => connection.destroy(coded('ECONNABORTED', 'a batch took too long'));
    signal.addEventListener('abort', giveUp, { once: true });
    link.pending++;
    connection.ref();
    try {
      const reply = await session.send(wire, signal);
      link.proven = true;
      return reply;
    } finally {
      signal.removeEventListener('abort', giveUp);
      link.usedAt = this.#settings.runtime.monotonic();
      if (--link.pending === 0) {
        connection.unref();
        if (link.retired) void this.#part(link);
      }
    }
  }

  /** A connection that is believed to work; one attempt serves everybody who waits for it. */
  #link(signal: AbortSignal): Promise<Link<Wire, Reply>> {
    if (this.#settings.protocol.connectionPerBatch) return this.#ownLink(signal);
    this.#acquiring ??= this.#acquire().finally(() => {
      this.#acquiring = undefined;
    });
    return this.#acquiring;
  }

  /** A connection for one batch. Nobody takes it where that batch was given up meanwhile. */
  async #ownLink(signal: AbortSignal): Promise<Link<Wire, Reply>> {
    const link = await this.#connect();
    if (signal.aborted) void this.#part(link);
    return link;
  }

  async #acquire(): Promise<Link<Wire, Reply>> {
    const known = this.#known;
    if (known) {
      // What the peer did while nobody looked is waiting in the event loop; two turns let all of it be told.
      await turn();
      await turn();
      if (known.connection.alive && !(await this.#stale(known))) return known;
      this.#known = undefined;
      this.#retire(known);
    }
    const link = await this.#connect();
    if (link.refusal === undefined) this.#known = link;
    return link;
  }

  async #stale({ tls, expires, usedAt, pending }: Link<Wire, Reply>): Promise<boolean> {
    const now = this.#settings.runtime.monotonic();
    const idle = pending === 0 && now - usedAt > this.#settings.options.keepAliveMs;
    return idle || now >= expires || tls !== (await this.#loadTls());
  }

  /** Takes no more batches; it ends when those under way are answered. */
  #retire(link: Link<Wire, Reply>): void {
    link.retired = true;
    if (link.pending === 0) void this.#part(link);
  }

  async #connect(): Promise<Link<Wire, Reply>> {
    const tls = await this.#loadTls();
    const { address, options, protocol, runtime } = this.#settings;
    const { connectTimeoutMs, maxConnectionAgeMs } = options;
    const started = runtime.monotonic();
    const signal = this.#closing.signal;
    const socket = await dial({ address, tls, timeoutMs: connectTimeoutMs, runtime, signal });
    const connection: StreamConnection = new StreamConnection(socket, {
      received: (data) => session.received?.(data),
      ended: (error) => {
        this.#open.delete(link);
        session.ended?.(error);
      },
    });
    const session = protocol.open({ connection, runtime });
    // Spread by ±20 %, so that a fleet that started together does not reconnect together.
    const expires = started + maxConnectionAgeMs * (0.8 + 0.4 * runtime.random());
    const fresh = { pending: 0, usedAt: started, proven: false, retired: false };
    const link: Link<Wire, Reply> = { connection, session, tls, expires, ...fresh };
    this.#open.add(link);
    await this.#greet(link, connectTimeoutMs - (runtime.monotonic() - started));
    link.usedAt = runtime.monotonic();
    connection.unref();
    return link;
  }

  async #greet(link: Link<Wire, Reply>, timeoutMs: number): Promise<void> {
    const { session, connection } = link;
    if (!session.greet) return;
    const timer = this.#settings.runtime.after(Math.max(timeoutMs, 1), () => {
      connection.destroy(coded('ETIMEDOUT', 'no greeting in time'));
    });
    try {
      const refusal = await session.greet();
      if (refusal === undefined) return;
      link.refusal = refusal;
      void this.#part(link);
    } catch (error) {
      connection.destroy(error);
      throw error;
    } finally {
      timer.cancel();
    }
  }

  /** Ends a connection: what was written is still delivered, but nobody waits for long. */
  async #part({ connection, session }: Link<Wire, Reply>): Promise<void> {
    const closed = coded('ABORT_ERR', 'closed');
    if (!connection.alive) return connection.destroy(closed);
    connection.ref();
    const words = session.farewell?.();
    if (words) connection.write([words]).catch(() => {});
    const late = new AbortController();
    await Promise.race([connection.finish().catch(() => {}), sleep(this.#settings.runtime, goodbyeMs, late.signal)]);
    late.abort();
    connection.destroy(closed);
  }
}
