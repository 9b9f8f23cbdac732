// The data directory: where it is, that only its owner can read it, and that one viewer at a time uses it.
// The lock is a file with the process id, made with O_EXCL; one left by a process that is gone is taken over.
import { chmodSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { ViewerError } from './errors.js';

/** The default directory: `spillway/viewer` under the user's cache directory of this platform. */
export function defaultDirectory(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  return join(cacheDirectory(env, platform), 'spillway', 'viewer');
}

function cacheDirectory(env: NodeJS.ProcessEnv, platform: string): string {
  // The XDG specification says to ignore a relative path here.
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && isAbsolute(xdg)) return xdg;
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  if (platform === 'win32') return env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  return join(homedir(), '.cache');
}

/** A directory that this viewer owns until `release`. */
export interface Directory {
  readonly path: string;
  release(): void;
}

/** Directories held by this process: a lock with our own id may be ours or, after a restart in a container, a stale one. */
const held = new Set<string>();

/** Makes the directory private and locks it. @throws ViewerError with code SPILLWAY_VIEWER_DIRECTORY */
export function claim(directory: string): Directory {
  const path = resolve(directory);
  const lock = join(path, 'viewer.lock');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!lstatSync(path).isDirectory()) throw new Error('it is not a directory');
    chmodSync(path, 0o700);
    writeLock(lock, path);
  } catch (error) {
    if (error instanceof ViewerError) throw error;
    throw new ViewerError('SPILLWAY_VIEWER_DIRECTORY', `Cannot use ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  held.add(path);
  const release = () => {
    if (held.delete(path)) rmSync(lock, { force: true });
  };
  return { path, release };
}

function writeLock(lock: string, path: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      const file = openSync(lock, 'wx', 0o600);
      writeSync(file, `${process.pid}\n`);
      closeSync(file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 3) throw error;
      refuseIfAlive(lock, path);
      rmSync(lock, { force: true });
    }
  }
}

function refuseIfAlive(lock: string, path: string): void {
  const pid = Number.parseInt(readFileSync(lock, 'utf8').slice(0, 20), 10);
  if (!isAlive(pid, path)) return;
  throw new ViewerError(
    'SPILLWAY_VIEWER_DIRECTORY',
    `${path} is in use by another viewer (process ${pid}). Choose another \`directory\`, or \`memory\`; ` +
      `if no viewer runs, remove ${lock}.`,
  );
}

function isAlive(pid: number, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
