// The loop of the store's thread: takes requests from a port, alternates between a group of writes and a step of a search,
// and replies. One group is at most GROUP_BYTES, so a search waits for no more than a fraction of a second.
import type { MessagePort } from 'node:worker_threads';
import { Finder } from './finder.js';
import type { Pushed, Reply, Request } from './messages.js';
import { Store, type StoreOptions } from './store.js';

const GROUP_BYTES = 2 * 1024 * 1024;
const GROUP_PUSHES = 500;

type PushRequest = Extract<Request, { kind: 'push' }>;

/** Opens the store and serves it on the port until a `close` request. */
export function serve(port: MessagePort, options: StoreOptions): void {
  const post = (reply: Reply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);
  let store: Store;
  try {
    store = new Store(options);
  } catch (error) {
    post({ kind: 'broken', message: (error as Error).message });
    port.close();
    return;
  }
  new Service(port, store, post).start();
}

class Service {
  readonly #port: MessagePort;
  readonly #store: Store;
  readonly #post: (reply: Reply, transfer?: ArrayBuffer[]) => void;
  readonly #pushes: PushRequest[] = [];
  readonly #searches: { id: number; finder: Finder }[] = [];
  readonly #ends: Extract<Request, { kind: 'clear' | 'close' }>[] = [];
  #scheduled = false;

  constructor(port: MessagePort, store: Store, post: (reply: Reply, transfer?: ArrayBuffer[]) => void) {
    this.#port = port;
    this.#store = store;
    this.#post = post;
  }

  start(): void {
    this.#port.on('message', (request: Request) => this.#accept(request));
    this.#post({ kind: 'ready', stats: this.#store.stats(), setAside: this.#store.setAside });
  }

  #accept(request: Request): void {
    if (request.kind === 'push') this.#pushes.push(request);
    else if (request.kind === 'search') this.#begin(request);
    else if (request.kind === 'cancel') this.#cancel(request.id);
    else this.#ends.push(request);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After the messages that are waiting already, so that small pushes share a transaction.
    setImmediate(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#pushes.length > 0) this.#writeGroup();
    if (this.#searches.length > 0) this.#stepSearch();
    if (this.#pushes.length === 0 && this.#ends.length > 0) this.#end();
    if (this.#pushes.length + this.#searches.length + this.#ends.length > 0) this.#schedule();
  }

  #writeGroup(): void {
    const group: PushRequest[] = [];
    for (let bytes = 0; bytes < GROUP_BYTES && group.length < GROUP_PUSHES && this.#pushes.length > 0; ) {
      const request = this.#pushes.shift()!;
      bytes += request.push.body.byteLength;
      group.push(request);
    }
    let replies: Pushed[];
    try {
      const pushes = group.map((request) => request.push);
      replies = this.#store.write(pushes, Date.now()).map((result, i) => ({ id: group[i]!.id, result }));
    } catch (error) {
      for (const { id } of group) this.#post({ kind: 'failed', id, message: (error as Error).message });
      return;
    }
    this.#post({ kind: 'pushed', results: replies, stats: this.#store.stats() });
  }

  #begin({ id, search }: Extract<Request, { kind: 'search' }>): void {
    this.#searches.push({ id, finder: new Finder(this.#store, search) });
  }

  #stepSearch(): void {
    const current = this.#searches.shift()!;
    try {
      if (!current.finder.step()) {
        this.#searches.push(current);
        return;
      }
      const found = current.finder.result();
      this.#post({ kind: 'found', id: current.id, found }, [found.json.buffer as ArrayBuffer]);
    } catch (error) {
      this.#post({ kind: 'failed', id: current.id, message: (error as Error).message });
    }
  }

  #cancel(id: number): void {
    const index = this.#searches.findIndex((search) => search.id === id);
    if (index !== -1) this.#searches.splice(index, 1);
  }

  #end(): void {
    const { kind, id } = this.#ends.shift()!;
    if (kind === 'clear') this.#clear(id);
    else this.#close(id);
  }

  #clear(id: number): void {
    try {
      this.#store.clear();
      this.#post({ kind: 'cleared', id, stats: this.#store.stats() });
    } catch (error) {
      this.#post({ kind: 'failed', id, message: (error as Error).message });
    }
  }

  #close(id: number): void {
    this.#searches.length = 0;
    this.#ends.length = 0;
    try {
      this.#store.close();
      this.#post({ kind: 'closed', id });
    } catch (error) {
      this.#post({ kind: 'failed', id, message: (error as Error).message });
    }
    this.#port.close();
  }
}
