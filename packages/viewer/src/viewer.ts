// Wires the viewer: options → directory → store (on its thread) → tails → HTTP server. Read this first.
// Starts inside out and stops outside in: nothing is accepted that the store could not take.
import { join } from 'node:path';
import { Counters } from './counters.js';
import { claim, defaultDirectory } from './directory.js';
import { baseUrl } from './http/address.js';
import { Budget } from './http/budget.js';
import { listen } from './http/server.js';
import type { Site } from './http/site.js';
import { Tails } from './http/tail.js';
import { limits } from './limits.js';
import { type Settings, settle, type ViewerOptions } from './options.js';
import { type ViewerStats, viewerStats } from './stats.js';
import { StoreClient } from './store/client.js';

/** A running viewer. */
export interface Viewer {
  /** Where its page is, e.g. `http://127.0.0.1:4600`. Loki push and `/ingest` are under the same URL. */
  readonly url: string;
  readonly port: number;
  /** Where the records are kept; undefined when in memory. */
  readonly directory: string | undefined;
  /** Things the user should know, such as a damaged database that was set aside. */
  readonly notices: readonly string[];
  /** Counts; a record is among them once it was acknowledged. */
  stats(): ViewerStats;
  /** Stops listening, stores what was accepted, and closes the database. Can be called more than once. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a local log backend with a web page.
 *
 * @throws ViewerError when an option is wrong, the directory or the port is in use, or `NODE_ENV` is `production`
 * @example
 * const v = await viewer({ port: 0, memory: true });
 * console.log(v.url);
 * await v.close();
 */
export async function viewer(options: ViewerOptions = {}): Promise<Viewer> {
  const settings = settle(options);
  const directory = settings.memory ? undefined : claim(settings.directory ?? defaultDirectory());
  try {
    return await start(settings, directory?.path, () => directory?.release());
  } catch (error) {
    directory?.release();
    throw error;
  }
}

async function start(settings: Settings, directory: string | undefined, release: () => void): Promise<Viewer> {
  const file = directory === undefined ? ':memory:' : join(directory, 'records.db');
  const store = await StoreClient.open({ file, maxRecords: settings.maxRecords, maxBytes: settings.maxBytes });
  const counters = new Counters();
  const stats = () => viewerStats(settings, counters, store);
  const site: Site = {
    settings,
    store,
    counters,
    budget: new Budget(limits.pendingBytes),
    tails: new Tails(store, stats),
  };
  const server = await listen(site).catch(async (error: unknown) => {
    site.tails.close();
    await store.close();
    throw error;
  });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= server
      .close()
      .then(() => store.close())
      .finally(release);
    return closing;
  };
  return {
    url: baseUrl(settings.host, server.port),
    port: server.port,
    directory,
    notices: store.setAside
      ? [`The database could not be read and was set aside as ${file}.unusable; a new one was begun.`]
      : [],
    stats,
    close,
    [Symbol.asyncDispose]: close,
  };
}
