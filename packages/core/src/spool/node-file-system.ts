// The real disk behind the port, on plain file descriptors so that synchronous and background calls share them.
// The beacon is a unix socket: the kernel takes it down with the process, however that dies, and connecting to it
// works from other network and process namespaces that share the directory.

import * as fs from 'node:fs';
import { connect, createServer } from 'node:net';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import {
  type Beacon,
  type BeaconState,
  type Call,
  type Calls,
  codeOf,
  type FileInfo,
  type FileSystem,
  type FileSystemInfo,
  type OpenMode,
} from './file-system.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_NOFOLLOW = 0 } = fs.constants;
const flags: Record<OpenMode, number> = {
  // Not O_APPEND: Linux ignores positions on such descriptors, and ack slots are written in place.
  create: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
  read: O_RDONLY | O_NOFOLLOW,
  update: O_RDWR | O_NOFOLLOW,
};

// Windows has no such call; its file systems journal names themselves.
const noDirectorySync = process.platform === 'win32';

function fileInfo(stats: fs.Stats): FileInfo {
  return {
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other',
    size: stats.size,
    modifiedMs: stats.mtimeMs,
    inode: stats.ino,
    mode: stats.mode & 0o777,
    uid: stats.uid,
  };
}

function fileSystemInfo(stats: fs.StatsFs): FileSystemInfo {
  return {
    type: stats.type,
    freeBytes: stats.bavail * stats.bsize,
    totalBytes: stats.blocks * stats.bsize,
    freeInodes: stats.ffree,
    totalInodes: stats.files,
  };
}

// Not Node's own `recursive`: on a read-only file system that says ENOENT.
function makeDirectories(path: string): void {
  try {
    fs.mkdirSync(path, 0o700);
  } catch (error) {
    const parent = parentToMake(path, error);
    if (parent === undefined) return;
    makeDirectories(parent);
    fs.mkdirSync(path, 0o700);
  }
}

async function makeDirectoriesLater(path: string): Promise<void> {
  try {
    await mkdir(path, 0o700);
  } catch (error) {
    const parent = parentToMake(path, error);
    if (parent === undefined) return;
    await makeDirectoriesLater(parent);
    await mkdir(path, 0o700);
  }
}

/** The directory whose lack made mkdir fail; undefined where the path was there already. */
function parentToMake(path: string, error: unknown): string | undefined {
  const code = codeOf(error);
  if (code === 'EEXIST') return undefined;
  const parent = dirname(path);
  if (code !== 'ENOENT' || parent === path) throw error;
  return parent;
}

const sync: Calls = {
  open: (path, mode) => fs.openSync(path, flags[mode], 0o600),
  write: (fd, buffers, position) =>
    buffers.length === 1 ? fs.writeSync(fd, buffers[0]!, 0, null, position) : fs.writevSync(fd, buffers, position),
  read: (fd, buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position),
  sync: (fd) => fs.fdatasyncSync(fd),
  truncate: (fd, size) => fs.ftruncateSync(fd, size),
  size: (fd) => fs.fstatSync(fd).size,
  close: (fd) => fs.closeSync(fd),
  makeDirectory: (path) => fs.mkdirSync(path, 0o700),
  makeDirectories,
  readText: (path) => fs.readFileSync(path, 'utf8'),
  list: (path) => fs.readdirSync(path),
  stat: (path) => fileInfo(fs.lstatSync(path)),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  removeDirectory: (path) => fs.rmdirSync(path),
  syncDirectory(path) {
    if (noDirectorySync) return;
    const fd = fs.openSync(path, O_RDONLY);
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },
  info: (path) => fileSystemInfo(fs.statfsSync(path)),
  look: () => 'unknown',
};

