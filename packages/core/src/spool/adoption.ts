// Queues that dead processes left behind: finds them, makes sure that the owner is dead, and takes them over.
// Who is dead, life.ts says; silence is measured here by the clock of whoever keeps the files.
// The claim is one rename into the adopter's own directory: of several only one wins, and if the adopter dies in turn,
// whoever adopts it gets everything inside.

import { dirname } from 'node:path';
import type { Lane } from '../lane.js';
import type { Core } from './core.js';
import { adoptedName, beaconName, emptyTrash, heartbeatName, type Owner, ownerName, removeQueue } from './directory.js';
import { attempt, call, codeOf, readUpTo, type Steps } from './file-system.js';
import { judge, type Signs } from './life.js';
import { Segment } from './segment.js';
import { parseSegmentName } from './segment-header.js';
import { add, copyOf } from './tally.js';
import { peek, walk } from './walk.js';

const queueName = /^q-([0-9a-f]{32})$/;
const hiddenName = /^\.[nt]-([0-9a-f]{32})$/;
/** Half-made and half-removed directories are cleared away after this time. */
const leftoverMs = 3_600_000;

export class Adoption {
  readonly #core: Core;
  /** Adopted directories whose segments are all on the books. */
  readonly #known = new Set<string>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Looks through the folder once and takes over what is dead. */
  *scan(): Steps<void> {
    const { directory } = this.#core;
    const { folder } = directory;
    for (const name of yield* listOf(folder)) {
      if (this.#core.closed) return;
      const queueId = queueName.exec(name)?.[1] ?? hiddenName.exec(name)?.[1];
      if (queueId === undefined || (directory.ready && queueId === directory.queueId)) continue;
      try {
        if (hiddenName.test(name)) yield* this.#clear(`${folder}/${name}`);
        else if (yield* this.#isDead(`${folder}/${name}`)) yield* this.#claim(name);
      } catch (error) {
        // Somebody else was faster, or it is not ours to read.
        const code = codeOf(error);
        if (code !== 'ENOENT') this.#core.emit({ type: 'queueClaimFailed', queueId, code });
      }
    }
    if (directory.ready) yield* this.#takeInAll();
  }

  /** Clears away a directory that its maker did not live to finish, or to remove. */
  *#clear(path: string): Steps<void> {
    const info = yield* call('stat', path);
    if (this.#core.runtime.now() - info.modifiedMs <= leftoverMs) return;
    const names = yield* call('list', path);
    if (path.includes('/.t-') || !names.some(parseSegmentName)) yield* emptyTrash(path);
    // A power loss took back the name under which it was in use.
    else yield* call('rename', path, path.replace('/.n-', '/q-'));
  }

  *#isDead(path: string): Steps<boolean> {
    const info = yield* call('stat', path);
    const uid = process.getuid?.();
    const otherUser = uid !== undefined && info.uid !== uid;
    // A directory that others could have planted is not read.
    if (info.kind !== 'directory' || otherUser) return false;
    const owner = yield* readOwner(path);
    const marks = yield* this.#heart(path, info.modifiedMs);
    const beacon = yield* call('look', `${path}/${beaconName}`);
    const { tuning, identity } = this.#core;
    return judge({ owner, beacon, otherUser, ...marks }, identity, tuning).state === 'dead';
  }

  /** For how long the heart has not beaten, and whether it stopped in order. */
  *#heart(path: string, fallback: number): Steps<Pick<Signs, 'silentMs' | 'stopped'>> {
    const now = yield* this.#fileTime();
    let last = fallback;
    let stopped = false;
    try {
      last = (yield* call('stat', `${path}/${heartbeatName}`)).modifiedMs;
      const fd = yield* call('open', `${path}/${heartbeatName}`, 'read');
      try {
        stopped = (yield* readUpTo(fd, 1, 0)).toString() === 's';
      } finally {
        yield* attempt('close', fd);
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    return { silentMs: now - last, stopped };
  }

  /** The present by the file server's clock: the time of a heartbeat of our own. */
  *#fileTime(): Steps<number> {
    const { directory, runtime } = this.#core;
    if (!directory.ready) return runtime.now();
    yield* directory.beat();
    return directory.ready ? (yield* call('stat', `${directory.path}/${heartbeatName}`)).modifiedMs : runtime.now();
  }

  *#claim(name: string): Steps<void> {
    const { directory } = this.#core;
    yield* directory.ensure();
    const adopted = `${directory.path}/${adoptedName}`;
    yield* attempt('makeDirectory', adopted);
    // The new place must be safe before anything moves there.
    if (this.#core.syncing) yield* call('syncDirectory', directory.path);
    yield* this.#move(`${directory.folder}/${name}`, `${adopted}/${name}`);
  }

  *#move(from: string, to: string): Steps<void> {
    yield* call('rename', from, to);
    if (!this.#core.syncing) return;
    yield* call('syncDirectory', dirname(to));
    yield* call('syncDirectory', dirname(from));
  }

  /** Puts on the books what was moved here, by this scan or by one that was interrupted. */
  *#takeInAll(): Steps<void> {
    const adopted = `${this.#core.directory.path}/${adoptedName}`;
    for (let more = true; more; ) {
      more = false;
      for (const name of yield* listOf(adopted)) {
        const path = `${adopted}/${name}`;
        if (!queueName.test(name)) {
          if (hiddenName.test(name)) yield* emptyTrash(path);
        } else if (!this.#known.has(path)) {
          yield* this.#takeIn(path, name.slice(2));
          // What it had adopted itself now is here too.
          more = true;
        } else if (!this.#holds(path)) {
          yield* removeQueue(path);
        }
      }
    }
  }

