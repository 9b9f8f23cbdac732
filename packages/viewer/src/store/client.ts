// The HTTP side's end of the store: sends requests to its thread and settles them by the replies.
// Keeps a copy of the store's counts, refreshed with every reply that changes them, so that reading them never waits.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { ViewerError } from '../errors.js';
import type { Reply, Request } from './messages.js';
import type { Found, Push, PushResult, Search, StoreStats } from './model.js';
import type { StoreOptions } from './store.js';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

type Unnumbered<T> = T extends { readonly id: number } ? Omit<T, 'id'> : never;

/** The store as the HTTP side sees it. */
export class StoreClient {
  /** Called after every change of what is stored. */
  onChange: () => void = () => {};
  /** Why the store can no longer be used; undefined while it works. */
  failure: string | undefined;
  setAside = false;
  #stats!: StoreStats;
  readonly #port: MessagePort | Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(port: MessagePort | Worker) {
    this.#port = port;
  }

  /** Opens the store. @throws ViewerError with code SPILLWAY_VIEWER_STORE */
  static async open(options: StoreOptions): Promise<StoreClient> {
    const client = new StoreClient(await start(options));
    await client.#ready();
    return client;
  }

  stats(): StoreStats {
    return this.#stats;
  }

  /** Stores a body; resolves once it is committed or refused. The body's memory moves to the store's thread. */
  push(push: Push): Promise<PushResult> {
    const { body } = push;
    const owned = body.byteLength === body.buffer.byteLength;
    return this.#request({ kind: 'push', push }, owned ? [body.buffer as ArrayBuffer] : []);
  }

  /** Searches; an abort gives it up and rejects. */
  search(search: Search, signal?: AbortSignal): Promise<Found> {
    const result = this.#request<Found>({ kind: 'search', search });
    const id = this.#lastId;
    const abort = () => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      this.#port.postMessage({ kind: 'cancel', id } satisfies Request);
      waiting?.reject(new Error('given up'));
    };
    signal?.addEventListener('abort', abort, { once: true });
    return result.finally(() => signal?.removeEventListener('abort', abort));
  }

  clear(): Promise<void> {
    return this.#request({ kind: 'clear' });
  }

  /** Stores what was pushed before, closes the database and ends the thread. */
  async close(): Promise<void> {
    if (this.failure === undefined) await this.#request({ kind: 'close' }).catch(() => {});
    if (this.#port instanceof Worker) await this.#port.terminate();
    else this.#port.close();
  }

  #request<T>(request: Unnumbered<Request>, transfer: ArrayBuffer[] = []): Promise<T> {
    if (this.failure !== undefined) return Promise.reject(new Error(this.failure));
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#port.postMessage({ ...request, id }, transfer);
    });
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const refuse = (message: string) => {
        this.#fail(message);
        reject(new ViewerError('SPILLWAY_VIEWER_STORE', `Cannot open the store: ${message}`));
      };
      this.#port.on('message', (reply: Reply) => {
        if (reply.kind === 'broken') refuse(reply.message);
        else if (reply.kind === 'ready') {
          this.#stats = reply.stats;
          this.setAside = reply.setAside;
          resolve();
        } else this.#settle(reply);
      });
      this.#port.on('error', (error: Error) => refuse(error.message));
      this.#port.on('exit', (code: number) => refuse(`its thread ended with code ${code}`));
    });
  }

  #settle(reply: Exclude<Reply, { kind: 'ready' | 'broken' }>): void {
    if ('stats' in reply) this.#stats = reply.stats;
    if (reply.kind === 'pushed') {
      for (const { id, result } of reply.results) this.#take(id)?.resolve(result);
    } else if (reply.kind === 'failed') this.#take(reply.id)?.reject(new Error(reply.message));
    else this.#take(reply.id)?.resolve(reply.kind === 'found' ? reply.found : undefined);
    if ('stats' in reply) this.onChange();
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #fail(message: string): void {
    this.failure ??= message;
    for (const { reject } of this.#waiting.values()) reject(new Error(message));
    this.#waiting.clear();
  }
}

async function start(options: StoreOptions): Promise<MessagePort | Worker> {
  const file = new URL('./worker.js', import.meta.url);
  if (existsSync(fileURLToPath(file))) {
    // A runaway body must end this thread and not the host's process.
    return new Worker(file, {
      workerData: options,
      name: 'spillway-viewer-store',
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
  }
  // Run from the TypeScript sources there is no worker file: the same service, on this thread. Loaded only then, for it
  // brings SQLite along.
  const { serve } = await import('./service.js');
  const { port1, port2 } = new MessageChannel();
  serve(port2, options);
  return port1;
}
