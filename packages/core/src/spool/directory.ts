// The directory of one process life: created whole under a name of its own, written by nobody else, and marked so that
// others can tell whether its owner still lives.
//
//   <directory>/<destination>-<hash>/          one folder per destination: queues of others are never sent there
//     q-<id>/                                  one per process life
//       OWNER   who writes here, JSON          lk  the beacon        hb  rewritten every few seconds
//       <lane>-<number>.seg                    adopted/q-<id>/  queues of the dead, same layout
//     .n-<id>/                                 being created         .t-<id>/  being removed
//     dead-letters/
//
// A visible q-* has its OWNER and its beacon: both are made before the rename that makes it visible.

import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { Runtime } from '../runtime.js';
import { attempt, type Beacon, call, codeOf, type FileSystem, type Steps, writeFully } from './file-system.js';
import { parseSegmentName } from './segment-header.js';

/** Who a process is, to others that share the disk. */
export interface Identity {
  readonly pid: number;
  readonly hostname: string;
  /** Differs between boots and machines; empty where unknown. */
  readonly bootId: string;
}

/** What OWNER holds. */
export interface Owner extends Identity {
  readonly v: 1;
  readonly queueId: string;
  readonly createdAt: number;
  /** Whether a beacon was lit: without one only silence proves a death. */
  readonly beacon: boolean;
}

export const heartbeatName = 'hb';
export const beaconName = 'lk';
export const ownerName = 'OWNER';
/** Where the queues of the dead are. */
export const adoptedName = 'adopted';
/** First byte of the heartbeat: beating, or stopped in order. */
export const beating = Buffer.from('b');
export const stopped = Buffer.from('s');

/** The folder's name for a destination: a few readable letters and eight digits of its hash. */
export function folderName(destination: string): string {
  const slug = destination.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(destination).digest('hex').slice(0, 8);
  return `${slug.replace(/^-|-$/g, '').slice(0, 40) || 'queue'}-${hash}`;
}

/** A new id: 48 bits of time, 80 of chance, as 32 hex digits that sort by time. */
export function newId(runtime: Runtime): string {
  let id = Math.floor(runtime.now()).toString(16).padStart(12, '0').slice(-12);
  for (let i = 0; i < 5; i++)
    id += Math.floor(runtime.random() * 0x10000)
      .toString(16)
      .padStart(4, '0');
  return id;
}

/** The directory that the user named, and the one it is in. */
function parentsOf(folder: string): string[] {
  const parent = dirname(folder);
  return [dirname(parent), parent];
}

function* syncParent(path: string): Steps<void> {
  try {
    yield* call('syncDirectory', path);
  } catch (error) {
    // What belongs to others is theirs to keep.
    if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error;
  }
}

export interface DirectoryOptions {
  readonly fs: FileSystem;
  readonly runtime: Runtime;
  /** The folder of the destination. */
  readonly folder: string;
  readonly identity: Identity;
  readonly syncNames: boolean;
  /** Tells that a directory was made, the heart has to beat, and whether the file system kept others out of it. */
  readonly created: (closedToOthers: boolean) => void;
}

interface Made {
  readonly path: string;
  readonly queueId: string;
  readonly inode: number;
  readonly beacon: Beacon | undefined;
  readonly heartbeat: number;
}

export class Directory {
  readonly #options: DirectoryOptions;
  #made: Made | undefined;
  #nextNumber = 1;
  #lastStamp = 0;

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  get ready(): boolean {
    return this.#made !== undefined;
  }

  /** Whether a beacon shows others on this machine that we live. */
  get lit(): boolean {
    return this.#made?.beacon !== undefined;
  }

  get folder(): string {
    return this.#options.folder;
  }

  /** Only where `ready`. */
  get path(): string {
    return this.#made!.path;
  }

  get queueId(): string {
    return this.#made!.queueId;
  }

  /** A number that no segment of this directory has had. */
  takeNumber(): number {
    return this.#nextNumber++;
  }

  /** A time that never goes back, so that segments sort by it. */
  stamp(now: number): number {
    this.#lastStamp = Math.max(this.#lastStamp, Math.floor(now));
    return this.#lastStamp;
  }

