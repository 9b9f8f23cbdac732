// The records on disk. Writes go in groups, one transaction each: records, their index entries, the batch keys and the
// eviction of what is over the caps commit together. So a query sees every acknowledged record and no other, and a batch
// whose acknowledgement was lost is recognized when it comes again, even after the process was killed.
import { createHash } from 'node:crypto';
import type { Entry, Pairs } from '../decode/entry.js';
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import { describe } from '../record/describe.js';
import { levelName } from '../record/level.js';
import { type Database, openDatabase, type Statement } from './database.js';
import { type Decoded, decode } from './decode.js';
import { FullText } from './full-text.js';
import type { LevelCounts, Push, PushResult, StoreStats } from './model.js';

/** Where the records are kept and how many. */
export interface StoreOptions {
  /** Path of the database, or `:memory:`. */
  readonly file: string;
  readonly maxRecords: number;
  readonly maxBytes: number;
}

interface Statements {
  readonly insert: Statement;
  readonly seen: Statement;
  readonly remember: Statement;
  readonly pages: Statement;
}

/** Bytes of records after which the size of the database is looked at, within a push too. */
const STEP_BYTES = 1024 * 1024;

/** The store. Synchronous: it lives on a thread of its own. */
export class Store {
  readonly db: Database;
  readonly text: FullText;
  /** True when an unusable database file was set aside at start. */
  readonly setAside: boolean;
  readonly #options: StoreOptions;
  readonly #statements: Statements;
  #counts!: { records: number; bytes: number; oldestId: number; newestId: number; levels: LevelCounts };
  #stats!: StoreStats;
  /** Bytes of records since the size was looked at. */
  #grown = 0;
  #labels: { of: Pairs | undefined; bytes: Buffer | null } = { of: undefined, bytes: null };

