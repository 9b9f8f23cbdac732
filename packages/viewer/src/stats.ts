// The numbers that `stats()`, `GET /api/stats` and the page show.
import type { Counters } from './counters.js';
import type { Settings } from './options.js';
import type { StoreClient } from './store/client.js';
import type { LevelCounts } from './store/model.js';

/** Counts of a running viewer. */
export interface ViewerStats {
  /** Records kept now. */
  readonly records: number;
  readonly maxRecords: number;
  /** Bytes of the kept records' lines. */
  readonly bytes: number;
  /** Bytes in use in the database. */
  readonly diskBytes: number;
  readonly maxBytes: number;
  /** Records per second over the last ten seconds. */
  readonly ratePerSecond: number;
  /** Records stored since start; duplicates are not among them. */
  readonly accepted: number;
  /** Batches that came again and were acknowledged without being stored again, since start. */
  readonly duplicateBatches: number;
  /** Requests answered with 4xx or 5xx on the way in, since start. */
  readonly refusedRequests: number;
  /** Times of the first and the last arrived record kept, in epoch milliseconds; null when there is none. */
  readonly oldest: number | null;
  readonly newest: number | null;
  /** Ids of the same; ids are given in order of arrival. */
  readonly oldestId: number;
  readonly newestId: number;
  /** Records kept, by level. */
  readonly levels: LevelCounts;
}

/** Puts the numbers together. */
export function viewerStats(settings: Settings, counters: Counters, store: StoreClient): ViewerStats {
  const { records, bytes, diskBytes, oldest, newest, oldestId, newestId, levels } = store.stats();
  const { maxRecords, maxBytes } = settings;
  const { accepted, duplicateBatches, refusedRequests } = counters;
  const ratePerSecond = counters.ratePerSecond();
  const arrivals = { ratePerSecond, accepted, duplicateBatches, refusedRequests };
  return { records, maxRecords, bytes, diskBytes, maxBytes, ...arrivals, oldest, newest, oldestId, newestId, levels };
}