  /** Makes the directory unless there is one. */
  *ensure(): Steps<void> {
    if (this.#made) return;
    const { fs, runtime, folder, identity, syncNames } = this.#options;
    const queueId = newId(runtime);
    const hidden = `${folder}/.n-${queueId}`;
    const path = `${folder}/q-${queueId}`;
    yield* call('makeDirectories', folder);
    // Whoever made the folder, and its parents, may have died before their names were safe.
    if (syncNames) for (const parent of parentsOf(folder)) yield* syncParent(parent);
    yield* call('makeDirectory', hidden);
    const { inode, mode } = yield* call('stat', hidden);
    const beacon = fs.light(`${hidden}/${beaconName}`);
    const owner: Owner = { v: 1, queueId, ...identity, createdAt: runtime.now(), beacon: beacon !== undefined };
    let heartbeat: number | undefined;
    try {
      yield* this.#writeFile(`${hidden}/${ownerName}`, Buffer.from(`${JSON.stringify(owner)}\n`));
      heartbeat = yield* call('open', `${hidden}/${heartbeatName}`, 'create');
      yield* writeFully(heartbeat, [beating], 0);
      yield* call('rename', hidden, path);
      if (syncNames) yield* call('syncDirectory', folder);
    } catch (error) {
      beacon?.close();
      if (heartbeat !== undefined) yield* attempt('close', heartbeat);
      throw error;
    }
    if (this.#made) {
      // An exit or a journal write in the middle of this made its own. This one is empty and goes to the next adopter.
      beacon?.close();
      yield* attempt('close', heartbeat);
      return;
    }
    this.#made = { path, queueId, inode, beacon, heartbeat };
    this.#options.created((mode & 0o077) === 0);
  }

  *#writeFile(path: string, bytes: Buffer): Steps<void> {
    const fd = yield* call('open', path, 'create');
    try {
      yield* writeFully(fd, [bytes], 0);
      if (this.#options.syncNames) yield* call('sync', fd);
    } finally {
      yield* attempt('close', fd);
    }
  }

  /** Shows that the owner lives, and notices when the directory is gone or taken over: then `ensure` makes a new one. */
  *beat(): Steps<'ok' | 'gone'> {
    const made = this.#made;
    if (!made) return 'ok';
    yield* attempt('write', made.heartbeat, [beating], 0);
    try {
      const info = yield* call('stat', made.path);
      if (info.inode === made.inode) return 'ok';
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return 'ok';
    }
    yield* this.#forget(made);
    return 'gone';
  }

  *#forget(made: Made): Steps<void> {
    made.beacon?.close();
    if (this.#made === made) {
      this.#made = undefined;
      this.#nextNumber = 1;
    }
    yield* attempt('close', made.heartbeat);
  }

  /** Says that this is the last heartbeat, so that others need not wait for silence; the next one takes it back. */
  *sayLast(): Steps<void> {
    if (this.#made) yield* attempt('write', this.#made.heartbeat, [stopped], 0);
  }

  /** Leaves: what remains in it can be adopted at once; an empty directory is removed. */
  *leave(empty: boolean): Steps<void> {
    const made = this.#made;
    if (!made) return;
    yield* attempt('write', made.heartbeat, [stopped], 0);
    yield* this.#forget(made);
    if (empty) yield* removeQueue(made.path);
  }
}

const ownFiles = new Set([heartbeatName, beaconName, ownerName]);

/** Removes a queue's directory, unless something is left in it that is not just its owner's marks. */
export function* removeQueue(path: string): Steps<void> {
  try {
    const names = yield* call('list', path);
    // Fails where there still is a queue inside.
    if (names.includes(adoptedName)) yield* call('removeDirectory', `${path}/${adoptedName}`);
    if (!names.every((name) => ownFiles.has(name) || name === adoptedName)) return;
    const trash = path.replace(/q-([0-9a-f]+)$/, '.t-$1');
    yield* call('rename', path, trash);
    yield* emptyTrash(trash);
  } catch {
    // What stays is tried again by whoever comes across it.
  }
}

/**
 * Removes what is left of a queue that was renamed for removal. That happens when nothing in it waits any more: segments
 * in it, and queues inside, are what a power loss brought back.
 */
export function* emptyTrash(trash: string): Steps<void> {
  for (const name of yield* call('list', trash)) {
    if (ownFiles.has(name) || parseSegmentName(name)) yield* attempt('remove', `${trash}/${name}`);
  }
  try {
    for (const name of yield* call('list', `${trash}/${adoptedName}`)) {
      if (/^(q|\.t)-[0-9a-f]{32}$/.test(name)) yield* emptyTrash(`${trash}/${adoptedName}/${name}`);
    }
    yield* attempt('removeDirectory', `${trash}/${adoptedName}`);
  } catch {
    // Most have adopted nothing.
  }
  yield* attempt('removeDirectory', trash);
}
