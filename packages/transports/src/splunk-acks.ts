// Waits until indexers have written what they took: each request gets a number, about which we ask until it is confirmed.
// In: wires. Out: the reply, once its number is confirmed; until then the batch is on its way, and its time runs.
// Invariants: one question at a time, about all numbers that wait; none is asked about after it was confirmed, as the
// answer can be had once; whoever shares the load balancer's cookie reaches the same indexer.

import { type HttpReply, type HttpWire, type Runtime, type Sender, sleep, withPatience } from '@spillway/core';
import { ackIdOf } from './splunk-replies.js';

/** How to ask. */
export interface AckSettings {
  /** Path and query of the question. */
  readonly path: string;
  readonly pollMs: number;
  readonly runtime: Runtime;
}

interface Waiting {
  resolve(): void;
  reject(refusal: HttpReply): void;
}

/** A sender whose replies are worth what indexers have on disk. */
export class AckSender implements Sender<HttpWire, HttpReply> {
  readonly #http: Sender<HttpWire, HttpReply>;
  readonly #settings: AckSettings;
  readonly #waiting = new Map<number, Waiting>();
  readonly #closing = new AbortController();
  #cookie: string | undefined;
  #polling = false;

  constructor(http: Sender<HttpWire, HttpReply>, settings: AckSettings) {
    this.#http = http;
    this.#settings = settings;
  }

  async prepare(): Promise<void> {
    await this.#http.prepare?.();
  }

  async send(wire: HttpWire, signal: AbortSignal): Promise<HttpReply> {
    const reply = await this.#exchange(wire, signal);
    const id = ackIdOf(reply);
    if (id === undefined) return reply;
    const confirmed = this.#confirmed(id, signal);
    if (!this.#polling) void this.#poll();
    return (await confirmed) ?? reply;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#http.close();
  }

  /** Resolves when the number is confirmed; with a refusal, if the collector does not know what we ask about. */
  #confirmed(id: number, signal: AbortSignal): Promise<HttpReply | undefined> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        signal.removeEventListener('abort', onAbort);
        // After a restart numbers begin anew: an older wait for the same one is over then, when its time is.
        if (this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        settle();
      };
      const onAbort = () => done(() => reject(signal.reason));
      const waiting: Waiting = {
        resolve: () => done(() => resolve(undefined)),
        reject: (refusal) => done(() => resolve(refusal)),
      };
      this.#waiting.set(id, waiting);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    const { runtime, pollMs } = this.#settings;
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      await sleep(runtime, pollMs, this.#closing.signal);
      if (this.#waiting.size > 0 && !this.#closing.signal.aborted) await this.#ask().catch(() => {});
    }
    this.#polling = false;
  }

  /** No answer, or one that something else gave, is no reason to stop: each batch has its own time. */
  async #ask(): Promise<void> {
    const ids = [...this.#waiting.keys()];
    const body = Buffer.from(JSON.stringify({ acks: ids }));
    const wire = { body, headers: { 'content-type': 'application/json' }, path: this.#settings.path };
    const { runtime } = this.#settings;
    // A question that is never answered must not be the last one.
    const reply = await withPatience(runtime, this.#closing.signal, (until) => this.#exchange(wire, until));
    if (reply.status === 400 || reply.status === 401 || reply.status === 403) {
      for (const { reject } of [...this.#waiting.values()]) reject(reply);
      return;
    }
    const { acks } = JSON.parse(reply.body.toString()) as { acks?: Record<string, unknown> };
    for (const id of ids) if (acks?.[String(id)] === true) this.#waiting.get(id)?.resolve();
  }

  async #exchange(wire: HttpWire, signal: AbortSignal): Promise<HttpReply> {
    const cookie = this.#cookie;
    const reply = await this.#http.send(cookie ? { ...wire, headers: { ...wire.headers, cookie } } : wire, signal);
    this.#cookie = cookiesOf(reply.headers['set-cookie']) ?? cookie;
    return reply;
  }
}

/** `Set-Cookie` headers, joined by commas, as a `Cookie` header. */
function cookiesOf(header: string | undefined): string | undefined {
  if (!header) return undefined;
  // Dates hold commas too, but no `=` before the next one.
  const pairs = header.split(/,(?=\s*[^;,=\s]+=)/).map((cookie) => cookie.split(';', 1)[0]!.trim());
  return pairs.join('; ').slice(0, 4096);
}
