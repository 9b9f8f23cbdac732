// Segments in which bytes were wrong, once nothing in them waits any more: moved aside instead of deleted, for people who
// want to know what happened to the disk or to get at what no checksum vouches for. Nothing here is ever sent.
// In: a finished segment. Out: its file in `damaged/`, beside the queues. Bounded in files and bytes: the oldest goes first.

import type { Core } from './core.js';
import { attempt, call, type Steps } from './file-system.js';
import { type KeptFile, listKept } from './kept-files.js';
import type { Segment } from './segment.js';
import { segmentName } from './segment-header.js';

export const damagedName = 'damaged';
const maxFiles = 64;
const pattern = /^[0-9a-f]{32}-[hnl]-\d{16}\.seg$/;

export class Damaged {
  readonly #core: Core;
  readonly #maxBytes: number;
  /** Bytes on the disk as of the last look. */
  bytes = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#maxBytes = Math.min(32 * 2 ** 20, core.options.maxBytes / 16);
  }

  get #directory(): string {
    return `${this.#core.directory.folder}/${damagedName}`;
  }

  /** Looks how much there is: other processes keep theirs in the same place. */
  *measure(): Steps<void> {
    this.bytes = sum(yield* listKept(this.#directory, pattern));
  }

  /** Moves a segment's file here. False where it could not be, or is too large. */
  *keep(segment: Segment): Steps<boolean> {
    if (segment.size > this.#maxBytes) return false;
    yield* attempt('makeDirectory', this.#directory);
    const name = `${segment.queueId}-${segmentName(segment.lane, segment.number)}`;
    // Needs no room on the disk, and where a power loss undoes it the segment is found once more.
    if (!(yield* attempt('rename', segment.path, `${this.#directory}/${name}`))) return false;
    yield* this.#limit(name);
    this.#core.emit({ type: 'segmentSetAside', segment: segment.path, name, diskBytes: segment.size });
    return true;
  }

  *#limit(newest: string): Steps<void> {
    const files = yield* listKept(this.#directory, pattern);
    let bytes = sum(files);
    let count = files.length;
    for (const file of files) {
      if (bytes <= this.#maxBytes && count <= maxFiles) break;
      if (file.name === newest) continue;
      yield* call('remove', `${this.#directory}/${file.name}`);
      bytes -= file.bytes;
      count--;
    }
    this.bytes = bytes;
  }
}

function sum(files: readonly KeptFile[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}