  constructor(options: StoreOptions) {
    const { db, setAside } = openDatabase(options.file);
    this.db = db;
    this.setAside = setAside;
    this.#options = options;
    this.text = new FullText(db, { records: Math.ceil(options.maxRecords / 8), bytes: options.maxBytes / 16 });
    this.#statements = {
      insert: db.prepare('insert into records values (?, ?, ?, ?, ?, ?, ?)'),
      seen: db.prepare('select 1 as seen from batches where key = ?'),
      remember: db.prepare('insert into batches (key) values (?)'),
      pages: db.prepare(
        'select page_count as pages, freelist_count as free, page_size as size from pragma_page_count, pragma_freelist_count, pragma_page_size',
      ),
    };
    this.#recount();
    this.#transaction(() => this.#evict());
  }

  /** Stores pushes in one transaction; each is all or nothing, except for over-long Loki entries. */
  write(pushes: readonly Push[], now: number): PushResult[] {
    const decoded = pushes.map((push) => attempt(push));
    try {
      const results = this.#transaction(() => {
        const written = pushes.map((push, i) => this.#writeOne(push, decoded[i]!, now));
        this.#evict();
        return written;
      });
      // The index writes its last pages while it commits, after the eviction above has looked at the size.
      if (this.#stats.diskBytes > this.#options.maxBytes) this.#transaction(() => this.#evict());
      return results;
    } catch (error) {
      const text = `the store cannot write: ${(error as Error).message}`;
      return pushes.map(() => ({ status: 503, text, records: 0, duplicate: false }));
    }
  }

  /** Removes every record; ids go on rising. What comes again is no repetition any more: it would be acked and not there. */
  clear(): void {
    this.#transaction(() => {
      this.db.exec('delete from records; delete from batches');
      this.text.clear();
      this.#counts = { ...this.#counts, records: 0, bytes: 0, levels: noLevels() };
      this.#counts.oldestId = this.#counts.newestId + 1;
    });
  }

  stats(): StoreStats {
    return this.#stats;
  }

  close(): void {
    this.text.close();
    for (const statement of Object.values(this.#statements) as Statement[]) statement.finalize();
    this.db.close();
  }

  #writeOne(push: Push, decoded: Decoded | Refusal, now: number): PushResult {
    if (decoded instanceof Refusal)
      return { status: decoded.status, text: decoded.message, records: 0, duplicate: false };
    const key = keyOf(push);
    if (key !== '' && this.#statements.seen.all(key).length > 0) {
      return { status: 204, text: '', records: 0, duplicate: true };
    }
    for (const entry of decoded.entries) this.#insert(entry, now);
    const records = decoded.entries.length;
    if (decoded.refused !== undefined) return { status: 400, text: decoded.refused, records, duplicate: false };
    if (key !== '') this.#statements.remember.run(key);
    return { status: 204, text: '', records, duplicate: false };
  }

  #insert(entry: Entry, now: number): void {
    const counts = this.#counts;
    const { time, level, json, line, text } = describe(entry, now);
    if (entry.labels !== this.#labels.of) this.#labels = { of: entry.labels, bytes: toBytes(entry.labels) };
    const metadata = toBytes(entry.metadata);
    const id = ++counts.newestId;
    this.#statements.insert.run([id, time, level, json ? 1 : 0, this.#labels.bytes, metadata, line]);
    this.text.add(id, text);
    counts.records++;
    counts.bytes += line.length;
    counts.levels[levelName(level)]++;
    // The labels of a stream come once in a body and are stored with each of its records: a small body may become a
    // thousand times as large.
    this.#grown += line.length + text.length + (this.#labels.bytes?.length ?? 0) + (metadata?.length ?? 0);
    if (this.#grown > STEP_BYTES) this.#evict();
  }

  #evict(): void {
    this.#grown = 0;
    const { maxRecords, maxBytes } = this.#options;
    const counts = this.#counts;
    if (counts.records > maxRecords) this.#evictBelow(counts.newestId - maxRecords + 1);
    while (this.#diskBytes() > maxBytes && counts.records > 1) {
      this.#evictBelow(counts.oldestId + Math.ceil(counts.records / 20));
    }
    this.db.run('delete from batches where id <= (select max(id) from batches) - ?', [limits.rememberedBatches]);
  }

  #evictBelow(id: number): void {
    const counts = this.#counts;
    const gone = this.db.all(
      'select level, count(*) as records, sum(length(line)) as bytes from records where id < ? group by level',
      [id],
    ) as { level: number; records: number; bytes: number }[];
    for (const { level, records, bytes } of gone) {
      counts.records -= records;
      counts.bytes -= bytes;
      counts.levels[levelName(level)] -= records;
    }
    this.db.run('delete from records where id < ?', [id]);
    counts.oldestId = id;
    this.text.drop(id);
  }

  #transaction<T>(work: () => T): T {
    this.db.exec('begin');
    try {
      const result = work();
      this.db.exec('commit');
      this.#stats = this.#measure();
      return result;
    } catch (error) {
      if (this.db.inTransaction) this.db.exec('rollback');
      this.text.reload();
      this.#recount();
      throw error;
    }
  }

  #recount(): void {
    // `sqlite_sequence` would cost a write per record; after eviction of everything the parts still know the highest id.
    const ids = this.db.get('select min(id) as oldest, max(id) as newest from records') as Record<
      string,
      number | null
    >;
    const lastPart = this.text.parts.at(-1)?.first ?? 1;
    const newestId = ids.newest ?? lastPart - 1;
    const counts = { records: 0, bytes: 0, oldestId: ids.oldest ?? newestId + 1, newestId, levels: noLevels() };
    const rows = this.db.all(
      'select level, count(*) as records, sum(length(line)) as bytes from records group by level',
    );
    for (const row of rows as { level: number; records: number; bytes: number }[]) {
      counts.records += row.records;
      counts.bytes += row.bytes;
      counts.levels[levelName(row.level)] += row.records;
    }
    this.#counts = counts;
    this.#stats = this.#measure();
  }

  #measure(): StoreStats {
    const { records, bytes, oldestId, newestId, levels } = this.#counts;
    const timeOf = (id: number) => (this.db.get('select time from records where id = ?', [id])?.time as number) ?? null;
    const diskBytes = this.#diskBytes();
    return {
      records,
      bytes,
      diskBytes,
      oldestId,
      newestId,
      oldest: timeOf(oldestId),
      newest: timeOf(newestId),
      levels: { ...levels },
    };
  }

  #diskBytes(): number {
    // `all`, not `get`: a statement that is not run to its end would hold a lock and block the dropping of tables.
    const [row] = this.#statements.pages.all() as Record<string, number>[];
    const { pages, free, size } = row!;
    return (pages! - free!) * size!;
  }
}

function attempt(push: Push): Decoded | Refusal {
  try {
    return decode(push);
  } catch (error) {
    // Anything else is a fault of ours, which must not take the other pushes of the group with it.
    return error instanceof Refusal ? error : new Refusal(500, `cannot decode: ${(error as Error).message}`);
  }
}

// A retried Loki push is byte for byte the same, and Loki shows identical entries once: so the body is its own key.
function keyOf({ format, body, key }: Push): string {
  if (format === 'ndjson' || format === 'json') return key === '' ? '' : `key:${key}`;
  return `body:${createHash('sha1').update(body).digest('base64')}`;
}

function toBytes(pairs: Pairs | undefined): Buffer | null {
  return pairs === undefined ? null : Buffer.from(JSON.stringify(pairs));
}

function noLevels(): LevelCounts {
  return { none: 0, trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0 };
}
