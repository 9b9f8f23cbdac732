// The room in memory: how many bytes of records may still come in, and what gives way when there are none.
// In: a writer's wish for room, and a call whenever something has left memory. Out: room, made by the policy `whenFull`
// if need be; and, for a writer that holds back, a promise of it.
// Invariants: a batch is dropped only where none can be moved to disk, and never with 'dropNewest'; with 'block' nothing
// gives way: what a writer brings at once may go over the bound.

/** Memory's bound, and what gives way when it is reached. */
export interface RoomOptions {
  readonly maxBytes: number;
  /** The oldest waiting batch, unless it is said otherwise. */
  readonly whenFull?: 'dropOldest' | 'dropNewest' | 'block' | undefined;
}

/** What can be done about memory. */
export interface RoomPort {
  /** Bytes of records in memory: open, waiting, in flight and arriving from the disk. */
  memoryBytes(): number;
  /** Moves a waiting batch to disk, on the spot. False if that cannot be done. */
  moveToDisk(): boolean;
  /** Drops the least important of the waiting batches. False if there is none. */
  dropBatch(): boolean;
}

/** Keeps memory's bound. */
export class Room {
  private awaited: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  private readonly options: RoomOptions;
  private readonly port: RoomPort;

  constructor(options: RoomOptions, port: RoomPort) {
    this.options = options;
    this.port = port;
  }

  /** Bytes until memory is full; negative when there is more than that. */
  get left(): number {
    return this.options.maxBytes - this.port.memoryBytes();
  }

  /** Bytes that a writer may bring at once: any number, where it is asked to hold back afterwards. */
  get admitted(): number {
    return this.options.whenFull === 'block' ? Number.POSITIVE_INFINITY : this.left;
  }

  /** Whether the writer should hold back. */
  get holdsBack(): boolean {
    return this.options.whenFull === 'block' && this.left <= 0;
  }

  /** Moves waiting batches to disk, or drops them as far as the policy allows, until there is room. False: there is none. */
  make(size: number): boolean {
    while (this.left < size && this.port.moveToDisk());
    if (this.left >= size) return true;
    if (this.options.whenFull === 'dropNewest') return false;
    while (this.left < size) if (!this.port.dropBatch()) return false;
    return true;
  }

  /** Resolves when there is room. */
  drained(): Promise<void> {
    if (this.left > 0) return Promise.resolve();
    if (!this.awaited) {
      let resolve = () => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.awaited = { promise, resolve };
    }
    return this.awaited.promise;
  }

  /** Something has left memory, and everything else is in its place. */
  announce(): void {
    if (this.awaited && this.left > 0) this.release();
  }

  /** Lets everybody go who waits for room. */
  release(): void {
    this.awaited?.resolve();
    this.awaited = undefined;
  }
}
