// What the host says about itself: who this process is, how much memory and disk it may use, what its disk is made of.

import { readFileSync } from 'node:fs';
import { hostname, totalmem } from 'node:os';
import type { Identity } from './directory.js';

/** Who this process is. Reads from the kernel, not from a disk. */
export function processIdentity(): Identity {
  return { pid: process.pid, hostname: hostname(), bootId: bootId() };
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Size at which segments are closed: small where memory is, because written pages count against it. */
export function defaultSegmentBytes(maxBytes: number): number {
  const limit = process.constrainedMemory?.() ?? 0;
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem();
  const suited = Math.min(16 * 2 ** 20, Math.max(2 ** 20, memory / 32));
  return Math.floor(Math.min(suited, Math.max(64 * 1024, maxBytes / 8)));
}

/** Variables that hold the container's limit of ephemeral storage, in bytes or as Kubernetes writes quantities. */
const limitVariable = 'SPILLWAY_EPHEMERAL_STORAGE_LIMIT';
const quantityUnits: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** The limit of ephemeral storage, where the environment tells it. */
export function ephemeralStorageLimit(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(|[kMGT]|[KMGT]i)$/.exec(env[limitVariable]?.trim() ?? '');
  return match ? Math.floor(Number(match[1]) * quantityUnits[match[2]!]!) : undefined;
}

/** What is worth a warning about the disk under the spool. */
type DiskKind = 'memory' | 'overlay' | 'network';

// Magic numbers of statfs(2).
const kinds: Record<number, DiskKind> = {
  16914836: 'memory', // tmpfs 0x01021994
  2240043254: 'memory', // ramfs 0x858458f6
  2035054128: 'overlay', // overlayfs 0x794c7630
  26985: 'network', // NFS 0x6969
  4283649346: 'network', // CIFS 0xff534d42
  4266872130: 'network', // SMB2 0xfe534d42
};

/** Recognizes file systems by the type that statfs reports. */
export function diskKind(type: number): DiskKind | undefined {
  return kinds[type];
}
