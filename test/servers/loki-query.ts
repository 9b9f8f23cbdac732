// Reads entries back from Loki's query_range. In: a LogQL selector and a time range. Out: pages of entries, oldest first.
// Always true: each entry comes once. A page starts at the last instant of the one before, and what was seen at that
// instant is left out; when one instant fills a whole page, the page grows.
import { fetchText } from './http.js';

export interface LokiQuery {
  /** A LogQL log query, such as `{app="shop"} |= "paid"`. */
  readonly query: string;
  /** First instant, in nanoseconds since 1970 when a bigint. @default a day ago */
  readonly start?: bigint | Date;
  /** First instant that is too late. @default in a day */
  readonly end?: bigint | Date;
  /** Most entries to return. @default all */
  readonly limit?: number;
}

export interface LokiEntry {
  /** Nanoseconds since 1970. */
  readonly ns: bigint;
  readonly line: string;
  /** Labels of the stream. */
  readonly labels: Readonly<Record<string, string>>;
  /** Structured metadata of the entry. */
  readonly metadata: Readonly<Record<string, string>>;
}

interface Reply {
  readonly data: {
    readonly resultType: string;
    readonly result: readonly {
      readonly stream: Record<string, string>;
      readonly values: readonly [ns: string, line: string, more?: { structuredMetadata?: Record<string, string> }][];
    }[];
  };
}

const dayMs = 86_400_000;
const firstPageSize = 5000;

export async function* lokiPages(url: string, query: LokiQuery): AsyncGenerator<LokiEntry[]> {
  const end = nanoseconds(query.end ?? new Date(Date.now() + dayMs));
  let start = nanoseconds(query.start ?? new Date(Date.now() - dayMs));
  let wanted = query.limit ?? Number.POSITIVE_INFINITY;
  let size = firstPageSize;
  let seen = new Set<string>();
  while (wanted > 0) {
    const page = await fetchPage(url, { query: query.query, start, end, size });
    const fresh = page.filter((entry) => !seen.has(keyOf(entry))).slice(0, wanted);
    wanted -= fresh.length;
    if (fresh.length > 0) yield fresh;
    if (page.length < size) return;
    const last = page.at(-1)!.ns;
    if (last === start) size *= 2;
    start = last;
    seen = new Set(page.filter(({ ns }) => ns === last).map(keyOf));
  }
}

interface PageQuery {
  readonly query: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly size: number;
}

async function fetchPage(url: string, { query, start, end, size }: PageQuery): Promise<LokiEntry[]> {
  const asked = new URLSearchParams({
    query,
    start: String(start),
    end: String(end),
    limit: String(size),
    direction: 'forward',
  });
  // Without this header structured metadata is mixed into the labels of the stream.
  const headers = { 'X-Loki-Response-Encoding-Flags': 'categorize-labels' };
  const reply = JSON.parse(await fetchText(`${url}/loki/api/v1/query_range?${asked}`, { headers })) as Reply;
  if (reply.data.resultType !== 'streams')
    throw new Error(`Expected a log query, got one for ${reply.data.resultType}: ${query}`);
  const entries = reply.data.result.flatMap(({ stream, values }) =>
    values.map(([ns, line, more]) => ({
      ns: BigInt(ns),
      line,
      labels: stream,
      metadata: more?.structuredMetadata ?? {},
    })),
  );
  return entries.sort((a, b) => (a.ns < b.ns ? -1 : a.ns > b.ns ? 1 : 0));
}

function keyOf({ ns, line, labels, metadata }: LokiEntry): string {
  return JSON.stringify([String(ns), line, labels, metadata]);
}

function nanoseconds(time: bigint | Date): bigint {
  return typeof time === 'bigint' ? time : BigInt(time.getTime()) * 1_000_000n;
}
