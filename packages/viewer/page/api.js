// The page's way to the viewer: pages of records, and the live tail. JSON in, plain objects out.

/** @typedef {import('./format.js').LogRecord} LogRecord */
/** @typedef {{ query: string, level: string }} Filter */
/** @typedef {{ records: LogRecord[], next: number | null, upTo: number }} Page */
/**
 * @typedef {object} Stats
 * @property {number} records
 * @property {number} diskBytes
 * @property {number} maxBytes
 * @property {number} maxRecords
 * @property {number} ratePerSecond
 * @property {number | null} oldest
 * @property {number} oldestId
 * @property {number} newestId
 * @property {Record<string, number>} levels
 */
/**
 * @typedef {object} TailHandlers
 * @property {(newestId: number) => void} hello
 * @property {(records: LogRecord[], skipped: number) => void} records
 * @property {(stats: Stats) => void} stats
 * @property {(connected: boolean) => void} connected
 */

/**
 * Fetches a page of records, newest first.
 * @param {Filter} filter
 * @param {{ before?: number, after?: number, limit?: number, signal?: AbortSignal }} options
 * @returns {Promise<Page>}
 */
export async function fetchRecords(filter, { signal, ...range }) {
  const response = await fetch(`/api/records?${parameters(filter, range)}`, signal ? { signal } : {});
  const text = await response.text();
  if (!response.ok) throw new Error(text.trim().slice(0, 300));
  return /** @type {Page} */ (parse(text));
}

/** Removes every record. */
export async function clearRecords() {
  await fetch('/api/records', { method: 'DELETE' });
}

/**
 * Opens the live tail after a record; the browser reconnects by itself and goes on where it was.
 * @param {Filter} filter
 * @param {number} after
 * @param {TailHandlers} handlers
 * @returns {() => void} Closes it.
 */
export function openTail(filter, after, handlers) {
  const source = new EventSource(`/api/tail?${parameters(filter, { after })}`);
  source.onopen = () => handlers.connected(true);
  source.onerror = () => handlers.connected(false);
  source.addEventListener('hello', (event) => handlers.hello(JSON.parse(event.data).newestId));
  source.addEventListener('stats', (event) => handlers.stats(JSON.parse(event.data)));
  source.addEventListener('records', (event) => {
    const { records, skipped } = /** @type {{ records: LogRecord[], skipped: number }} */ (parse(event.data));
    handlers.records(records, skipped);
  });
  return () => source.close();
}

/** @param {Filter} filter @param {Record<string, number | undefined>} range */
function parameters({ query, level }, range) {
  const result = new URLSearchParams();
  if (query !== '') result.set('query', query);
  if (level !== '') result.set('level', level);
  for (const [name, value] of Object.entries(range)) if (value !== undefined) result.set(name, String(value));
  return result;
}

/**
 * As JSON.parse, but an integer that a number cannot hold exactly becomes a bigint, where the browser tells its digits:
 * ids must not change when they are looked at.
 * @param {string} text
 * @returns {unknown}
 */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  /** @param {string} _key @param {unknown} value @param {{ source?: string }} [context] */
  const exact = (_key, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    return context?.source !== undefined && /^-?\d{1,400}$/.test(context.source) ? BigInt(context.source) : value;
  };
  return JSON.parse(text, exact);
}
