// What crosses between the HTTP side and the store's thread: plain data only.

/** Body formats the store can decode; the body is already decompressed, except for snappy. */
export type Format = 'loki-json' | 'loki-protobuf' | 'ndjson' | 'json';

/** One request body to store, all or nothing. */
export interface Push {
  readonly format: Format;
  readonly body: Uint8Array;
  /** A body whose key was stored before is acknowledged and not stored again; '' for none. A Loki body is its own key. */
  readonly key: string;
}

/** What became of a push. A status below 300 means that it is committed. */
export interface PushResult {
  readonly status: number;
  readonly text: string;
  readonly records: number;
  readonly duplicate: boolean;
}

/** A search. Bounds on ids are exclusive, on times inclusive; all are optional. */
export interface Search {
  readonly query: string;
  /** Lowest level wanted, as pino's number. */
  readonly level: number;
  readonly after: number;
  readonly before: number;
  readonly since: number;
  readonly until: number;
  readonly limit: number;
  /** Bytes of records after which the result is cut. */
  readonly maxBytes: number;
  readonly order: 'newest' | 'oldest';
  /** For the live tail: the newest matches in order of arrival, and a count of the others. */
  readonly tail: boolean;
}

/** A page of records. */
export interface Found {
  /** The records as the inside of a JSON array, in the order asked for. */
  readonly json: Uint8Array;
  readonly records: number;
  /** Cursor for the next page, or null when the end was reached. */
  readonly next: number | null;
  /** For the tail: matches beyond the page. */
  readonly more: number;
  /** The highest id there was when the search began. */
  readonly upTo: number;
}

/** Counts by level name. */
export type LevelCounts = Record<'none' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', number>;

/** What the store holds. */
export interface StoreStats {
  readonly records: number;
  /** Bytes of the records' own lines. */
  readonly bytes: number;
  /** Bytes in use in the database, which `maxBytes` bounds. */
  readonly diskBytes: number;
  /** Arrival ids; the newest is the highest ever given. */
  readonly oldestId: number;
  readonly newestId: number;
  /** Times of the first and last arrived record, in epoch milliseconds; null when empty. */
  readonly oldest: number | null;
  readonly newest: number | null;
  readonly levels: LevelCounts;
}
