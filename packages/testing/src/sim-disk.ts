// A simulated machine for the spool: one disk with a page cache, several processes on it, one clock, all from one seed.
// Every call of every process waits until the simulation picks it, in random order between processes, so that any
// interleaving can happen. What the disk may do wrong is switched on per run: short and torn writes, errors of any call,
// failed syncs that drop pages, a full disk, names that are lost without a sync of their directory.
//
// Two ways to die: `kill` ends a process and keeps the page cache; `powerLoss` ends all, and keeps of what was not
// synced a random part: sectors in any order, torn in the middle, files of any length in between, names or not.

import type { Call, Calls, FileSystem, Runtime } from '@spillway/core';
import { seededRandom } from './sim-runtime.js';

const sector = 512;

/** What may go wrong, each a probability per call. */
export interface Faults {
  /** Writes that take fewer bytes than given, without an error. */
  shortWrite: number;
  /** Writes that fail after part of the bytes. */
  tornWrite: number;
  /** Syncs that fail; the pages count as clean afterwards. */
  failedSync: number;
  /** Any other call fails with EIO. */
  failedCall: number;
  /** Opening fails for want of descriptors. */
  noDescriptors: number;
  /** Everything that writes fails with EROFS. */
  readOnly: boolean;
}

/** Nothing goes wrong. */
export const noFaults: Faults = {
  shortWrite: 0,
  tornWrite: 0,
  failedSync: 0,
  failedCall: 0,
  noDescriptors: 0,
  readOnly: false,
};

interface File {
  readonly kind: 'file';
  readonly inode: number;
  data: Buffer;
  size: number;
  /** What is on the platter. */
  durable: Buffer;
  readonly dirty: Set<number>;
  modifiedMs: number;
}

interface Directory {
  readonly kind: 'directory';
  readonly inode: number;
  readonly entries: Map<string, Node>;
  modifiedMs: number;
}

type Node = File | Directory | { readonly kind: 'other'; readonly inode: number; modifiedMs: number };

/** A change of names that a power loss may undo. */
interface NameChange {
  readonly directories: readonly Directory[];
  readonly apply: () => void;
  synced: boolean;
}

interface PendingCall {
  readonly owner: Process;
  readonly call: Call;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface SimTimer {
  readonly at: number;
  readonly order: number;
  readonly owner: Process;
  readonly callback: () => void;
}

function sooner(a: SimTimer, b: SimTimer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function failure(code: string): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}

/** One process on the simulated machine: its view of the disk and its clock. */
export interface SimProcess {
  readonly name: string;
  readonly fs: FileSystem;
  readonly runtime: Runtime;
  readonly alive: boolean;
  /** SIGKILL. */
  kill(): void;
}

/** The machine. */
export class SimMachine {
  readonly random: () => number;
  readonly faults: Faults = { ...noFaults };
  /** Bytes the disk takes. */
  capacity = Number.POSITIVE_INFINITY;
  /** Calls made so far. */
  calls = 0;
  /** Runs before each call; may kill. */
  beforeCall: (call: Call) => void = () => {};
  #now = 1_700_000_000_000;
  #elapsed = 0;
  #inodes = 1;
  #root: Directory = this.#directory();
  /** Names as they are on the platter. */
  #durableRoot: Map<Directory, Map<string, Node>> = new Map([[this.#root, new Map()]]);
  #changes: NameChange[] = [];
  #pending: PendingCall[] = [];
  #timers: SimTimer[] = [];
  #order = 0;
  readonly #processes = new Set<Process>();
  readonly #beacons = new Map<Node, Process>();

  constructor(seed: number) {
    this.random = seededRandom(seed);
    // The mount point was there before.
    this.#make('/data');
    this.#syncDirectory('/');
  }

  /** Starts a process. Only `/data` is there. */
  spawn(name: string): SimProcess {
    const process = new Process(name, this);
    this.#processes.add(process);
    return process;
  }

  /** Whole number from 0 to below `n`. */
  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.random() < probability;
  }

  get now(): number {
    return this.#now;
  }

  get elapsed(): number {
    return this.#elapsed;
  }

