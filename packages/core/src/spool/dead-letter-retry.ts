// Hands dead letters out again, file by file, beside applications that go on writing theirs.
// In: the files. Out: batches, and in place of each file what of it was not taken.
//
//   <id>-<n>.ndjson ─claim─► .r-<new id>-0.ndjson ─every batch taken─► removed
//                                    │  ▲ rewritten after each batch, by a rename
//                                    └──┴─ something remains ─► <new id>-0.ndjson
//
// A file is claimed under a name that nobody else uses, so that a writer which makes the old name again loses nothing.
// A crash leaves the claimed file, with all that was not yet taken but for one batch; the next retry claims it again.
// Lines that cannot be read here are kept as they are.

import type { Batch } from '../batch.js';
import type { Runtime } from '../runtime.js';
import { type DeadLetter, groups, letterFilePattern, parseLetter, toBatch } from './dead-letter.js';
import { newId } from './directory.js';
import type { Disk } from './disk.js';
import { attempt, call, codeOf, DiskError, type FileSystem, readUpTo, type Steps, writeFully } from './file-system.js';
import { listKept } from './kept-files.js';
import type { Keys } from './keys.js';

/** What a retry came to, in records. */
export interface RetryReport {
  /** Taken, and removed from the files. */
  readonly taken: number;
  /** Not taken: they are where they were. */
  readonly remaining: number;
  /** Lines that are torn, or sealed with a key that is missing: they are where they were. */
  readonly unreadable: number;
}

export interface RetryParts {
  readonly disk: Disk;
  readonly fs: FileSystem;
  readonly runtime: Runtime;
  readonly keys: Keys;
  readonly directory: string;
}

/** A line of a file, and the letter that it is. */
interface Line {
  readonly text: string;
  /** Unset where it cannot be read here. */
  readonly letter?: DeadLetter;
}

const beaconName = '.retry';
const draftPattern = /^\.r-[0-9a-f]{32}-\d+\.ndjson\.w$/;
/** Files are rotated far below this. */
const maxFileBytes = 256 * 2 ** 20;

export class DeadLetterRetry {
  readonly #parts: RetryParts;
  readonly #sum = { taken: 0, remaining: 0, unreadable: 0 };

  constructor(parts: RetryParts) {
    this.#parts = parts;
  }

  async run(take: Take, only?: string): Promise<RetryReport> {
    const { disk, directory, fs } = this.#parts;
    const files = await disk.run(() => listKept(directory, letterFilePattern));
    const wanted = files.filter(({ name }) => only === undefined || name === only);
    if (wanted.length === 0) return this.#sum;
    const beacon = `${directory}/${beaconName}`;
    if ((await disk.run(() => call('look', beacon))) === 'lit') {
      throw new DiskError('EBUSY', 'dead letters are being retried by another process');
    }
    await disk.run(() => attempt('remove', beacon));
    await disk.run(() => clearDrafts(directory));
    const lit = fs.light(beacon);
    try {
      for (const { name } of wanted) await this.#file(name, take);
    } finally {
      lit?.close();
    }
    return this.#sum;
  }

  async #file(name: string, take: Take): Promise<void> {
    const { disk, directory, runtime, keys } = this.#parts;
    const fresh = `${newId(runtime)}-0.ndjson`;
    const path = `${directory}/.r-${fresh}`;
    if (!(await disk.run(() => claim(`${directory}/${name}`, path)))) return;
    const claimed = new Claimed(path, keys);
    for (
      let lines = await disk.run(() => claimed.more());
      lines.length > 0;
      lines = await disk.run(() => claimed.more())
    ) {
      for (const group of groups(lines)) {
        const left = new Set((await take(toBatch(group.map(({ letter }) => letter)))).flatMap(idsOf));
        const taken = group.filter(({ letter }) => !left.has(letter.id));
        this.#sum.taken += taken.length;
        this.#sum.remaining += group.length - taken.length;
        if (taken.length > 0) await disk.run(() => claimed.remove(taken));
      }
    }
    await disk.run(() => claimed.giveBack(`${directory}/${fresh}`));
    this.#sum.unreadable += claimed.unreadable;
  }
}

type Take = (batch: Batch) => Promise<readonly Batch[]>;

function idsOf(batch: Batch): string[] {
  return Array.from({ length: batch.count }, (_, i) => batch.recordId(i));
}

