// Runs protocols in the background, one call at a time and one protocol after the other.
// One outstanding call is the whole blast radius of a hung disk: Node's pool has four threads for all of the
// application's files, name lookups and cryptography. A call that takes too long puts the disk into `stalled`;
// no second call is made until it returns.

import type { Runtime } from '../runtime.js';
import type { Call, FileSystem, Steps, Work } from './file-system.js';
import { expectAll, runSync } from './file-system.js';

export interface DiskOptions {
  readonly fs: FileSystem;
  readonly runtime: Runtime;
  /** How long a call may take before the disk counts as stalled, in ms. */
  readonly stallMs: number;
  /** Do work in the background; otherwise on the spot, which keeps simulations deterministic. */
  readonly offload: boolean;
  readonly onStall: () => void;
  readonly onResume: () => void;
}

export class Disk {
  readonly #options: DiskOptions;
  #tail: Promise<unknown> = Promise.resolve();
  #stalled = false;
  #tasks = 0;

  constructor(options: DiskOptions) {
    this.#options = options;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  /** Protocols that are waiting or running. */
  get tasks(): number {
    return this.#tasks;
  }

  /** Resolves when all protocols that were given so far are over. Never rejects. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  /** Runs a protocol after all that were given before. Rejects with what the protocol throws. */
  run<T>(protocol: () => Steps<T>): Promise<T> {
    this.#tasks++;
    const result = this.#tail.then(() => this.#drive(protocol()));
    const done = () => {
      this.#tasks--;
    };
    this.#tail = result.then(done, done);
    return result;
  }

  /** Runs a protocol now, whatever is going on in the background. It must touch nothing that a running one does. */
  runNow<T>(steps: Steps<T>): T {
    return runSync(this.#options.fs, steps);
  }

  /** Writes now, all of it: a short write is a full disk. */
  writeNow(fd: number, buffers: readonly Buffer[], position: number): void {
    const written = this.#options.fs.performSync({ name: 'write', args: [fd, buffers, position] });
    expectAll(written as number, buffers);
  }

  async #drive<T>(steps: Steps<T>): Promise<T> {
    let turn = steps.next();
    while (!turn.done) {
      let result: unknown;
      try {
        result = await this.#perform(turn.value);
      } catch (error) {
        turn = steps.throw(error);
        continue;
      }
      turn = steps.next(result);
    }
    return turn.value;
  }

  async #perform(step: Call | Work): Promise<unknown> {
    const { fs, runtime, stallMs, offload, onStall, onResume } = this.#options;
    if (step.name === 'work') return offload ? step.async() : step.sync();
    const watch = runtime.after(stallMs, () => {
      this.#stalled = true;
      onStall();
    });
    try {
      return await fs.perform(step);
    } finally {
      watch.cancel();
      if (this.#stalled) {
        this.#stalled = false;
        onResume();
      }
    }
  }
}
