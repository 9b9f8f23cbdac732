// Records that a destination refused for good, kept for people: NDJSON files beside the queues, one line a record, with
// the reason, the time and the record's id, so that they can be read with any tool and sent again as what they were.
// Capped: the oldest file goes first. Encrypted line by line where the spool is encrypted.
//
//   dead-letters/<id>-<n>.ndjson      {"time":…,"reason":"…","id":"<writer>-<sequence>","level":…,"at":…,"line":"…"}

import { isUtf8 } from 'node:buffer';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Batch } from '../batch.js';
import type { Core } from './core.js';
import { newId } from './directory.js';
import type { Key } from './encryption.js';
import { attempt, call, codeOf, readUpTo, type Steps, writeFully } from './file-system.js';
import { type KeptFile, listKept } from './kept-files.js';

/** One rejected record. */
export interface DeadLetter {
  /** When it was rejected, ms since the epoch. */
  readonly time: number;
  /** Why, in the destination's words. */
  readonly reason: string;
  /** `<writer>-<sequence>`, the id it was sent with. */
  readonly id: string;
  readonly level: number;
  /** The record's own time, ms since the epoch. */
  readonly at: number;
  /** The record as it was logged, without its newline. */
  readonly line: string;
  /** The same in base64, where it is not UTF-8. */
  readonly base64?: string;
}

/** A file of dead letters. */
export type DeadLetterFile = KeptFile;

/** What is stored where there is a key. */
interface SealedLetter {
  readonly keyId: string;
  readonly sealed: string;
}

/** With `.r-` in front while it is being retried. */
const filePattern = /^(\.r-)?[0-9a-f]{32}-\d+\.ndjson$/;
const newline = Buffer.from('\n');
const maxReason = 500;
const batchRecords = 1000;
const batchBytes = 2 ** 20;