/** Takes a file for us alone; false where somebody else was faster, or it is no file. */
function* claim(from: string, to: string): Steps<boolean> {
  try {
    if ((yield* call('stat', from)).kind !== 'file') return false;
    yield* call('rename', from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A file that is ours, and may still grow: a writer can have had it open when it was claimed. */
class Claimed {
  readonly #path: string;
  readonly #keys: Keys;
  #lines: Line[] = [];
  /** Bytes of the file that are in `#lines`. */
  #end = 0;

  constructor(path: string, keys: Keys) {
    this.#path = path;
    this.#keys = keys;
  }

  get unreadable(): number {
    return this.#lines.filter(({ letter }) => letter === undefined).length;
  }

  /** The lines that were not there before. */
  *more(): Steps<Line[]> {
    const { lines, end } = yield* readLines(this.#path, this.#keys, this.#end);
    this.#lines.push(...lines);
    this.#end = end;
    return lines;
  }

  /** Leaves out what was taken, all of it or nothing. What cannot be written now is left out with the next. */
  *remove(taken: readonly Line[]): Steps<void> {
    const gone = new Set(taken);
    this.#lines = this.#lines.filter((line) => !gone.has(line));
    const { lines, end } = yield* readLines(this.#path, this.#keys, this.#end);
    if (lines.length > 0) return;
    const bytes = Buffer.from(this.#lines.map(({ text }) => `${text}\n`).join(''));
    if (yield* rewrite(this.#path, bytes)) this.#end = bytes.length;
    else this.#end = end;
  }

  /** Puts what is left where everybody finds it, or removes the file. */
  *giveBack(path: string): Steps<void> {
    // Lines that came last, and one that was never written to its end.
    const { lines } = yield* readLines(this.#path, this.#keys, this.#end, 'taken');
    this.#lines.push(...lines);
    if (this.#lines.length === 0) return void (yield* attempt('remove', this.#path));
    const bytes = Buffer.from(this.#lines.map(({ text }) => `${text}\n`).join(''));
    yield* rewrite(this.#path, bytes);
    yield* attempt('rename', this.#path, path);
  }
}

/** Removes what a crash left of a file that was being rewritten; the file itself is still there. */
function* clearDrafts(directory: string): Steps<void> {
  for (const name of yield* call('list', directory)) {
    if (draftPattern.test(name)) yield* attempt('remove', `${directory}/${name}`);
  }
}

/** Replaces a file's contents in one step; false where the disk would not. */
function* rewrite(path: string, bytes: Buffer): Steps<boolean> {
  const draft = `${path}.w`;
  yield* attempt('remove', draft);
  try {
    const fd = yield* call('open', draft, 'create');
    try {
      yield* writeFully(fd, [bytes], 0);
      // The old contents must not be gone before the new ones are safe.
      yield* call('sync', fd);
    } finally {
      yield* attempt('close', fd);
    }
    yield* call('rename', draft, path);
    return true;
  } catch {
    yield* attempt('remove', draft);
    return false;
  }
}

/** The letters of a file, and how many of its lines are none. */
export function* readLetters(path: string, keys: Keys): Steps<{ letters: DeadLetter[]; unreadable: number }> {
  const { lines } = yield* readLines(path, keys, 0, 'taken');
  const letters = lines.flatMap(({ letter }) => letter ?? []);
  return { letters, unreadable: lines.length - letters.length };
}

/** The whole lines of a file from an offset on; with `torn` also what is behind the last newline. */
function* readLines(
  path: string,
  keys: Keys,
  from: number,
  torn = 'left' as 'left' | 'taken',
): Steps<{ lines: Line[]; end: number }> {
  yield* known(keys);
  const fd = yield* call('open', path, 'read');
  try {
    const length = Math.min(maxFileBytes, (yield* call('size', fd)) - from);
    const read = yield* readUpTo(fd, Math.max(0, length), from);
    const bytes = torn === 'taken' ? read : read.subarray(0, read.lastIndexOf(10) + 1);
    const lines: Line[] = [];
    for (const text of bytes.toString().split('\n')) {
      if (text === '') continue;
      const letter = parseLetter(text, (id) => keys.find(id));
      lines.push({ text, ...(letter && { letter }) });
    }
    return { lines, end: from + bytes.length };
  } finally {
    yield* attempt('close', fd);
  }
}

/** Reads the key file, if there is one, so that letters can be opened. */
function* known(keys: Keys): Steps<void> {
  try {
    yield* keys.current();
  } catch {
    // Without it, sealed letters stay as they are.
  }
}
