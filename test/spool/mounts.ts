// Small file systems of our own for tests that fill, freeze and break them. Needs root, as CI has.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A mounted tmpfs. */
export interface Mount {
  readonly path: string;
  remount(options: string): void;
  unmount(): void;
}

/** Mounts a tmpfs, for example with `size=16m`. */
export function mount(options: string): Mount {
  const path = mkdtempSync(join(tmpdir(), 'spillway-mount-'));
  const run = (...args: string[]) => void execFileSync('mount', ['-t', 'tmpfs', ...args, 'tmpfs', path]);
  run('-o', options);
  return {
    path,
    remount: (changed) => void execFileSync('mount', ['-o', `remount,${changed}`, path]),
    unmount() {
      execFileSync('umount', ['--lazy', path]);
      rmdirSync(path);
    },
  };
}
