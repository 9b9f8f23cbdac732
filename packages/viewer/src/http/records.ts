// The query API: a page of records, the counts, and the removal of everything.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import { viewerStats } from '../stats.js';
import { searchParameters } from './parameters.js';
import { sendJson, sendText } from './reply.js';
import type { Site } from './site.js';

/** Searches under way, over all viewers of this process; each costs the store's thread time. */
const running = new WeakMap<Site, number>();

/** `GET /api/records` */
export async function getRecords(
  site: Site,
  _request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const search = searchParameters(url.searchParams);
  const count = running.get(site) ?? 0;
  if (count >= limits.waitingSearches) {
    response.setHeader('Retry-After', '1');
    throw new Refusal(503, 'too many searches at once');
  }
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  running.set(site, count + 1);
  try {
    const { json, next, upTo } = await site.store.search(search, gone.signal);
    sendJson(
      response,
      Buffer.concat([Buffer.from('{"records":['), json, Buffer.from(`],"next":${next},"upTo":${upTo}}\n`)]),
    );
  } catch (error) {
    if (!gone.signal.aborted) throw new Refusal(503, `the search failed: ${(error as Error).message}`);
  } finally {
    running.set(site, running.get(site)! - 1);
  }
}

/** `DELETE /api/records` */
export async function deleteRecords(site: Site, _request: IncomingMessage, response: ServerResponse): Promise<void> {
  await site.store.clear();
  sendText(response, 204, '');
}

/** `GET /api/stats` */
export async function getStats(site: Site, _request: IncomingMessage, response: ServerResponse): Promise<void> {
  sendJson(response, viewerStats(site.settings, site.counters, site.store));
}
