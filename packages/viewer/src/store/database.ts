// Opens the SQLite database: pragmas, schema, and what to do when the file is damaged or of another version.
// The store is a cache of logs: a file that cannot be used is set aside and a new one is begun.
import { existsSync, renameSync, rmSync } from 'node:fs';
import sqlite from 'node-sqlite3-wasm';

export type Database = InstanceType<typeof sqlite.Database>;
export type Statement = InstanceType<typeof sqlite.Statement>;
export type Value = number | bigint | string | Uint8Array | null;

/** Raised when a change of the schema makes older files unreadable. */
const SCHEMA_VERSION = 1;

const schema = `
  create table records (
    id integer primary key, time integer not null, level integer not null, json integer not null,
    labels blob, metadata blob, line blob not null
  );
  create table batches (id integer primary key, key text not null unique);
  create table parts (part integer primary key, first integer not null);
  pragma user_version = ${SCHEMA_VERSION};
`;

/** An open database and whether an unusable one had to be set aside. */
export interface Opened {
  readonly db: Database;
  readonly setAside: boolean;
}

/** Opens or creates the database; `:memory:` keeps it off the disk. The caller holds the directory's lock. */
export function openDatabase(file: string): Opened {
  if (file === ':memory:') return { db: open(file), setAside: false };
  // The library locks by making this directory; a killed process leaves it behind. Our own lock says that nobody is there.
  rmSync(`${file}.lock`, { recursive: true, force: true });
  try {
    return { db: open(file), setAside: false };
  } catch (error) {
    if (!existsSync(file)) throw error;
    for (const suffix of ['', '-journal']) {
      rmSync(`${file}.unusable${suffix}`, { force: true });
      if (existsSync(file + suffix)) renameSync(file + suffix, `${file}.unusable${suffix}`);
    }
    rmSync(`${file}.lock`, { recursive: true, force: true });
    return { db: open(file), setAside: true };
  }
}

function open(file: string): Database {
  const db = new sqlite.Database(file);
  try {
    // One process, one connection: the exclusive lock saves a round of system calls per transaction.
    // Without syncs a commit survives the death of the process, not a power loss, which is enough for a viewer.
    for (const pragma of [
      'page_size = 8192',
      'locking_mode = exclusive',
      'journal_mode = persist',
      'journal_size_limit = 4194304',
      'synchronous = off',
      'cache_size = -16384',
      'temp_store = memory',
    ]) {
      db.all(`pragma ${pragma}`);
    }
    prepareSchema(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareSchema(db: Database): void {
  const version = db.get('pragma user_version')?.user_version;
  const empty = db.get('select count(*) as n from sqlite_master')?.n === 0;
  if (empty) db.exec(`begin; ${schema} commit`);
  else if (version !== SCHEMA_VERSION) throw new Error(`schema version ${String(version)}, expected ${SCHEMA_VERSION}`);
}
