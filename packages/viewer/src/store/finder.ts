// A search in steps: each looks at a bounded number of rows and returns, so that writes go on between them.
// Walks the parts of the index in the order asked for; hits of the index are checked against the terms it cannot decide.
import { limits } from '../limits.js';
import { type Candidate, matches } from '../query/match.js';
import { parseQuery } from '../query/parse.js';
import { type Plan, plan } from '../query/plan.js';
import type { Value } from './database.js';
import type { Found, Search } from './model.js';
import type { Store } from './store.js';

interface Row {
  readonly id: number;
  readonly time: number;
  readonly level: number;
  readonly json: number;
  readonly labels: Uint8Array | null;
  readonly metadata: Uint8Array | null;
  readonly line: Uint8Array;
}

const comma = Buffer.from(',');
const STEP_ROWS = 2000;
const STEP_BYTES = 4 * 1024 * 1024;

/** One running search. */
export class Finder {
  readonly #store: Store;
  readonly #search: Search;
  readonly #plan: Plan;
  readonly #newestFirst: boolean;
  readonly #found: Buffer[] = [];
  readonly #upTo: number;
  #low: number;
  #high: number;
  #bytes = 0;
  #more = 0;
  #full = false;
  #next: number | null = null;
  #spentMs = 0;

  constructor(store: Store, search: Search) {
    this.#store = store;
    this.#search = search;
    this.#plan = plan(parseQuery(search.query));
    this.#newestFirst = search.order === 'newest';
    const { oldestId, newestId } = store.stats();
    // What arrives while the search runs belongs to the next one.
    this.#low = Math.max(search.after, oldestId - 1);
    this.#high = Math.min(search.before, newestId + 1);
    this.#upTo = newestId;
  }

  /** Looks at some more rows; true when the search is over. */
  step(): boolean {
    const started = performance.now();
    const done = this.#advance();
    this.#spentMs += performance.now() - started;
    if (done || this.#spentMs < limits.searchMs) return done;
    if (!this.#full) this.#next = this.#newestFirst ? this.#high : this.#low;
    return true;
  }

  result(): Found {
    if (this.#search.tail) this.#found.reverse();
    const parts = this.#found.flatMap((record, i) => (i === 0 ? [record] : [comma, record]));
    const json = Uint8Array.from(Buffer.concat(parts));
    return { json, records: this.#found.length, next: this.#next, more: this.#more, upTo: this.#upTo };
  }

  #advance(): boolean {
    const range = this.#range();
    if (range === undefined) return true;
    let [rows, bytes] = [0, 0];
    const statement = this.#store.db.prepare(this.#sql(range.part));
    try {
      for (const row of statement.iterate(this.#values(range)) as IterableIterator<unknown> as IterableIterator<Row>) {
        this.#moveTo(row.id);
        this.#take(row);
        if (this.#full && !this.#search.tail) return true;
        bytes += sizeOf(row);
        if (++rows === STEP_ROWS || bytes >= STEP_BYTES) return false;
      }
    } finally {
      statement.finalize();
    }
    if (this.#newestFirst) this.#high = range.low + 1;
    else this.#low = range.high - 1;
    return false;
  }

  /** The next part of the ids that are left, bounds exclusive. */
  #range(): { part: number; low: number; high: number } | undefined {
    if (this.#high - this.#low <= 1) return undefined;
    const { parts } = this.#store.text;
    const wanted = this.#newestFirst ? this.#high - 1 : this.#low + 1;
    // An id below the oldest part belongs to records that were evicted while this search ran.
    const index = Math.max(
      0,
      parts.findLastIndex((part) => part.first <= wanted),
    );
    const part = parts[index];
    if (part === undefined) return undefined;
    const end = parts[index + 1]?.first ?? Number.MAX_SAFE_INTEGER;
    const range = { part: part.part, low: Math.max(this.#low, part.first - 1), high: Math.min(this.#high, end) };
    return range.high - range.low <= 1 ? undefined : range;
  }

  #sql(part: number): string {
    const columns = this.#full && this.#plan.verify.length === 0 ? 'r.id' : 'r.*';
    const direction = this.#newestFirst ? 'desc' : 'asc';
    const where = 'r.id > ? and r.id < ? and r.level >= ? and r.time between ? and ?';
    if (this.#plan.match === undefined)
      return `select ${columns} from records r where ${where} order by r.id ${direction}`;
    const index = `text_${part}`;
    return `select ${columns} from ${index} t cross join records r on r.id = t.rowid
      where ${index} match ? and t.rowid > ? and t.rowid < ? and ${where} order by t.rowid ${direction}`;
  }

  #values({ low, high }: { low: number; high: number }): Value[] {
    const { level, since, until } = this.#search;
    const rest = [low, high, level, since, until];
    return this.#plan.match === undefined ? rest : [this.#plan.match, low, high, ...rest];
  }

  #moveTo(id: number): void {
    if (this.#newestFirst) this.#high = id;
    else this.#low = id;
  }

  #take(row: Row): void {
    if (this.#plan.verify.length > 0 && !matches(candidate(row), this.#plan.verify)) return;
    if (this.#full) {
      this.#more++;
      return;
    }
    const rendered = render(row);
    this.#found.push(rendered);
    this.#bytes += rendered.length;
    if (this.#found.length >= this.#search.limit || this.#bytes >= this.#search.maxBytes) {
      this.#full = true;
      this.#next = row.id;
    }
  }
}

/** Bytes that were read for a row; of one that is only counted, none. */
function sizeOf({ line, labels, metadata }: Partial<Row>): number {
  return (line?.length ?? 0) + (labels?.length ?? 0) + (metadata?.length ?? 0);
}

function candidate(row: Row): Candidate {
  const raw = view(row.line).toString('utf8');
  return {
    level: row.level,
    raw,
    record: row.json === 1 ? JSON.parse(raw) : raw,
    labels: row.labels === null ? undefined : JSON.parse(view(row.labels).toString('utf8')),
    metadata: row.metadata === null ? undefined : JSON.parse(view(row.metadata).toString('utf8')),
  };
}

// The stored bytes are embedded as they are: they were checked to be JSON when they came in.
function render(row: Row): Buffer {
  const line = view(row.line);
  return Buffer.concat([
    Buffer.from(`{"id":${row.id},"time":${row.time},"level":${row.level},"labels":`),
    row.labels === null ? Buffer.from('null') : view(row.labels),
    Buffer.from(',"metadata":'),
    row.metadata === null ? Buffer.from('null') : view(row.metadata),
    Buffer.from(',"record":'),
    row.json === 1 ? line : Buffer.from(JSON.stringify(line.toString('utf8'))),
    Buffer.from('}'),
  ]);
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