  /** Puts the segments of an adopted directory on the books, and moves the queues inside it to where it is. */
  *#takeIn(path: string, queueId: string): Steps<void> {
    for (const name of yield* listOf(`${path}/${adoptedName}`)) {
      const inner = `${path}/${adoptedName}/${name}`;
      if (queueName.test(name)) yield* this.#move(inner, `${dirname(path)}/${name}`);
      else if (hiddenName.test(name)) yield* emptyTrash(inner);
    }
    const booked = new Set([...this.#core.catalog.all()].map((segment) => segment.path));
    let segments = 0;
    let diskBytes = 0;
    for (const name of yield* listOf(path)) {
      const parsed = parseSegmentName(name);
      if (!parsed || booked.has(`${path}/${name}`)) continue;
      const segment = yield* this.#register(`${path}/${name}`, queueId, parsed);
      segments++;
      diskBytes += segment?.size ?? 0;
    }
    this.#known.add(path);
    this.#core.emit({ type: 'queueAdopted', queueId, segments, diskBytes });
    if (!this.#holds(path)) yield* removeQueue(path);
  }

  /** Whether segments of an adopted directory are on the books. */
  #holds(path: string): boolean {
    for (const segment of this.#core.catalog.all()) if (dirname(segment.path) === path) return true;
    return false;
  }

  *#register(path: string, queueId: string, name: { lane: Lane; number: number }) {
    try {
      const fd = yield* call('open', path, 'read');
      try {
        return yield* this.#describe(fd, path, queueId, name);
      } finally {
        yield* attempt('close', fd);
      }
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  *#describe(fd: number, path: string, queueId: string, { lane, number }: { lane: Lane; number: number }) {
    const { header, foreign, footer } = yield* peek(fd);
    const size = yield* call('size', fd);
    const { modifiedMs } = yield* call('stat', path);
    const createdAt = header?.createdAt ?? modifiedMs;
    const kind = header?.kind ?? 'spill';
    const segment = new Segment({ path, lane, kind, queueId, number, createdAt, header, recovered: true });
    segment.size = size;
    segment.durableUpTo = size;
    segment.locked = foreign;
    if (footer) {
      add(segment.waiting, { records: footer.records, bytes: footer.lineBytes });
      segment.oldest = footer.minTime;
    } else if (!foreign) {
      // Not closed in order: what its owner did not live to sync is synced now, and only a walk tells what is in it.
      if (this.#core.syncing && !(yield* attempt('sync', fd))) segment.syncFailed = 'EIO';
      const found = yield* walk(fd, { segmentNumber: number });
      add(segment.waiting, found.lost);
      for (const { header: frame } of found.frames) {
        add(segment.waiting, { records: frame.recordCount, bytes: frame.lineBytes });
      }
    }
    add(this.#core.counters.recovered, segment.waiting);
    this.#core.catalog.add(segment);
    this.#core.emit({ type: 'recordsRecovered', segment: path, ...copyOf(segment.waiting) });
    return segment;
  }

  /** Removes an adopted directory with its last segment. */
  *left(segment: Segment): Steps<void> {
    const path = dirname(segment.path);
    if (segment.recovered && !this.#holds(path)) yield* removeQueue(path);
  }
}

/** Names in a directory, sorted; none where it does not exist. */
function* listOf(path: string): Steps<string[]> {
  try {
    return (yield* call('list', path)).sort();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

function* readOwner(path: string): Steps<Owner | undefined> {
  try {
    const owner = JSON.parse(yield* call('readText', `${path}/${ownerName}`)) as Partial<Owner>;
    const valid = owner.v === 1 && typeof owner.bootId === 'string' && typeof owner.hostname === 'string';
    return valid ? (owner as Owner) : undefined;
  } catch (error) {
    // A removal that a crash interrupted, or undid in part, leaves a queue without it.
    if (error instanceof SyntaxError || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
