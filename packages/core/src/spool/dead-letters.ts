// Records that a destination refused for good, kept for people: NDJSON files beside the queues, one line a record, with
// the reason, the time and the record's id, so that they can be read with any tool and sent again as what they were.
// Capped: the oldest file goes first. Encrypted line by line where the spool is encrypted. What cannot be kept, or goes,
// is counted and told.
//
//   dead-letters/<id>-<n>.ndjson      {"time":…,"reason":"…","id":"<writer>-<sequence>","level":…,"at":…,"line":"…"}

import type { Batch } from '../batch.js';
import type { Core } from './core.js';
import { type DeadLetter, encodeLetters, letterFilePattern } from './dead-letter.js';
import { DeadLetterRetry, type RetryReport, readLetters } from './dead-letter-retry.js';
import { newId } from './directory.js';
import { attempt, call, codeOf, DiskError, type Steps, writeFully } from './file-system.js';
import { type KeptFile, listKept } from './kept-files.js';
import { add, copyOf, type Tally, tally } from './tally.js';

export type { DeadLetter } from './dead-letter.js';
export type { RetryReport } from './dead-letter-retry.js';

/** A file of dead letters. */
export type DeadLetterFile = KeptFile;

/** What became of rejected records, since the spool was created. */
export interface DeadLetterCounters {
  readonly kept: Tally;
  /** The disk would not have them, or one batch of them is more than all may be. */
  readonly notKept: Tally;
  /** Bytes of files that were deleted to stay under the cap. */
  evictedBytes: number;
}

export class DeadLetters {
  readonly #core: Core;
  readonly #fileBytes: number;
  #id: string | undefined;
  #part = 0;
  /** Bytes on the disk as of the last look. */
  bytes = 0;
  readonly #counters: DeadLetterCounters = { kept: tally(), notKept: tally(), evictedBytes: 0 };

  constructor(core: Core) {
    this.#core = core;
    this.#fileBytes = Math.min(4 * 2 ** 20, Math.ceil(core.options.deadLetters.maxBytes / 8));
  }

