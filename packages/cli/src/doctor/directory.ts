// Checks of a spool directory that read only: what it lies on, who may read it, how much room there is.

import { accessSync, constants, lstatSync, type StatsFs, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve, sep } from 'node:path';
import { diskKind } from '@spillway/core/spool';
import { bytes } from '../text/amounts.js';
import type { Finding, Wanted } from './finding.js';

/** Looks at a directory, or where it will be made. */
export function checkDirectory(path: string, wanted: Wanted, usedBytes: number): Finding[] {
  const existing = nearestExisting(resolve(path));
  const info = statfsSync(existing);
  const about = [
    ...existence(path, existing),
    fileSystem(info.type),
    ...temporary(path),
    ...permissions(existing, existing === resolve(path)),
    space(info, wanted, usedBytes),
    ...inodes(info),
  ];
  return about.map((finding) => ({ ...finding, path }));
}

function nearestExisting(path: string): string {
  let at = path;
  while (dirname(at) !== at) {
    if (statSync(at, { throwIfNoEntry: false })) return at;
    at = dirname(at);
  }
  return at;
}

function existence(path: string, existing: string): Finding[] {
  const check = 'directory';
  if (existing !== resolve(path)) {
    return [{ level: 'hint', check, found: `does not exist yet; ${existing} does`, advice: 'It is made when needed.' }];
  }
  if (!statSync(existing).isDirectory()) {
    return [{ level: 'error', check, found: 'is no directory', advice: 'Name another one.' }];
  }
  const isLink = lstatSync(path).isSymbolicLink();
  return [{ level: 'fine', check, found: isLink ? 'exists, by a symbolic link' : 'exists' }];
}

const kinds = {
  memory: ['lies in memory', 'It counts against the memory of the container and ends with it: use a volume.'],
  overlay: ["lies in the container's own layer", 'A restart of the container throws it away: use a volume.'],
  network: [
    'lies on a network file system',
    'It may hang, and deaths are proven by silence alone (two minutes): prefer a local volume.',
  ],
} as const;

function fileSystem(type: number): Finding {
  const kind = diskKind(type);
  const check = 'file-system';
  if (kind === undefined) return { level: 'fine', check, found: `local disk (type 0x${type.toString(16)})` };
  const [found, advice] = kinds[kind];
  return { level: 'warning', check, found, advice };
}

function temporary(path: string): Finding[] {
  const inside = `${resolve(path)}${sep}`.startsWith(`${resolve(tmpdir())}${sep}`);
  if (!inside) return [];
  const advice = 'Others clean up there, and reboots do: use a directory of its own.';
  return [{ level: 'warning', check: 'temporary', found: 'lies in the directory for temporary files', advice }];
}

function permissions(path: string, isItself: boolean): Finding[] {
  const check = 'permissions';
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const advice = 'The application must own it or its parent: chown, or fsGroup in Kubernetes.';
    return [{ level: 'error', check, found: 'this user may not write here', advice }];
  }
  const { mode, uid } = statSync(path);
  const bits = `mode ${(mode & 0o777).toString(8).padStart(4, '0')}, user ${uid}`;
  // What is made in it is 0700 by itself; only who may rename things here matters.
  if (!isItself || (mode & 0o002) === 0 || (mode & 0o1000) !== 0) return [{ level: 'fine', check, found: bits }];
  return [{ level: 'warning', check, found: bits, advice: 'Everybody can move and delete things here: chmod o-w.' }];
}

function space(info: StatsFs, { maxBytes, minFreeBytes }: Wanted, usedBytes: number): Finding {
  const check = 'space';
  const free = info.bavail * info.bsize;
  const spare = Math.min(minFreeBytes, (info.blocks * info.bsize) / 10);
  const room = free - spare;
  const found = `${bytes(free)} free, of which ${bytes(spare)} stay free; the spool may use ${bytes(maxBytes)}, and uses ${bytes(usedBytes)}`;
  if (room < 0) {
    return {
      level: 'error',
      check,
      found,
      advice: 'Nothing is spooled now: free space, or lower `spool.minFreeBytes`.',
    };
  }
  if (room >= maxBytes - usedBytes) return { level: 'fine', check, found };
  const advice = 'The disk is full before the quota is: lower `spool.maxBytes` or use a larger volume.';
  return { level: 'warning', check, found, advice };
}

function inodes({ files, ffree }: StatsFs): Finding[] {
  // Some file systems have no fixed number of them.
  if (files === 0) return [];
  const found = `${ffree.toLocaleString('en-US')} of ${files.toLocaleString('en-US')} inodes free`;
  if (ffree >= Math.min(1000, files / 20)) return [{ level: 'fine', check: 'inodes', found }];
  return [{ level: 'error', check: 'inodes', found, advice: 'Nothing is spooled now: delete small files.' }];
}
