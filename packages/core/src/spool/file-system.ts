// The port to the disk: every call the spool makes on a file system, in one list, so that the same protocol code runs on
// a real disk, on a simulated one that tears, forgets and fills up, and one call at a time.
// Protocols are written as generators of calls ("steps"): `runSync` performs them on the spot (journal, exit),
// `Disk` one by one in the background. A failed call is thrown into the generator where it was made.

/** What `stat` says. */
export interface FileInfo {
  readonly kind: 'file' | 'directory' | 'other';
  readonly size: number;
  /** Last change by the file server's clock, ms since the epoch. */
  readonly modifiedMs: number;
  /** Changes when a name is taken over by another file. */
  readonly inode: number;
  /** Permission bits. */
  readonly mode: number;
  /** Owner's user id. */
  readonly uid: number;
}

/** What `statfs` says. */
export interface FileSystemInfo {
  /** Magic number of the file system's type (`statfs(2)`), 0 where unknown. */
  readonly type: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  readonly totalInodes: number;
}

/**
 * How to open: `create` reads and writes a file that must not exist yet (mode 0600), `read` and `update` one that does.
 * Symbolic links are never followed.
 */
export type OpenMode = 'create' | 'read' | 'update';

/** A proof of life that ends with the process: others can tell whether it still stands. */
export interface Beacon {
  close(): void;
}

/** What a look at another process's beacon says; `unknown` where nothing can be told. */
export type BeaconState = 'lit' | 'dark' | 'absent' | 'unknown';

/** The calls. All throw Node's system errors, recognized by `code`. */
export interface Calls {
  open(path: string, mode: OpenMode): number;
  /** Writes at a position and says how many bytes were taken: fewer than given is a failure for the caller. */
  write(fd: number, buffers: readonly Buffer[], position: number): number;
  /** Fills the buffer from a position and says how many bytes there were. */
  read(fd: number, buffer: Buffer, position: number): number;
  /** fdatasync. */
  sync(fd: number): void;
  truncate(fd: number, size: number): void;
  size(fd: number): number;
  close(fd: number): void;
  /** Mode 0700; fails where the name exists. */
  makeDirectory(path: string): void;
  /** With all missing parents; no failure where it exists. */
  makeDirectories(path: string): void;
  /** A small text file, through symbolic links: mounted secrets are links. */
  readText(path: string): string;
  list(path: string): string[];
  stat(path: string): FileInfo;
  rename(from: string, to: string): void;
  remove(path: string): void;
  removeDirectory(path: string): void;
  /** fsync of a directory: makes new names in it survive a power loss. */
  syncDirectory(path: string): void;
  info(path: string): FileSystemInfo;
  /** Looks at a beacon. Never throws; on the spot it only says `unknown`. */
  look(path: string): BeaconState;
}

/** One call, as a value. */
export type Call = { [K in keyof Calls]: { readonly name: K; readonly args: Parameters<Calls[K]> } }[keyof Calls];

/** Access to a disk. */
export interface FileSystem {
  perform(call: Call): Promise<unknown>;
  performSync(call: Call): unknown;
  /** Lights a beacon under a path, at once; undefined where the host cannot. */
  light(path: string): Beacon | undefined;
}

/** Work that is not a call: compression, done in the background where there is time. */
export interface Work {
  readonly name: 'work';
  readonly sync: () => unknown;
  readonly async: () => Promise<unknown>;
}

/** A protocol: yields calls, gets their results, returns its own. */
export type Steps<T> = Generator<Call | Work, T, unknown>;

/** Makes one call from inside a protocol. */
export function* call<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Steps<ReturnType<Calls[K]>> {
  return (yield { name, args } as Call) as ReturnType<Calls[K]>;
}

/** Does a piece of work from inside a protocol. */
export function* work<T>(sync: () => T, async: () => Promise<T>): Steps<T> {
  return (yield { name: 'work', sync, async }) as T;
}

/** Makes a call whose failure does not matter. */
export function* attempt<K extends keyof Calls>(name: K, ...args: Parameters<Calls[K]>): Steps<boolean> {
  try {
    yield { name, args } as Call;
    return true;
  } catch {
    return false;
  }
}

/** Runs a protocol to its end without giving up the thread. Throws what the protocol throws. */
export function runSync<T>(fs: FileSystem, steps: Steps<T>): T {
  let turn = steps.next();
  while (!turn.done) {
    let result: unknown;
    try {
      result = turn.value.name === 'work' ? turn.value.sync() : fs.performSync(turn.value);
    } catch (error) {
      turn = steps.throw(error);
      continue;
    }
    turn = steps.next(result);
  }
  return turn.value;
}

/** The system error code of whatever was thrown. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'UNKNOWN';
}

/** A failure of ours with a code like the system's. */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Writes buffers at a position; a short write is a full disk. */
export function* writeFully(fd: number, buffers: readonly Buffer[], position: number): Steps<void> {
  expectAll(yield* call('write', fd, buffers, position), buffers);
}

/** Throws unless all bytes were written: Linux reports a disk that fills up in the middle as a short write, no error. */
export function expectAll(written: number, buffers: readonly Buffer[]): void {
  let expected = 0;
  for (const buffer of buffers) expected += buffer.length;
  if (written !== expected) throw new DiskError('ENOSPC', `short write: ${written} of ${expected} bytes`);
}

/** Bytes that a disk cannot read: to be passed on as errors, or, once they have proven to stay so, read as zeros. */
export type BadBlocks = 'fail' | 'zero';
const blockBytes = 4096;

/** Reads `length` bytes, fewer where the file ends; into memory that is given, where nothing speaks against it. */
export function* readUpTo(
  fd: number,
  length: number,
  position: number,
  bad: BadBlocks = 'fail',
  given?: Buffer,
): Steps<Buffer> {
  if (bad === 'zero') return yield* readAround(fd, length, position);
  const buffer = given ?? Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const read = yield* call('read', fd, buffer.subarray(filled), position + filled);
    if (read === 0) break;
    filled += read;
  }
  return buffer.subarray(0, filled);
}

/** Reads block by block, with zeros for those that cannot be read. */
function* readAround(fd: number, length: number, position: number): Steps<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, Math.min(length, (yield* call('size', fd)) - position)));
  for (let at = 0; at < buffer.length; ) {
    const end = Math.min(buffer.length, at + blockBytes - ((position + at) % blockBytes));
    try {
      yield* call('read', fd, buffer.subarray(at, end), position + at);
    } catch (error) {
      if (codeOf(error) !== 'EIO') throw error;
      buffer.fill(0, at, end);
    }
    at = end;
  }
  return buffer;
}
