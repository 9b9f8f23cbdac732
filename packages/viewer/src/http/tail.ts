// The live tail over server-sent events. A client holds a position, not a queue: when something arrived and its socket
// has room, the newest matches since its position are read from the store and sent, and the others are counted as
// skipped. So a slow client, or a rate nobody could read, costs one answer of bounded size and never memory.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import type { ViewerStats } from '../stats.js';
import type { StoreClient } from '../store/client.js';
import { type Filter, tailParameters } from './parameters.js';

/** Least time between two events of records to one client: at most so many repaints a second. */
const PAUSE_MS = 100;
const STATS_MS = 1000;

/** All live tails of a viewer. */
export class Tails {
  readonly #store: StoreClient;
  readonly #stats: () => ViewerStats;
  readonly #clients = new Set<Tail>();
  readonly #timer: NodeJS.Timeout;

  constructor(store: StoreClient, stats: () => ViewerStats) {
    this.#store = store;
    this.#stats = stats;
    this.#timer = setInterval(() => this.#sendStats(), STATS_MS);
    this.#timer.unref();
    store.onChange = () => {
      for (const client of this.#clients) client.wake();
    };
  }

  get size(): number {
    return this.#clients.size;
  }

  /** `GET /api/tail`: answers with events until the client goes; `HEAD` with none. @throws Refusal 400 or 503 */
  open(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const { filter, after } = tailParameters(url.searchParams);
    if (this.#clients.size >= limits.tailClients)
      throw new Refusal(503, `at most ${limits.tailClients} live tails at once`);
    const { newestId } = this.#store.stats();
    // A browser that reconnects says where it was.
    const resumed = Number(request.headers['last-event-id'] ?? Number.NaN);
    const position = Math.min(newestId, Number.isSafeInteger(resumed) && resumed >= 0 ? resumed : (after ?? newestId));
    response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    response.write(`retry: 2000\nevent: hello\ndata: {"newestId":${newestId}}\n\n`);
    const client = new Tail({ store: this.#store, response, filter, position });
    this.#clients.add(client);
    response.on('close', () => {
      client.stop();
      this.#clients.delete(client);
    });
    client.send(statsEvent(this.#stats()));
    client.wake();
  }

  /** Ends every tail. */
  close(): void {
    clearInterval(this.#timer);
    for (const client of this.#clients) client.end();
  }

  #sendStats(): void {
    if (this.#clients.size === 0) return;
    const event = statsEvent(this.#stats());
    for (const client of this.#clients) client.send(event);
  }
}

function statsEvent(stats: ViewerStats): string {
  return `event: stats\ndata: ${JSON.stringify(stats)}\n\n`;
}

/** One client of the tail. */
class Tail {
  readonly #store: StoreClient;
  readonly #response: ServerResponse;
  readonly #filter: Filter;
  readonly #gone = new AbortController();
  #position: number;
  #state: 'idle' | 'reading' | 'pausing' | 'stopped' = 'idle';
  /** Something may have arrived since the last read began. */
  #stale = false;

  constructor(options: { store: StoreClient; response: ServerResponse; filter: Filter; position: number }) {
    this.#store = options.store;
    this.#response = options.response;
    this.#filter = options.filter;
    this.#position = options.position;
    this.#response.on('drain', () => this.wake());
  }

  /** Reads what is new, unless a read or a pause is under way: then after it. */
  wake(): void {
    this.#stale = true;
    if (this.#state === 'idle' && !this.#response.writableNeedDrain) void this.#read();
  }

  /** Sends an event that may be lost: a client that does not read gets none. */
  send(event: string): void {
    if (this.#state !== 'stopped' && !this.#response.writableNeedDrain) this.#response.write(event);
  }

  stop(): void {
    this.#state = 'stopped';
    this.#gone.abort();
  }

  end(): void {
    this.#response.end();
  }

  async #read(): Promise<void> {
    this.#stale = false;
    if (this.#store.stats().newestId <= this.#position) return;
    this.#state = 'reading';
    const { tailRecords: limit, tailBytes: maxBytes } = limits;
    const range = { after: this.#position, before: Number.MAX_SAFE_INTEGER };
    const search = { ...this.#filter, ...range, limit, maxBytes, order: 'newest' as const, tail: true };
    try {
      const { json, records, more, upTo } = await this.#store.search(search, this.#gone.signal);
      this.#position = upTo;
      if (records > 0) {
        this.#response.write(`event: records\nid: ${upTo}\ndata: {"records":[`);
        this.#response.write(json);
        this.#response.write(`],"skipped":${more}}\n\n`);
      }
    } catch {
      // The client has gone, or the store has failed: the connection ends either way.
      this.end();
      return;
    }
    this.#state = 'pausing';
    setTimeout(() => this.#resume(), PAUSE_MS).unref();
  }

  #resume(): void {
    if (this.#state !== 'pausing') return;
    this.#state = 'idle';
    if (this.#stale) this.wake();
  }
}
