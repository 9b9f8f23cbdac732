// A look at spools on the disk, beside whatever runs: who writes, what waits, how old it is, what is damaged.
// In: a path. Out: plain data. Nothing is written, renamed, locked or followed through links; the one trace is a
// connection to the beacon of an owner, as every process that looks for the dead makes it.

import { damagedName } from '../damaged.js';
import { adoptedName, beaconName, heartbeatName, type Owner, ownerName } from '../directory.js';
import { processIdentity } from '../environment.js';
import { call, type Steps } from '../file-system.js';
import { judge, type Life } from '../life.js';
import { parseSegmentName } from '../segment-header.js';
import { deadLettersName, hiddenPattern, type Place, placesAt, queuePattern } from './places.js';
import { namesIn, readingDisk, readSmall } from './reading-disk.js';
import { type SegmentSurvey, walkSegment } from './segment-survey.js';

/** Who writes, or wrote, a queue. */
export interface OwnerSurvey extends Life {
  readonly pid?: number;
  readonly hostname?: string;
  readonly createdAt?: number;
  /** How long its heart has not beaten, by this machine's clock, in ms. */
  readonly silentMs: number;
}

/** The directory of one process life. */
export interface QueueSurvey {
  readonly path: string;
  readonly id: string;
  readonly owner: OwnerSurvey;
  /** The queue whose owner took this one over; its owner is the one that counts. */
  readonly adoptedBy?: string;
  readonly segments: readonly SegmentSurvey[];
  /** Names in it that are not the spool's. */
  readonly strange: readonly string[];
}

/** One destination's folder. */
export interface FolderSurvey {
  readonly path: string;
  readonly queues: readonly QueueSurvey[];
  /** Directories that were being made or removed when their process died. */
  readonly leftovers: readonly string[];
  readonly deadLetterBytes: number;
  /** Damaged segments that were set aside. */
  readonly damagedBytes: number;
  readonly strange: readonly string[];
  /** There was more than a survey lists. */
  readonly truncated: boolean;
}

/** Most segments that are looked at in a folder: twice what a spool keeps by default. */
const maxSegments = 10_000;
const maxNames = 100;
const ownerBytes = 64 * 1024;

/** Looks at all spools at or below a path. Rejects where the path itself cannot be read. */
export async function surveySpools(path: string): Promise<FolderSurvey[]> {
  const disk = readingDisk();
  const places = await disk.run(() => placesAt(path));
  const folders: FolderSurvey[] = [];
  for (const place of places) folders.push(await disk.run(() => new Survey(place).folder()));
  return folders;
}

class Survey {
  readonly #place: Place;
  readonly #queues: QueueSurvey[] = [];
  readonly #leftovers: string[] = [];
  readonly #strange: string[] = [];
  #segments = 0;
  #truncated = false;

  constructor(place: Place) {
    this.#place = place;
  }

  *folder(): Steps<FolderSurvey> {
    const { folder, queue } = this.#place;
    for (const name of yield* namesIn(folder)) {
      if (queuePattern.test(name)) yield* this.#queue(`${folder}/${name}`);
      else if (hiddenPattern.test(name)) this.#leftovers.push(`${folder}/${name}`);
      else if (name !== deadLettersName && name !== damagedName) note(this.#strange, name);
    }
    return {
      path: folder,
      queues: queue === undefined ? this.#queues : this.#queues.filter(({ path }) => path === queue),
      leftovers: this.#leftovers,
      deadLetterBytes: yield* sizeOfFiles(`${folder}/${deadLettersName}`),
      damagedBytes: yield* sizeOfFiles(`${folder}/${damagedName}`),
      strange: this.#strange,
      truncated: this.#truncated,
    };
  }

  *#queue(path: string, adopter?: { id: string; owner: OwnerSurvey }): Steps<void> {
    if ((yield* namesIn(path)).length === 0 && !(yield* isOthers(path))) return;
    const id = queuePattern.exec(path.slice(path.lastIndexOf('/') + 1))![1]!;
    const owner = adopter?.owner ?? (yield* this.#owner(path));
    const segments: SegmentSurvey[] = [];
    const strange: string[] = [];
    const inner: string[] = [];
    for (const name of yield* namesIn(path)) {
      const parsed = parseSegmentName(name);
      if (name === adoptedName) inner.push(...(yield* namesIn(`${path}/${name}`)).filter((n) => queuePattern.test(n)));
      else if (parsed) yield* this.#segment(segments, { path: `${path}/${name}`, queueId: id, ...parsed });
      else if (![ownerName, beaconName, heartbeatName].includes(name)) note(strange, name);
    }
    this.#queues.push({ path, id, owner, ...(adopter && { adoptedBy: adopter.id }), segments, strange });
    for (const name of inner) yield* this.#queue(`${path}/${adoptedName}/${name}`, { id, owner });
  }

  *#segment(to: SegmentSurvey[], place: Parameters<typeof walkSegment>[0]): Steps<void> {
    const { queue, segment } = this.#place;
    const wanted = queue === undefined || place.path.startsWith(`${queue}/${segment ?? ''}`);
    if (!wanted) return;
    if (this.#segments >= maxSegments) {
      this.#truncated = true;
      return;
    }
    this.#segments++;
    const { survey } = yield* walkSegment(place);
    if (survey.state !== 'gone') to.push(survey);
  }

  *#owner(path: string): Steps<OwnerSurvey> {
    const owner = yield* readOwner(path);
    const beat = yield* lastBeat(path);
    const beacon = yield* call('look', `${path}/${beaconName}`);
    const silentMs = Math.max(0, Date.now() - beat.at);
    const life = judge(
      { owner, beacon, silentMs, stopped: beat.stopped, otherUser: yield* isOthers(path) },
      processIdentity(),
    );
    return {
      ...life,
      silentMs,
      ...(owner && { pid: owner.pid, hostname: owner.hostname, createdAt: owner.createdAt }),
    };
  }
}

/** Lists a name, as long as there is room. */
function note(names: string[], name: string): void {
  if (names.length < maxNames) names.push(name);
}

function* readOwner(path: string): Steps<Owner | undefined> {
  try {
    const text = yield* readSmall(`${path}/${ownerName}`, ownerBytes);
    const owner = JSON.parse(text?.toString() ?? 'null') as Partial<Owner> | null;
    const valid = owner?.v === 1 && typeof owner.bootId === 'string' && typeof owner.hostname === 'string';
    return valid ? (owner as Owner) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a directory belongs to another user. */
function* isOthers(path: string): Steps<boolean> {
  try {
    const { kind, uid } = yield* call('stat', path);
    return kind === 'directory' && process.getuid !== undefined && uid !== process.getuid();
  } catch {
    return false;
  }
}

function* lastBeat(path: string): Steps<{ at: number; stopped: boolean }> {
  const beat = yield* readSmall(`${path}/${heartbeatName}`, 1);
  try {
    const { modifiedMs: at } = yield* call('stat', beat ? `${path}/${heartbeatName}` : path);
    return { at, stopped: beat?.toString() === 's' };
  } catch {
    // Adopted or removed while we looked.
    return { at: Date.now(), stopped: false };
  }
}

function* sizeOfFiles(path: string): Steps<number> {
  let sum = 0;
  for (const name of yield* namesIn(path)) {
    try {
      const { kind, size } = yield* call('stat', `${path}/${name}`);
      if (kind === 'file') sum += size;
    } catch {
      // Gone in the meantime.
    }
  }
  return sum;
}