const open = promisify(fs.open);
const close = promisify(fs.close);
const fsync = promisify(fs.fsync);
const lstat = promisify(fs.lstat);
const fstat = promisify(fs.fstat);
const mkdir = promisify(fs.mkdir);
const statfs = promisify(fs.statfs);
const readFile = promisify(fs.readFile);
const count = (start: (done: (error: Error | null, bytes: number) => void) => void) =>
  new Promise<number>((resolve, reject) => start((error, bytes) => (error ? reject(error) : resolve(bytes))));

const background: { [K in keyof Calls]: (...args: Parameters<Calls[K]>) => Promise<ReturnType<Calls[K]>> } = {
  open: (path, mode) => open(path, flags[mode], 0o600),
  write: (fd, buffers, position) => count((done) => fs.writev(fd, buffers, position, done)),
  read: (fd, buffer, position) => count((done) => fs.read(fd, buffer, 0, buffer.length, position, done)),
  sync: promisify(fs.fdatasync),
  truncate: promisify(fs.ftruncate),
  size: async (fd) => (await fstat(fd)).size,
  close,
  makeDirectory: (path) => mkdir(path, 0o700),
  makeDirectories: makeDirectoriesLater,
  readText: (path) => readFile(path, 'utf8'),
  list: promisify(fs.readdir) as (path: string) => Promise<string[]>,
  stat: async (path) => fileInfo(await lstat(path)),
  rename: promisify(fs.rename),
  remove: promisify(fs.unlink),
  removeDirectory: promisify(fs.rmdir),
  async syncDirectory(path) {
    if (noDirectorySync) return;
    const fd = await open(path, O_RDONLY);
    try {
      await fsync(fd);
    } finally {
      await close(fd);
    }
  },
  info: async (path) => fileSystemInfo(await statfs(path)),
  look,
};

// Socket paths end after 108 bytes on Linux; through an open descriptor of the directory they are always short.
const maxSocketPath = 100;
/** A pipe is not in the directory: it goes by the queue's id, whose directory is renamed more than once. */
function pipeName(path: string): string {
  return `\\\\.\\pipe\\spillway-${basename(dirname(path)).slice(-32)}`;
}

function withShortPath<T>(path: string, use: (path: string) => T): T | undefined {
  if (process.platform === 'win32') return use(pipeName(path));
  if (Buffer.byteLength(path) <= maxSocketPath) return use(path);
  if (process.platform !== 'linux') return undefined;
  const fd = fs.openSync(dirname(path), O_RDONLY);
  try {
    return use(`/proc/self/fd/${fd}/${basename(path)}`);
  } finally {
    fs.closeSync(fd);
  }
}

function light(path: string): Beacon | undefined {
  try {
    return withShortPath(path, (short) => {
      const server = createServer((socket) => socket.destroy());
      server.on('error', () => {});
      server.unref();
      // `exclusive` keeps a cluster worker from asking its primary to listen; the socket is bound when this returns.
      server.listen({ path: short, exclusive: true });
      return server.listening ? { close: () => void server.close() } : undefined;
    });
  } catch {
    return undefined;
  }
}

const states: Record<string, BeaconState> = { ECONNREFUSED: 'dark', ENOENT: 'absent', ENOTSOCK: 'absent' };

function look(path: string): Promise<BeaconState> {
  return new Promise((resolve) => {
    try {
      const started = withShortPath(path, (short) => {
        const socket = connect({ path: short });
        socket.unref();
        socket.once('connect', () => {
          socket.destroy();
          resolve('lit');
        });
        // A full backlog (EAGAIN) is a process that is stopped or busy, not a dead one.
        socket.once('error', (error) => resolve(states[(error as NodeJS.ErrnoException).code ?? ''] ?? 'unknown'));
        return true;
      });
      if (!started) resolve('unknown');
    } catch {
      resolve('absent');
    }
  });
}

/** The file system of this machine. */
export const nodeFileSystem: FileSystem = {
  perform: (call: Call) => (background[call.name] as (...args: readonly unknown[]) => Promise<unknown>)(...call.args),
  performSync: (call: Call) => (sync[call.name] as (...args: readonly unknown[]) => unknown)(...call.args),
  light,
};
