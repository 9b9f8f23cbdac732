// Queues that dead processes left behind: finds them, makes sure that the owner is dead, and takes them over.
// Two proofs are needed: the heartbeat has been silent, by the file server's clock, and the beacon is dark. Where the
// beacon proves nothing (another machine, another boot, no sockets), silence has to last longer.
// The claim is one rename into the adopter's own directory: of several only one wins, and if the adopter dies in turn,
// whoever adopts it gets everything inside.

import type { Lane } from '../lane.js';
import type { Core } from './core.js';
import { beaconName, emptyQueue, heartbeatName, type Owner, ownerName, removeQueue } from './directory.js';
import { attempt, call, codeOf, readUpTo, type Steps } from './file-system.js';
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
  /** Segments left in each adopted directory. */
  readonly #left = new Map<string, number>();

  constructor(core: Core) {
    this.#core = core;
  }

  /** Looks through the folder once and takes over what is dead. */
  *scan(): Steps<void> {
    const { folder } = this.#core.directory;
    let names: string[];
    try {
      names = yield* call('list', folder);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw error;
    }
    for (const name of names.sort()) {
      if (this.#core.closed) return;
      if (hiddenName.test(name)) yield* this.#clear(`${folder}/${name}`);
      const queueId = queueName.exec(name)?.[1];
      const own = this.#core.directory.ready && queueId === this.#core.directory.queueId;
      if (queueId === undefined || own) continue;
      try {
        if (yield* this.#isDead(`${folder}/${name}`)) yield* this.#claim(name, queueId);
      } catch (error) {
        // Somebody else was faster, or it is not ours to read.
        const code = codeOf(error);
        if (code !== 'ENOENT') this.#core.emit({ type: 'queueClaimFailed', queueId, code });
      }
    }
  }

  *#clear(path: string): Steps<void> {
    const info = yield* call('stat', path);
    if (this.#core.runtime.now() - info.modifiedMs > leftoverMs) yield* emptyQueue(path);
  }

  *#isDead(path: string): Steps<boolean> {
    const info = yield* call('stat', path);
    const uid = process.getuid?.();
    // A directory that others could have planted is not read.
    if (info.kind !== 'directory' || (uid !== undefined && info.uid !== uid)) return false;
    const owner = yield* readOwner(path);
    const { silence, stopped } = yield* this.#silence(path, info.modifiedMs);
    const { tuning, identity } = this.#core;
    // Its last word was that it left.
    if (stopped) return (yield* call('look', `${path}/${beaconName}`)) !== 'lit';
    const sameBoot = owner !== undefined && owner.bootId !== '' && owner.bootId === identity.bootId;
    if (!sameBoot || !owner.beacon) {
      const rebooted = owner?.hostname === identity.hostname && owner.bootId !== identity.bootId;
      return silence >= (rebooted ? tuning.silentMs : tuning.foreignSilentMs);
    }
    if (silence < tuning.silentMs) return false;
    const beacon = yield* call('look', `${path}/${beaconName}`);
    return beacon === 'dark' || (beacon === 'absent' && silence >= tuning.foreignSilentMs);
  }

  /** For how long the heart has not beaten, by the clock of whoever keeps the files. */
  *#silence(path: string, fallback: number): Steps<{ silence: number; stopped: boolean }> {
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
    return { silence: now - last, stopped };
  }

  /** The present by the file server's clock: the time of a heartbeat of our own. */
  *#fileTime(): Steps<number> {
    const { directory, runtime } = this.#core;
    if (!directory.ready) return runtime.now();
    yield* directory.beat();
    return directory.ready ? (yield* call('stat', `${directory.path}/${heartbeatName}`)).modifiedMs : runtime.now();
  }

  *#claim(name: string, queueId: string): Steps<void> {
    const { directory } = this.#core;
    yield* directory.ensure();
    const from = `${directory.folder}/${name}`;
    const parent = `${directory.path}/adopted`;
    yield* attempt('makeDirectory', parent);
    const path = `${parent}/${name}`;
    yield* call('rename', from, path);
    if (this.#core.syncing) {
      yield* attempt('syncDirectory', parent);
      yield* attempt('syncDirectory', directory.folder);
    }
    yield* this.#takeIn(path, queueId);
  }

  /** Puts the segments of an adopted directory on the books, and those of the queues that it had adopted. */
  *#takeIn(path: string, queueId: string): Steps<void> {
    let segments = 0;
    let diskBytes = 0;
    for (const name of (yield* call('list', path)).sort()) {
      const parsed = parseSegmentName(name);
      if (!parsed) continue;
      const segment = yield* this.#register(`${path}/${name}`, queueId, parsed);
      if (!segment) continue;
      segments++;
      diskBytes += segment.size;
    }
    this.#left.set(path, segments);
    this.#core.emit({ type: 'queueAdopted', queueId, segments, diskBytes });
    yield* this.#liftInner(path);
    if (segments === 0) yield* this.#remove(path);
  }

  /** Queues inside an adopted one move up to where ours are. */
  *#liftInner(path: string): Steps<void> {
    const inner = `${path}/adopted`;
    let names: string[];
    try {
      names = yield* call('list', inner);
    } catch {
      return;
    }
    for (const name of names.sort()) {
      const queueId = queueName.exec(name)?.[1];
      if (queueId === undefined) continue;
      const target = `${this.#core.directory.path}/adopted/${name}`;
      yield* call('rename', `${inner}/${name}`, target);
      yield* this.#takeIn(target, queueId);
    }
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
      // Not closed in order: only a walk tells what is in it.
      const found = yield* walk(fd, number);
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
    if (!segment.recovered) return;
    const path = segment.path.slice(0, segment.path.lastIndexOf('/'));
    const left = (this.#left.get(path) ?? 0) - 1;
    this.#left.set(path, left);
    if (left <= 0) yield* this.#remove(path);
  }

  *#remove(path: string): Steps<void> {
    this.#left.delete(path);
    yield* removeQueue(path);
  }
}

function* readOwner(path: string): Steps<Owner | undefined> {
  try {
    const owner = JSON.parse(yield* call('readText', `${path}/${ownerName}`)) as Partial<Owner>;
    const valid = owner.v === 1 && typeof owner.bootId === 'string' && typeof owner.hostname === 'string';
    return valid ? (owner as Owner) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