export class DeadLetters {
  readonly #core: Core;
  readonly #fileBytes: number;
  #id: string | undefined;
  #part = 0;
  /** Bytes on the disk as of the last look. */
  bytes = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#fileBytes = Math.min(4 * 2 ** 20, Math.ceil(core.options.deadLetters.maxBytes / 8));
  }

  get #directory(): string {
    return `${this.#core.directory.folder}/dead-letters`;
  }

  /** Keeps rejected records. False where the disk would not, or none are to be kept. Never rejects. */
  async append(batch: Batch, reason: string): Promise<boolean> {
    if (!this.#core.writable || this.#core.options.deadLetters.maxBytes === 0) return false;
    try {
      return await this.#core.disk.run(() => this.write(batch, reason));
    } catch (error) {
      this.#core.failed(error);
      return false;
    }
  }

  /** Keeps rejected records, as part of something else. */
  *write(batch: Batch, reason: string): Steps<boolean> {
    if (this.#core.options.deadLetters.maxBytes === 0) return false;
    const bytes = this.#encode(batch, reason, yield* this.#core.keys.current());
    yield* this.#makeRoom(bytes.length);
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
    this.#core.emit({ type: 'recordsDeadLettered', records: batch.count, bytes: batch.bytes.length, reason });
    return true;
  }

  #encode(batch: Batch, reason: string, key: Key | undefined): Buffer {
    const time = this.#core.runtime.now();
    const lines: string[] = [];
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.line(i);
      const about = { time, reason: reason.slice(0, maxReason), id: batch.recordId(i), level: batch.levels[i]! };
      const exact = isUtf8(bytes) ? {} : { base64: bytes.toString('base64') };
      const letter: DeadLetter = { ...about, at: batch.times[i]!, line: bytes.toString(), ...exact };
      lines.push(JSON.stringify(key ? sealLetter(letter, key) : letter));
    }
    return Buffer.from(`${lines.join('\n')}\n`);
  }

  /** The file to append to; a new one when the last is full. */
  *#path(more: number): Steps<string> {
    yield* call('makeDirectories', this.#directory);
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
      if (yield* attempt('remove', `${this.#directory}/${name}`)) total -= bytes;
    }
    this.bytes = total - more;
  }

  /** The files there are, oldest first. */
  *files(): Steps<DeadLetterFile[]> {
    return yield* listKept(this.#directory, filePattern);
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
    const fd = yield* call('open', `${this.#directory}/${name}`, 'read');
    try {
      const bytes = yield* readUpTo(fd, yield* call('size', fd), 0);
      const letters: DeadLetter[] = [];
      for (const line of bytes.toString().split('\n')) {
        const letter = line === '' ? undefined : parseLetter(line, (id) => this.#core.keys.find(id));
        if (letter) letters.push(letter);
      }
      return letters;
    } finally {
      yield* attempt('close', fd);
    }
  }

  /**
   * Hands all letters out again, as batches with the ids they had, and removes each file whose batches were all taken.
   * Returns how many records were taken.
   */
  async retry(take: (batch: Batch) => Promise<boolean>): Promise<number> {
    let taken = 0;
    for (const { name } of await this.list()) {
      const claimed = name.startsWith('.r-') ? name : `.r-${name}`;
      // Out of the way first: what is rejected meanwhile goes to another file.
      await this.#core.disk.run(() => this.#rename(name, claimed));
      let all = true;
      for (const batch of toBatches(await this.read(claimed))) {
        const ok = await take(batch);
        if (ok) taken += batch.count;
        else all = false;
      }
      await this.#core.disk.run(() => (all ? this.#remove(claimed) : this.#rename(claimed, claimed.slice(3))));
    }
    return taken;
  }

  *#rename(from: string, to: string): Steps<void> {
    if (from !== to) yield* attempt('rename', `${this.#directory}/${from}`, `${this.#directory}/${to}`);
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

function sealLetter(letter: DeadLetter, key: Key): SealedLetter {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce);
  cipher.setAAD(Buffer.from('spillway dead letter'));
  const sealed = [nonce, cipher.update(JSON.stringify(letter)), cipher.final(), cipher.getAuthTag()];
  return { keyId: key.id.toString('hex'), sealed: Buffer.concat(sealed).toString('base64') };
}

/** Reads one line of a file; undefined where it cannot be read. */
export function parseLetter(line: string, find: (keyId: string) => Key | undefined): DeadLetter | undefined {
  try {
    const stored = JSON.parse(line) as DeadLetter | SealedLetter;
    const letter = 'sealed' in stored ? openLetter(stored, find) : stored;
    return typeof letter.id === 'string' && typeof letter.line === 'string' ? letter : undefined;
  } catch {
    return undefined;
  }
}

function openLetter(stored: SealedLetter, find: (keyId: string) => Key | undefined): DeadLetter {
  const key = find(stored.keyId);
  if (!key) throw new Error('the key is missing');
  const bytes = Buffer.from(stored.sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(0, 12));
  decipher.setAAD(Buffer.from('spillway dead letter'));
  decipher.setAuthTag(bytes.subarray(bytes.length - 16));
  const plain = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  return JSON.parse(plain.toString()) as DeadLetter;
}

/** Letters as batches: those of one writer whose numbers ascend, up to a size. */
export function* toBatches(letters: readonly DeadLetter[]): Generator<Batch> {
  let group: DeadLetter[] = [];
  let bytes = 0;
  for (const letter of letters) {
    const last = group[group.length - 1];
    const follows = last && writerOf(last) === writerOf(letter) && sequenceOf(last) < sequenceOf(letter);
    if (last && (!follows || group.length >= batchRecords || bytes + letter.line.length > batchBytes)) {
      yield toBatch(group);
      group = [];
      bytes = 0;
    }
    group.push(letter);
    bytes += letter.line.length;
  }
  if (group.length > 0) yield toBatch(group);
}

const writerOf = ({ id }: DeadLetter) => id.slice(0, id.lastIndexOf('-'));
const sequenceOf = ({ id }: DeadLetter) => Number(id.slice(id.lastIndexOf('-') + 1));

function toBatch(letters: readonly DeadLetter[]): Batch {
  const lines = letters.map(({ line, base64 }) =>
    base64 === undefined ? Buffer.from(`${line}\n`) : Buffer.concat([Buffer.from(base64, 'base64'), newline]),
  );
  const offsets = new Uint32Array(lines.length + 1);
  lines.forEach((line, i) => {
    offsets[i + 1] = offsets[i]! + line.length;
  });
  const sequences = Float64Array.from(letters, sequenceOf);
  const gaps = sequences.some((sequence, i) => i > 0 && sequence !== sequences[i - 1]! + 1);
  return new Batch({
    writer: writerOf(letters[0]!),
    firstSequence: sequences[0]!,
    bytes: Buffer.concat(lines),
    offsets,
    times: Float64Array.from(letters, ({ at }) => at),
    levels: Uint16Array.from(letters, ({ level }) => level),
    ...(gaps && { sequences }),
  });
}
