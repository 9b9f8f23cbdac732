// The disk as it is given to whoever only looks: calls that would change something are refused, whoever makes them.
// Opens regular files without following links, without waiting for a pipe's other end, and, where the system lets us,
// without noting the access in the file's times.

import { constants, open as openFile } from 'node:fs';
import { promisify } from 'node:util';
import { systemRuntime } from '../../runtime.js';
import { Disk } from '../disk.js';
import { attempt, type Call, call, codeOf, DiskError, type FileSystem, readUpTo, type Steps } from '../file-system.js';
import { nodeFileSystem } from '../node-file-system.js';

const {
  O_RDONLY,
  O_NOFOLLOW = 0,
  O_NONBLOCK = 0,
  O_NOATIME = 0,
} = constants as typeof constants & Record<string, number>;
const open = promisify(openFile);
const harmless = new Set(['read', 'size', 'close', 'list', 'stat', 'info', 'look', 'readText']);

async function openToRead(path: string): Promise<number> {
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  try {
    return await open(path, flags | O_NOATIME);
  } catch (error) {
    // Only owners may ask for that.
    if (codeOf(error) !== 'EPERM') throw error;
    return open(path, flags);
  }
}

const readOnly: FileSystem = {
  async perform(call: Call) {
    if (call.name === 'open' && call.args[1] === 'read') return openToRead(call.args[0]);
    if (!harmless.has(call.name)) throw new DiskError('EROFS', `a survey does not ${call.name}`);
    return nodeFileSystem.perform(call);
  },
  performSync(call: Call) {
    throw new DiskError('EROFS', `a survey does not ${call.name} on the spot`);
  },
  light: () => undefined,
};

/** A disk that can be read only, one call at a time. */
export function readingDisk(): Disk {
  const nothing = () => {};
  return new Disk({
    fs: readOnly,
    runtime: systemRuntime,
    stallMs: 60_000,
    offload: true,
    onStall: nothing,
    onResume: nothing,
  });
}

/** Names in a directory that is one, not a link to one, sorted; none where it does not exist or may not be read. */
export function* namesIn(path: string): Steps<string[]> {
  try {
    if ((yield* call('stat', path)).kind !== 'directory') return [];
    return (yield* call('list', path)).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(codeOf(error))) return [];
    throw error;
  }
}

/** The first bytes of a small file; undefined where there is none to read. */
export function* readSmall(path: string, most: number): Steps<Buffer | undefined> {
  try {
    if ((yield* call('stat', path)).kind !== 'file') return undefined;
    const fd = yield* call('open', path, 'read');
    try {
      return yield* readUpTo(fd, most, 0);
    } finally {
      yield* attempt('close', fd);
    }
  } catch {
    return undefined;
  }
}

/** A descriptor to read a segment with; undefined where it is gone, or not to be read. */
export function* openToLook(path: string): Steps<number | undefined> {
  try {
    return yield* call('open', path, 'read');
  } catch {
    return undefined;
  }
}
