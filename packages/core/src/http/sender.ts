// Sends wires over a pool: compresses once, authorizes each attempt.
// In: a wire and a signal. Out: the reply. It never judges replies, except that it renews credentials once when they
// are refused.
// Invariant: no I/O before the first send.

import type { Runtime } from '../runtime.js';
import type { Sender } from '../transport.js';
import { withPatience } from '../waiting.js';
import { wireCompressor } from './compression.js';
import { type Credentials, credentials } from './credentials.js';
import type { HttpOptions } from './options.js';
import { HttpPool } from './pool.js';
import { isNearby } from './proxy.js';
import type { Authorize, ContentEncoding, HttpFetch, HttpReply, HttpRequest, HttpWire, SecretHeader } from './types.js';

/** What a sender needs to know. */
export interface SenderSettings {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: ContentEncoding | undefined;
  readonly connections: number;
  readonly options: HttpOptions;
  readonly authorize: Authorize | undefined;
  readonly refuses: ((reply: HttpReply) => boolean) | undefined;
  readonly secretHeader: SecretHeader | undefined;
  readonly maxReplyBytes: number | undefined;
  readonly runtime: Runtime;
}

/** Token endpoints and the like: a handful at most. */
const maxOtherOrigins = 8;

/** The sender of HTTP transports. */
export class HttpSender implements Sender<HttpWire, HttpReply> {
  readonly #settings: SenderSettings;
  readonly #pool: HttpPool;
  readonly #others = new Map<string, HttpPool>();
  readonly #credentials: Credentials;
  readonly #compress: ReturnType<typeof wireCompressor>;

  constructor(settings: SenderSettings) {
    this.#settings = settings;
    this.#pool = new HttpPool(settings);
    this.#credentials = credentials(settings.options, settings.url, settings.secretHeader);
    this.#compress = wireCompressor(settings.encoding);
  }

  async prepare(): Promise<void> {
    await this.#pool.prepare();
    if (this.#settings.maxReplyBytes !== undefined) expectLongReplies();
  }

  async send(wire: HttpWire, signal: AbortSignal): Promise<HttpReply> {
    signal.throwIfAborted();
    const request = await this.#request(wire);
    const headers = await this.#authorized(request, signal);
    const reply = await this.#transmit(request, headers, signal);
    if (reply.status !== 401 && reply.status !== 403 && !this.#settings.refuses?.(reply)) return reply;
    const renewed = await this.#authorized(request, signal, reply);
    return sameHeaders(headers, renewed) ? reply : this.#transmit(request, renewed, signal);
  }

  letGo(): boolean {
    return this.#pool.drained;
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool, ...this.#others.values()].map((pool) => pool.close()));
  }

  async #request(wire: HttpWire): Promise<HttpRequest> {
    const { url, method, headers } = this.#settings;
    const { body, encoding } = await this.#compress(wire);
    // Not relative to the origin: a path that begins with two slashes would be taken for a host.
    const target = new URL(`${url.origin}${wire.path ?? `${url.pathname}${url.search}`}`);
    return {
      method,
      url: target,
      headers: {
        'user-agent': 'spillway',
        ...headers,
        ...wire.headers,
        ...(encoding && { 'content-encoding': encoding }),
      },
      body,
    };
  }

  async #authorized(request: HttpRequest, signal: AbortSignal, refusal?: HttpReply): Promise<Record<string, string>> {
    const refresh = refusal !== undefined;
    const known = { ...request.headers, ...(await this.#credentials(refresh)) };
    const { authorize, runtime } = this.#settings;
    if (!authorize) return known;
    const context = {
      refresh,
      ...(refusal && { refusal }),
      now: runtime.now(),
      signal,
      fetch: (url: URL, init: HttpFetch) => this.#fetch(url, init, signal),
    };
    return { ...known, ...(await authorize({ ...request, headers: known }, context)) };
  }

  #transmit(
    { method, url, body }: HttpRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const { maxReplyBytes } = this.#settings;
    return this.#pool.request({ method, path: `${url.pathname}${url.search}`, headers, body, signal, maxReplyBytes });
  }

  #fetch(url: URL, init: HttpFetch, signal: AbortSignal): Promise<HttpReply> {
    const pool = this.#other(url);
    const { method = 'GET', headers = {}, body } = init;
    const request = { method, path: `${url.pathname}${url.search}`, headers, body };
    // Credentials that still hold are to be used while the attempt has time left.
    return withPatience(this.#settings.runtime, signal, (until) => pool.request({ ...request, signal: until }));
  }

  #other(url: URL): HttpPool {
    const { origin } = url;
    let pool = this.#others.get(origin);
    if (!pool) {
      if (this.#others.size >= maxOtherOrigins)
        throw new Error(`Authorization uses more than ${maxOtherOrigins} hosts`);
      const { options, runtime } = this.#settings;
      const own = { ...options, tls: undefined, proxy: isNearby(url) ? false : options.proxy };
      pool = new HttpPool({ url, runtime, connections: 1, options: own });
      this.#others.set(origin, pool);
    }
    return pool;
  }
}

/**
 * For a long reply the parser grows its memory, which detaches a buffer. With the first one of its thread V8 throws away all
 * compiled code that assumes that no buffer ever is: everything that works on bytes, in the middle of the work. Better now.
 */
function expectLongReplies(): void {
  const buffer = new ArrayBuffer(1);
  structuredClone(buffer, { transfer: [buffer] });
}

function sameHeaders(a: Record<string, string>, b: Record<string, string>): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