  get #directory(): string {
    return `${this.#core.directory.folder}/dead-letters`;
  }

  /** The counts so far. */
  stats(): DeadLetterCounters {
    const { kept, notKept, evictedBytes } = this.#counters;
    return { kept: copyOf(kept), notKept: copyOf(notKept), evictedBytes };
  }

  /** Keeps rejected records. False where the disk would not, or none are to be kept. Never rejects. */
  async append(batch: Batch, reason: string): Promise<boolean> {
    if (this.#core.options.deadLetters.maxBytes === 0) return false;
    if (!this.#core.writable) return this.#notKept(batch, reason, this.#core.state);
    try {
      return await this.#core.disk.run(() => this.write(batch, reason));
    } catch (error) {
      this.#core.failed(error);
      return this.#notKept(batch, reason, codeOf(error));
    }
  }

  #notKept({ count: records, bytes: { length: bytes } }: Batch, reason: string, code: string): false {
    add(this.#counters.notKept, { records, bytes });
    this.#core.emit({ type: 'deadLettersNotKept', records, bytes, reason, code });
    return false;
  }

  /** Keeps rejected records, as part of something else. */
  *write(batch: Batch, reason: string): Steps<boolean> {
    if (this.#core.options.deadLetters.maxBytes === 0) return false;
    const key = yield* this.#core.keys.current();
    const bytes = encodeLetters(batch, { time: this.#core.runtime.now(), reason }, key);
    if (bytes.length > this.#core.options.deadLetters.maxBytes) return this.#notKept(batch, reason, 'tooLarge');
    yield* this.#makeRoom(bytes.length + 1);
    const path = yield* this.#path(bytes.length);
    const { fd, size } = yield* openToAppend(path);
    try {
      // A line that was torn by a crash must not swallow the next one.
      yield* writeFully(fd, size > 0 ? [Buffer.from('\n'), bytes] : [bytes], size);
      if (this.#core.options.sync === 'always') yield* call('sync', fd);
    } catch (error) {
      yield* attempt('truncate', fd, size);
      throw error;
    } finally {
      yield* attempt('close', fd);
    }
    this.bytes += bytes.length + 1;
    add(this.#counters.kept, { records: batch.count, bytes: batch.bytes.length });
    this.#core.emit({ type: 'recordsDeadLettered', records: batch.count, bytes: batch.bytes.length, reason });
    return true;
  }

  /** The file to append to; a new one when the last is full. */
  *#path(more: number): Steps<string> {
    yield* call('makeDirectories', this.#directory);
    const { kind } = yield* call('stat', this.#directory);
    if (kind !== 'directory') throw new DiskError('ELOOP', 'dead-letters is no directory');
    this.#id ??= newId(this.#core.runtime);
    const path = `${this.#directory}/${this.#id}-${this.#part}.ndjson`;
    try {
      const { size } = yield* call('stat', path);
      if (size > 0 && size + more > this.#fileBytes) this.#part++;
    } catch {
      // Not there yet, or taken away to be retried.
    }
    return `${this.#directory}/${this.#id}-${this.#part}.ndjson`;
  }

  *#makeRoom(more: number): Steps<void> {
    const { maxBytes } = this.#core.options.deadLetters;
    const files = yield* this.files();
    let total = files.reduce((sum, { bytes }) => sum + bytes, more);
    for (const { name, bytes } of files) {
      if (total <= maxBytes) break;
      if (!(yield* attempt('remove', `${this.#directory}/${name}`))) continue;
      total -= bytes;
      this.#counters.evictedBytes += bytes;
      this.#core.emit({ type: 'deadLettersEvicted', file: name, diskBytes: bytes });
    }
    this.bytes = total - more;
  }

  /** The files there are, oldest first. */
  *files(): Steps<DeadLetterFile[]> {
    return yield* listKept(this.#directory, letterFilePattern);
  }

  /** Looks how much there is: other processes keep theirs in the same place. */
  *measure(): Steps<void> {
    this.bytes = (yield* this.files()).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Lists the files, oldest first. Rejects where the disk cannot be read. */
  list(): Promise<DeadLetterFile[]> {
    return this.#core.disk.run(() => this.files());
  }

  /** Reads a file. Lines that are torn, or sealed with a key that is missing, are left out. */
  read(name: string): Promise<DeadLetter[]> {
    return this.#core.disk.run(() => this.#read(name));
  }

  *#read(name: string): Steps<DeadLetter[]> {
    const { letters } = yield* readLetters(`${this.#directory}/${name}`, this.#core.keys);
    return letters;
  }

  /**
   * Hands all letters out again, or those of one file, as batches with the ids they had. `take` answers with what of a
   * batch remains to be taken; only what was taken is removed. Safe beside writers. Rejects with EBUSY where somebody
   * else is at it, and where the disk cannot be read or written.
   */
  retry(take: (batch: Batch) => Promise<readonly Batch[]>, only?: string): Promise<RetryReport> {
    const { disk, fs, runtime, keys } = this.#core;
    return new DeadLetterRetry({ disk, fs, runtime, keys, directory: this.#directory }).run(take, only);
  }

  *#remove(name: string): Steps<void> {
    yield* attempt('remove', `${this.#directory}/${name}`);
  }

  /** Deletes all letters, or those of one file. Returns how many bytes that freed. */
  async purge(only?: string): Promise<number> {
    let freed = 0;
    for (const { name, bytes } of await this.list()) {
      if (only !== undefined && name !== only) continue;
      await this.#core.disk.run(() => this.#remove(name));
      freed += bytes;
    }
    this.bytes = Math.max(0, this.bytes - freed);
    return freed;
  }
}

function* openToAppend(path: string): Steps<{ fd: number; size: number }> {
  try {
    return { fd: yield* call('open', path, 'create'), size: 0 };
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const fd = yield* call('open', path, 'update');
    return { fd, size: yield* call('size', fd) };
  }
}
