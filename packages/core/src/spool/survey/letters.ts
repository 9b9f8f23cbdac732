// Dead letters of a folder, looked at beside whoever writes them.

import { type DeadLetter, letterFilePattern } from '../dead-letter.js';
import { readLetters } from '../dead-letter-retry.js';
import { call, codeOf, type Steps } from '../file-system.js';
import { type KeptFile, listKept } from '../kept-files.js';
import type { Keys } from '../keys.js';
import { deadLettersName } from './places.js';
import { namesIn, readingDisk } from './reading-disk.js';

/** A file of dead letters and what is in it. */
export interface LetterFile extends KeptFile {
  readonly path: string;
  readonly letters: readonly DeadLetter[];
  /** Lines that are torn, or sealed with a key that is missing. */
  readonly unreadable: number;
}

/** Reads a folder's dead letters, file by file, the oldest first. Rejects where the disk cannot be read. */
export async function* readDeadLetters(folder: string, keys: Keys): AsyncGenerator<LetterFile> {
  const disk = readingDisk();
  const directory = `${folder}/${deadLettersName}`;
  for (const file of await disk.run(() => filesIn(directory))) {
    const path = `${directory}/${file.name}`;
    const found = await disk.run(() => readOne(path, keys));
    if (found) yield { ...file, path, ...found };
  }
}

function* filesIn(directory: string): Steps<KeptFile[]> {
  // None where it is a link.
  return (yield* namesIn(directory)).length === 0 ? [] : yield* listKept(directory, letterFilePattern);
}

function* readOne(path: string, keys: Keys) {
  try {
    if ((yield* call('stat', path)).kind !== 'file') return undefined;
    return yield* readLetters(path, keys);
  } catch (error) {
    // Taken by a retry while we looked.
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
