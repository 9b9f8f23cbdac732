// Files that are kept beside the queues, for people: rejected records, damaged segments. They outlive the processes that
// made them and are shared by all on the same folder, so that what is there is looked up rather than remembered.

import { call, codeOf, type Steps } from './file-system.js';

/** A file that is kept. */
export interface KeptFile {
  readonly name: string;
  readonly bytes: number;
  /** Time of its last change, ms since the epoch. */
  readonly modifiedMs: number;
}

/** The files of a directory whose names are ours, oldest first; none where there is no such directory. */
export function* listKept(directory: string, pattern: RegExp): Steps<KeptFile[]> {
  let names: string[];
  try {
    names = yield* call('list', directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
  const files: KeptFile[] = [];
  for (const name of names) {
    if (!pattern.test(name)) continue;
    try {
      const { size: bytes, modifiedMs } = yield* call('stat', `${directory}/${name}`);
      files.push({ name, bytes, modifiedMs });
    } catch {
      // Gone in the meantime.
    }
  }
  return files.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.name < b.name ? -1 : 1));
}
