// The full-text index, cut into parts by record id, each an FTS5 table of its own without the text itself.
// Evicting old records from one big index would cost far more than filling it; a part is simply dropped once all
// its records are gone. Rows are written in the transaction of their records, so the index never lags.
import type { Database, Statement } from './database.js';

/** A part holds the records from `first` up to the next part's `first`. */
export interface Part {
  readonly part: number;
  readonly first: number;
}

/** When a part is full, by whichever comes first. */
export interface PartLimits {
  readonly records: number;
  readonly bytes: number;
}

/** The parts of the index, oldest first. */
export class FullText {
  readonly #db: Database;
  readonly #limits: PartLimits;
  #parts: Part[];
  #insert: Statement | undefined;
  #bytes = 0;

  constructor(db: Database, limits: PartLimits) {
    this.#db = db;
    this.#limits = limits;
    this.#parts = this.#load();
  }

  get parts(): readonly Part[] {
    return this.#parts;
  }

  /** Indexes a record; ids must rise. */
  add(id: number, text: string): void {
    const newest = this.#parts.at(-1);
    if (!newest || id - newest.first >= this.#limits.records || this.#bytes >= this.#limits.bytes) this.#begin(id);
    this.#insert ??= this.#prepare();
    // Bytes, because the library would end a text at its first NUL.
    const bytes = Buffer.from(text);
    this.#insert.run([id, bytes]);
    this.#bytes += bytes.length;
  }

  /** Drops the parts whose records all lie below `oldestId`. */
  drop(oldestId: number): void {
    while (this.#parts[1] !== undefined && this.#parts[1].first <= oldestId) {
      const { part } = this.#parts.shift()!;
      this.#db.exec(`drop table text_${part}; delete from parts where part = ${part}`);
    }
  }

  /** Drops everything. */
  clear(): void {
    this.#release();
    for (const { part } of this.#parts) this.#db.exec(`drop table text_${part}`);
    this.#db.exec('delete from parts');
    this.#parts = [];
  }

  /** Reads the parts again, after a transaction was rolled back. */
  reload(): void {
    this.#release();
    this.#parts = this.#load();
  }

  close(): void {
    this.#release();
  }

  #begin(first: number): void {
    this.#release();
    const part = (this.#parts.at(-1)?.part ?? 0) + 1;
    this.#db.exec(
      `create virtual table text_${part} using fts5(text, content = '', columnsize = 0, tokenize = 'ascii');
       insert into parts values (${part}, ${first})`,
    );
    this.#parts.push({ part, first });
    this.#bytes = 0;
  }

  #prepare(): Statement {
    return this.#db.prepare(`insert into text_${this.#parts.at(-1)!.part} (rowid, text) values (?, ?)`);
  }

  #load(): Part[] {
    return this.#db.all('select part, first from parts order by part') as unknown as Part[];
  }

  #release(): void {
    this.#insert?.finalize();
    this.#insert = undefined;
  }
}
