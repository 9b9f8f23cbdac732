// Connections to one origin, and their life: made on the first request, renewed with age, closed when idle.
// In: requests. Out: replies; a reused connection that the server had already closed is replaced at once, unseen.
// Invariants: at most `connections` sockets in use; certificates always verified; no timers of its own.

import type { Socket } from 'node:net';
import type { buildConnector, Dispatcher } from 'undici';
import type { Runtime } from '../runtime.js';
import { type Exchange, exchange } from './exchange.js';
import { basicFromUrl } from './location.js';
import type { HttpOptions } from './options.js';
import { proxyFor } from './proxy.js';
import { type TlsMaterial, tlsLoader } from './tls.js';
import type { HttpReply } from './types.js';

/** What a pool needs to know. */
export interface PoolSettings {
  readonly url: URL;
  readonly options: Pick<HttpOptions, 'tls' | 'proxy' | 'connectTimeoutMs' | 'keepAliveMs' | 'maxConnectionAgeMs'>;
  /** Most sockets in use at a time. */
  readonly connections: number;
  readonly runtime: Runtime;
}

interface Generation {
  readonly dispatcher: Dispatcher;
  readonly tls: TlsMaterial;
  readonly expires: number;
}

/** A pool of connections that follows its destination when that moves. */
export class HttpPool {
  readonly #settings: PoolSettings;
  readonly #loadTls: () => Promise<TlsMaterial>;
  readonly #proxy: URL | undefined;
  /** Its code is loaded when the pool is made: it takes time, which the first batch under traffic should not pay. */
  readonly #connector: Promise<(tls: TlsMaterial) => Dispatcher>;
  /** Bytes that had come over a connection before it broke: none means that it was new. */
  readonly #received = new WeakMap<object, number>();
  readonly #retired = new Set<Dispatcher>();
  readonly #sockets = new Set<Socket>();
  #current: Generation | undefined;
  #closed = false;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#loadTls = tlsLoader(settings.options.tls);
    this.#proxy = proxyFor(settings.url, settings.options.proxy, process.env);
    this.#connector = this.#proxy ? this.#throughProxy(this.#proxy) : this.#directly();
    this.#connector.catch(() => {});
  }

  /** Resolves when the code that requests need is loaded, or cannot be, which the first request tells. */
  async prepare(): Promise<void> {
    await this.#connector.catch(() => {});
  }

  /** Sends a request. Rejects only when no reply came. */
  async request(request: Omit<Exchange, 'origin'>): Promise<HttpReply> {
    const full = { ...request, origin: this.#settings.url.origin };
    const generation = await this.#generation();
    try {
      return await exchange(generation.dispatcher, full);
    } catch (error) {
      // Servers close idle connections, sometimes just as we write to them. That says nothing about the destination,
      // so it is no failed attempt; but the other idle ones are as stale, hence a new generation.
      if (request.signal.aborted || this.#closed || !this.#wasReused(error)) throw error;
      if (this.#current === generation) this.#retire();
      return exchange((await this.#generation()).dispatcher, full);
    }
  }

  /** Whether all that was sent so far is out of our memory: a reply may come before the last byte of its request left. */
  get drained(): boolean {
    // Sockets to a proxy are made where we do not see them.
    if (this.#proxy) return false;
    for (const { writableLength } of this.#sockets) if (writableLength > 0) return false;
    return true;
  }

  /** Drops all connections, also those in use. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#retired];
    if (this.#current) all.push(this.#current.dispatcher);
    this.#current = undefined;
    await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
  }

  async #generation(): Promise<Generation> {
    const tls = await this.#loadTls();
    const connect = await this.#connector;
    if (this.#closed) throw Object.assign(new Error('closed'), { code: 'ABORT_ERR' });
    const now = this.#settings.runtime.monotonic();
    if (this.#current && (this.#current.tls !== tls || now >= this.#current.expires)) this.#retire();
    if (!this.#current) {
      // Spread by ±20 %, so that a fleet that started together does not reconnect together.
      const age = this.#settings.options.maxConnectionAgeMs * (0.8 + 0.4 * this.#settings.runtime.random());
      this.#current = { dispatcher: connect(tls), tls, expires: now + age };
    }
    return this.#current;
  }

  /** Lets the requests under way finish, and the connections go then. */
  #retire(): void {
    const dispatcher = this.#current?.dispatcher;
    this.#current = undefined;
    if (!dispatcher) return;
    this.#retired.add(dispatcher);
    const forget = () => this.#retired.delete(dispatcher);
    dispatcher.close().then(forget, forget);
  }

  async #directly(): Promise<(tls: TlsMaterial) => Dispatcher> {
    // Should a later version have moved its files, its front door still has them.
    const { Pool, buildConnector } = await import('./undici.js').catch(() => import('undici'));
    const { url, options } = this.#settings;
    return (tls) => {
      const connect = buildConnector({ ...tls, timeout: options.connectTimeoutMs });
      return new Pool(url.origin, {
        ...this.#pooling,
        connect: (target, callback) => {
          // The connector returns the socket, though its type does not say so.
          const socket = connect(target, callback) as unknown as Socket;
          this.#sockets.add(socket);
          this.#watch(socket);
          socket.on('close', () => this.#sockets.delete(socket));
        },
      });
    };
  }

  async #throughProxy(proxy: URL): Promise<(tls: TlsMaterial) => Dispatcher> {
    const { Pool, ProxyAgent } = await import('undici');
    const { url, options } = this.#settings;
    // Read by undici, a name without a password would not be sent, and a bare percent sign would be an error.
    const token = basicFromUrl(proxy);
    const { href: uri } = proxy;
    // Plain HTTP goes to the proxy in absolute form: many proxies tunnel to port 443 only.
    const proxyTunnel = url.protocol === 'https:';
    // A tunnel that is not opened would hold a connection, and what waits for it, for undici's five minutes.
    const headersTimeout = Math.ceil(options.connectTimeoutMs);
    const clientFactory = (origin: URL, more: object) => new Pool(origin, { ...more, headersTimeout });
    // Without it, connections for plain HTTP are as many and as old as undici likes.
    const factory = (origin: string | URL, more: object) => {
      const { connect } = more as { connect: buildConnector.connector };
      return new Pool(origin, { ...more, ...this.#pooling, connect: this.#watched(connect) });
    };
    return (tls) => {
      const requestTls = { ...tls, timeout: options.connectTimeoutMs };
      const { servername: _, ...proxyTls } = requestTls;
      const own = { proxyTunnel, requestTls, proxyTls, clientFactory, factory };
      return new ProxyAgent({ ...this.#pooling, uri, ...(token && { token }), ...own });
    };
  }

  /** A connector whose connections tell, when they break, whether they were new. */
  #watched(connect: buildConnector.connector): buildConnector.connector {
    return (target, callback) =>
      connect(target, (...made) => {
        if (made[1]) this.#watch(made[1]);
        callback(...made);
      });
  }

  #watch(socket: Socket): void {
    socket.on('error', (error) => this.#received.set(error, socket.bytesRead));
  }

  get #pooling() {
    const { connections, options } = this.#settings;
    return {
      connections,
      pipelining: 1,
      keepAliveTimeout: options.keepAliveMs,
      // A server may announce how long it keeps idle connections; believe it up to a minute.
      keepAliveMaxTimeout: Math.max(60_000, options.keepAliveMs),
    };
  }

  #wasReused(error: unknown): boolean {
    if (!(error instanceof Error)) return false;
    const { code, socket } = error as { code?: string; socket?: { bytesRead?: number } };
    const broken = code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
    return broken && (this.#received.get(error) ?? socket?.bytesRead ?? 0) > 0;
  }
}
