// Where spools are below a path that somebody names: the directory given to applications, one destination's folder in
// it, one queue, one segment, or a directory with several of these.
// Bounded in depth and number; links below the named path are not followed.

import { realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { adoptedName } from '../directory.js';
import { call, type Steps } from '../file-system.js';
import { parseSegmentName } from '../segment-header.js';
import { namesIn } from './reading-disk.js';

export const deadLettersName = 'dead-letters';
export const queuePattern = /^q-([0-9a-f]{32})$/;
export const hiddenPattern = /^\.[nt]-([0-9a-f]{32})$/;

const folderPattern = /-[0-9a-f]{8}$/;

/** A destination's folder, or the part of it that was named. */
export interface Place {
  readonly folder: string;
  /** Only this queue. */
  readonly queue?: string;
  /** Only this segment's file name in it. */
  readonly segment?: string;
}

/** How deep below the named path folders are looked for. */
const maxDepth = 3;
const maxFolders = 1000;

/** The folders at or below a path; none where there is no spool. Throws where the path itself cannot be read. */
export function* placesAt(path: string): Steps<Place[]> {
  // The named path may be a link: whoever names it, means it.
  const real = realpathSync(resolve(path));
  const name = basename(real);
  if (parseSegmentName(name)) {
    const queue = dirname(real);
    return [{ folder: folderOf(queue), queue, segment: name }];
  }
  if (queuePattern.test(name)) return [{ folder: folderOf(real), queue: real }];
  yield* call('list', real);
  const places: Place[] = [];
  yield* search(real, maxDepth, places);
  return places;
}

function* search(path: string, depth: number, places: Place[]): Steps<void> {
  const names = yield* namesIn(path);
  // A folder that looks empty because it may not be read must not be taken for one.
  if (names.length === 0 && folderPattern.test(basename(path))) yield* call('list', path);
  if (names.some((name) => queuePattern.test(name) || hiddenPattern.test(name) || name === deadLettersName)) {
    places.push({ folder: path });
    return;
  }
  if (depth === 0) return;
  for (const name of names) {
    if (places.length >= maxFolders) return;
    if (!name.startsWith('.')) yield* search(`${path}/${name}`, depth - 1, places);
  }
}

/** The folder that a queue is in, also where it was adopted by another queue. */
function folderOf(queue: string): string {
  let folder = dirname(queue);
  while (basename(folder) === adoptedName) folder = dirname(dirname(folder));
  return folder;
}