  /** Moves the wall clock without time passing. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Bytes that all files take. */
  get usedBytes(): number {
    let sum = 0;
    const visit = (directory: Directory) => {
      for (const node of directory.entries.values()) {
        if (node.kind === 'file') sum += node.size;
        if (node.kind === 'directory') visit(node);
      }
    };
    visit(this.#root);
    return sum;
  }

  /** Paths of all files, sorted. */
  files(): string[] {
    const found: string[] = [];
    const visit = (directory: Directory, path: string) => {
      for (const [name, node] of directory.entries) {
        if (node.kind === 'directory') visit(node, `${path}/${name}`);
        else found.push(`${path}/${name}`);
      }
    };
    visit(this.#root, '');
    return found.sort();
  }

  // --- scheduling

  submit(owner: Process, call: Call): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (owner.alive) this.#pending.push({ owner, call, resolve, reject });
    });
  }

  after(owner: Process, ms: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.#elapsed + Math.max(0, ms), order: this.#order++, owner, callback };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Lets promises settle, then does one thing: a waiting call, or the next timer. False where there is nothing. */
  async step(maxElapsed = Number.POSITIVE_INFINITY): Promise<boolean> {
    await new Promise((done) => setImmediate(done));
    if (this.#pending.length > 0) {
      const [chosen] = this.#pending.splice(this.below(this.#pending.length), 1);
      this.#execute(chosen!);
      return true;
    }
    const next = this.#timers.reduce<SimTimer | undefined>((a, b) => (!a || sooner(b, a) ? b : a), undefined);
    if (!next || next.at > maxElapsed) return false;
    this.#timers = this.#timers.filter((other) => other !== next);
    this.#pass(Math.max(0, next.at - this.#elapsed));
    if (next.owner.alive) next.callback();
    return true;
  }

  #pass(ms: number): void {
    this.#elapsed += ms;
    this.#now += ms;
  }

  /** Runs until a promise settles, or there is no point any more. Throws where nothing is left to do before. */
  async finish<T>(promise: Promise<T>, pointless = () => false): Promise<T | undefined> {
    const maxSteps = 100_000;
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    for (let i = 0; i < maxSteps; i++) {
      await new Promise((next) => setImmediate(next));
      if (settled) return promise;
      if (pointless()) return undefined;
      if (!(await this.step())) throw new Error('nothing is left to do and the promise is still pending');
    }
    throw new Error(`still pending after ${maxSteps} steps`);
  }

  /** Lets time pass, doing all that falls due. */
  async advance(ms: number): Promise<void> {
    const target = this.#elapsed + ms;
    while (await this.step(target));
    this.#pass(Math.max(0, target - this.#elapsed));
  }

  #execute({ owner, call, resolve, reject }: PendingCall): void {
    if (!owner.alive) return;
    try {
      const value = this.perform(owner, call);
      if (owner.alive) resolve(value);
    } catch (error) {
      if (owner.alive) reject(error);
    }
  }

  // --- dying

  kill(process: Process): void {
    process.alive = false;
    this.#processes.delete(process);
    this.#pending = this.#pending.filter(({ owner }) => owner !== process);
    this.#timers = this.#timers.filter(({ owner }) => owner !== process);
    for (const [node, owner] of this.#beacons) if (owner === process) this.#beacons.delete(node);
  }

  /** Everything dies, and what was not synced survives by chance. */
  powerLoss(): void {
    for (const process of [...this.#processes]) this.kill(process);
    for (const { synced, apply, directories } of this.#changes.splice(0)) {
      if (!synced && this.chance(0.5)) continue;
      const reachable = directories.every((directory) => this.#durableRoot.has(directory));
      if (reachable) apply();
    }
    const restored = new Set<Node>();
    const restore = (directory: Directory) => {
      directory.entries.clear();
      for (const [name, node] of this.#durableRoot.get(directory) ?? []) {
        directory.entries.set(name, node);
        if (restored.has(node)) continue;
        restored.add(node);
        if (node.kind === 'directory') restore(node);
        if (node.kind === 'file') this.#restore(node);
      }
    };
    restore(this.#root);
  }

  /** Each sector that was not synced is old, new, or new in its first part; the length is anything in between. */
  #restore(file: File): void {
    const before = file.durable;
    const chosen = this.below(4);
    const span = Math.abs(file.size - before.length);
    const size =
      chosen === 0
        ? before.length
        : chosen === 1
          ? file.size
          : Math.min(before.length, file.size) + this.below(span + 1);
    const after = Buffer.alloc(size);
    before.copy(after, 0, 0, Math.min(size, before.length));
    const keep = this.random();
    for (const index of file.dirty) {
      const start = index * sector;
      if (start >= size || this.chance(keep)) continue;
      const end = this.chance(0.2) ? start + this.below(sector) : start + sector;
      file.data.copy(after, start, start, Math.min(end, size, file.size));
    }
    file.data = after;
    file.size = size;
    file.durable = Buffer.from(after);
    file.dirty.clear();
  }

  /** Changes bytes of a file on the platter and in the cache, as ageing does. */
  corrupt(path: string, change: (bytes: Buffer) => Buffer): void {
    const node = this.#resolve(path);
    if (node.kind !== 'file') throw failure('EISDIR');
    node.data = change(Buffer.from(node.data.subarray(0, node.size)));
    node.size = node.data.length;
    node.durable = Buffer.from(node.data);
    node.dirty.clear();
  }

  /** The bytes of a file. */
  read(path: string): Buffer {
    const node = this.#resolve(path);
    if (node.kind !== 'file') throw failure('EISDIR');
    return Buffer.from(node.data.subarray(0, node.size));
  }

  // --- the calls

  perform(owner: Process, call: Call): unknown {
    this.calls++;
    this.beforeCall(call);
    if (!owner.alive) throw failure('EKILLED');
    this.#mayFail(call);
    return (this.#handlers(owner)[call.name] as (...args: readonly unknown[]) => unknown)(...call.args);
  }

  #mayFail({ name }: Call): void {
    const { faults } = this;
    const writes = name !== 'read' && name !== 'list' && name !== 'stat' && name !== 'readText' && name !== 'size';
    if (faults.readOnly && writes && name !== 'close' && name !== 'open' && name !== 'look' && name !== 'info') {
      throw failure('EROFS');
    }
    if (name === 'open' && this.chance(faults.noDescriptors)) throw failure('EMFILE');
    if (name !== 'close' && name !== 'write' && name !== 'sync' && name !== 'look' && this.chance(faults.failedCall)) {
      throw failure('EIO');
    }
  }

  #handlers(owner: Process): Calls {
    return {
      open: (path, mode) => this.#open(owner, path, mode),
      write: (fd, buffers, position) => this.#write(owner.file(fd), Buffer.concat(buffers), position),
      read: (fd, buffer, position) => {
        const file = owner.file(fd);
        const end = Math.min(file.size, position + buffer.length);
        if (position >= end) return 0;
        return file.data.copy(buffer, 0, position, end);
      },
      sync: (fd) => this.#sync(owner.file(fd)),
      truncate: (fd, size) => this.#truncate(owner.file(fd), size),
      size: (fd) => owner.file(fd).size,
      close: (fd) => owner.close(fd),
      makeDirectory: (path) => this.#make(path),
      makeDirectories: (path) => {
        let at = '';
        for (const part of path.split('/').filter(Boolean)) {
          at += `/${part}`;
          if (!this.#find(at)) this.#make(at);
        }
      },
      readText: (path) => this.read(path).toString(),
      list: (path) => [...this.#resolveDirectory(path).entries.keys()],
      stat: (path) => {
        const node = this.#resolve(path);
        const size = node.kind === 'file' ? node.size : 0;
        const mode = node.kind === 'directory' ? 0o700 : 0o600;
        const uid = globalThis.process.getuid?.() ?? 0;
        return { kind: node.kind, size, modifiedMs: node.modifiedMs, inode: node.inode, mode, uid };
      },
      rename: (from, to) => this.#rename(from, to),
      remove: (path) => this.#remove(path, false),
      removeDirectory: (path) => this.#remove(path, true),
      syncDirectory: (path) => this.#syncDirectory(path),
      info: () => {
        const freeBytes = Math.max(0, this.capacity - this.usedBytes);
        return { type: 0xef53, freeBytes, totalBytes: this.capacity, freeInodes: 1e6, totalInodes: 1e6 };
      },
      look: (path) => {
        const node = this.#find(path);
        if (!node) return 'absent';
        return this.#beacons.has(node) ? 'lit' : 'dark';
      },
    };
  }

  #open(owner: Process, path: string, mode: 'create' | 'read' | 'update'): number {
    const found = this.#find(path);
    if (mode !== 'create') {
      if (!found) throw failure('ENOENT');
      if (found.kind !== 'file') throw failure('EISDIR');
      if (mode === 'update' && this.faults.readOnly) throw failure('EROFS');
      return owner.open(found);
    }
    if (this.faults.readOnly) throw failure('EROFS');
    if (found) throw failure('EEXIST');
    const empty = Buffer.alloc(0);
    const file: File = {
      kind: 'file',
      inode: this.#inodes++,
      data: Buffer.alloc(0),
      size: 0,
      durable: empty,
      dirty: new Set(),
      modifiedMs: this.#now,
    };
    this.#link(path, file);
    return owner.open(file);
  }

  #write(file: File, bytes: Buffer, position: number): number {
    let length = bytes.length;
    const growth = Math.max(0, position + length - file.size);
    if (growth > 0 && this.usedBytes + growth > this.capacity) {
      length = Math.max(0, length - (this.usedBytes + growth - this.capacity));
      if (length === 0) throw failure('ENOSPC');
    }
    if (length > 0 && this.chance(this.faults.shortWrite)) length = this.below(length);
    const torn = this.chance(this.faults.tornWrite);
    if (torn) length = this.below(length + 1);
    this.#store(file, bytes.subarray(0, length), position);
    if (torn) throw failure('EIO');
    return length;
  }

  #store(file: File, bytes: Buffer, position: number): void {
    const end = position + bytes.length;
    if (end > file.data.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * file.data.length));
      file.data.copy(grown, 0, 0, file.size);
      file.data = grown;
    }
    if (position > file.size) file.data.fill(0, file.size, position);
    bytes.copy(file.data, position);
    file.size = Math.max(file.size, end);
    file.modifiedMs = this.#now;
    for (let at = Math.floor(position / sector); at * sector < end; at++) file.dirty.add(at);
  }

  #sync(file: File): void {
    if (this.chance(this.faults.failedSync)) {
      // The pages stay readable and count as clean: nothing will ever write them.
      file.dirty.clear();
      throw failure('EIO');
    }
    const synced = Buffer.alloc(file.size);
    file.durable.copy(synced, 0, 0, Math.min(file.size, file.durable.length));
    for (const index of file.dirty)
      file.data.copy(synced, index * sector, index * sector, Math.min(file.size, (index + 1) * sector));
    file.durable = synced;
    file.dirty.clear();
  }

  #truncate(file: File, size: number): void {
    if (size < file.size) file.data.fill(0, size, file.size);
    file.size = Math.min(file.size, size);
    file.modifiedMs = this.#now;
    // Metadata reaches the platter in its own time; here at once, or never.
    if (this.chance(0.5)) file.durable = Buffer.from(file.durable.subarray(0, size));
  }

  // --- names

  #directory(): Directory {
    return { kind: 'directory', inode: this.#inodes++, entries: new Map(), modifiedMs: this.#now };
  }

  #find(path: string): Node | undefined {
    let node: Node = this.#root;
    for (const part of path.split('/').filter(Boolean)) {
      if (node.kind !== 'directory') return undefined;
      const next: Node | undefined = node.entries.get(part);
      if (!next) return undefined;
      node = next;
    }
    return node;
  }

  #resolve(path: string): Node {
    const node = this.#find(path);
    if (!node) throw failure('ENOENT');
    return node;
  }

  #resolveDirectory(path: string): Directory {
    const node = this.#resolve(path);
    if (node.kind !== 'directory') throw failure('ENOTDIR');
    return node;
  }

  #split(path: string): { parent: Directory; name: string } {
    const at = path.lastIndexOf('/');
    return { parent: this.#resolveDirectory(path.slice(0, at)), name: path.slice(at + 1) };
  }

  #change(directories: readonly Directory[], apply: () => void): void {
    for (const directory of directories) directory.modifiedMs = this.#now;
    this.#changes.push({ directories, apply, synced: false });
  }

  #durable(directory: Directory): Map<string, Node> {
    return this.#durableRoot.get(directory)!;
  }

  #link(path: string, node: Node): void {
    const { parent, name } = this.#split(path);
    parent.entries.set(name, node);
    this.#change([parent], () => {
      this.#durable(parent).set(name, node);
      if (node.kind === 'directory') this.#durableRoot.set(node, new Map());
    });
  }

  #make(path: string): void {
    if (this.#find(path)) throw failure('EEXIST');
    this.#link(path, this.#directory());
  }

  #rename(from: string, to: string): void {
    const source = this.#split(from);
    const target = this.#split(to);
    const node = source.parent.entries.get(source.name);
    if (!node) throw failure('ENOENT');
    const existing = target.parent.entries.get(target.name);
    if (existing?.kind === 'directory' && existing.entries.size > 0) throw failure('ENOTEMPTY');
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, node);
    this.#change([source.parent, target.parent], () => {
      // A rename is one transaction: it happened or it did not.
      if (this.#durable(source.parent).get(source.name) !== node) return;
      this.#durable(source.parent).delete(source.name);
      this.#durable(target.parent).set(target.name, node);
    });
  }

  #remove(path: string, directory: boolean): void {
    const { parent, name } = this.#split(path);
    const node = parent.entries.get(name);
    if (!node) throw failure('ENOENT');
    if ((node.kind === 'directory') !== directory) throw failure(directory ? 'ENOTDIR' : 'EISDIR');
    if (node.kind === 'directory' && node.entries.size > 0) throw failure('ENOTEMPTY');
    parent.entries.delete(name);
    this.#change([parent], () => {
      if (this.#durable(parent).get(name) === node) this.#durable(parent).delete(name);
    });
  }

  #syncDirectory(path: string): void {
    const directory = this.#resolveDirectory(path);
    if (this.chance(this.faults.failedSync)) throw failure('EIO');
    for (const change of this.#changes) if (change.directories.includes(directory)) change.synced = true;
    // What is certain need not be remembered.
    while (this.#changes[0]?.synced) {
      const { directories, apply } = this.#changes.shift()!;
      if (directories.every((each) => this.#durableRoot.has(each))) apply();
    }
  }

  light(owner: Process, path: string): { close(): void } | undefined {
    const node: Node = { kind: 'other', inode: this.#inodes++, modifiedMs: this.#now };
    try {
      this.#link(path, node);
    } catch {
      return undefined;
    }
    this.#beacons.set(node, owner);
    return { close: () => void this.#beacons.delete(node) };
  }
}

class Process implements SimProcess {
  readonly name: string;
  readonly fs: FileSystem;
  readonly runtime: Runtime;
  alive = true;
  readonly #machine: SimMachine;
  readonly #files = new Map<number, File>();
  #nextFd = 3;

  constructor(name: string, machine: SimMachine) {
    this.name = name;
    this.#machine = machine;
    this.fs = {
      perform: (call) => machine.submit(this, call),
      performSync: (call) => machine.perform(this, call),
      light: (path) => machine.light(this, path),
    };
    this.runtime = {
      now: () => machine.now,
      monotonic: () => machine.elapsed,
      random: machine.random,
      after: (ms, callback) => machine.after(this, ms, callback),
    };
  }

  kill(): void {
    this.#machine.kill(this);
  }

  open(file: File): number {
    this.#files.set(this.#nextFd, file);
    return this.#nextFd++;
  }

  file(fd: number): File {
    const file = this.#files.get(fd);
    if (!file) throw failure('EBADF');
    return file;
  }

  close(fd: number): void {
    if (!this.#files.delete(fd)) throw failure('EBADF');
  }

  /** Descriptors that are open. */
  get descriptors(): number {
    return this.#files.size;
  }
}
