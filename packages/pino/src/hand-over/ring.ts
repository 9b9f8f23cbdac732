// The ring: bytes from one thread to another through shared memory, without a message or a copy for each line.
//
//        read              write                      write         read            wrap
//   ┌─────┬─────────────────┬──────────┐        ┌───────┬─────────────┬───────────────┬──────┐
//   │     │ ready to be read│          │   or   │ ready │             │ ready         │ skip │
//   └─────┴─────────────────┴──────────┘        └───────┴─────────────┴───────────────┴──────┘
//
// In: text, by one writer. Out: the same bytes in the same order, in contiguous pieces, to one reader.
// Invariants: `write` moves only the writer's position and `read` only the reader's; write === read means empty, so the
// ring is never filled to its last byte; a piece is published only after its bytes are there.

/** Positions and flags, in an Int32Array in front of the data. */
const WRITE = 0;
const READ = 1;
/** Where the writer jumped back to the start. */
const WRAP = 2;
/** 1 while the reader sleeps and has to be woken. */
const SLEEPING = 3;
/** 1 while the writer waits for room. */
const WAITING = 4;
/** 1 once nothing more will be written. */
const ENDED = 5;
/** 1 once the reader has done all that it had to do. */
const DONE = 6;
const HEADER_BYTES = 64;

/** Characters encoded at a time: at most three bytes each, so that a piece always fits. */
const PIECE = 16_384;
/** Most bytes that are read at a time, so that a writer that waits for room does not wait for all of it. */
const READ_PIECE = 262_144;
/** Smallest ring: several pieces, or writer and reader would wait for each other in turns. */
const MIN_BYTES = 4 * 3 * PIECE;

/** Memory for a ring. */
export function createRing(bytes: number): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + Math.max(bytes, MIN_BYTES));
}

class RingView {
  protected readonly control: Int32Array;
  protected readonly data: Buffer;

  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, HEADER_BYTES / 4);
    this.data = Buffer.from(memory, HEADER_BYTES);
  }

  protected load(index: number): number {
    return Atomics.load(this.control, index);
  }
}

/** The writer's end. */
export class RingWriter extends RingView {
  private position = this.load(WRITE);

  /**
   * Writes text, waiting for the reader where there is no room.
   * @returns false when the reader made no room within `timeoutMs`; the text was then written in part or not at all
   */
  write(text: string, timeoutMs: number): boolean {
    for (let at = 0; at < text.length; ) {
      let to = Math.min(at + PIECE, text.length);
      // Never between the halves of a surrogate pair: alone, each would become U+FFFD.
      if (to < text.length && (text.charCodeAt(to - 1) & 0xfc00) === 0xd800) to++;
      const piece = at === 0 && to === text.length ? text : text.slice(at, to);
      if (!this.reserve(piece.length * 3, timeoutMs)) return false;
      this.position += this.data.write(piece, this.position);
      Atomics.store(this.control, WRITE, this.position);
      at = to;
    }
    this.wake();
    return true;
  }

  /** Says that nothing more will be written. */
  end(): void {
    Atomics.store(this.control, ENDED, 1);
    this.wake();
  }

  /**
   * Blocks until the reader is done with everything, or the time is up.
   * @returns whether it is
   */
  waitUntilDone(timeoutMs: number): boolean {
    Atomics.wait(this.control, DONE, 0, timeoutMs);
    return this.load(DONE) === 1;
  }

  /** Bytes that wait for the reader. */
  get pending(): number {
    const read = this.load(READ);
    return read <= this.position ? this.position - read : this.load(WRAP) - read + this.position;
  }

  /** Makes sure that `bytes` fit at the position, in one piece. */
  private reserve(bytes: number, timeoutMs: number): boolean {
    let deadline = 0;
    for (;;) {
      const read = this.load(READ);
      if (this.position >= read) {
        if (this.data.length - this.position > bytes) return true;
        if (read > bytes) {
          Atomics.store(this.control, WRAP, this.position);
          this.position = 0;
          Atomics.store(this.control, WRITE, 0);
          return true;
        }
      } else if (read - this.position > bytes) return true;
      deadline ||= performance.now() + timeoutMs;
      const left = deadline - performance.now();
      if (left <= 0) return false;
      this.wake();
      Atomics.store(this.control, WAITING, 1);
      Atomics.wait(this.control, READ, read, left);
      Atomics.store(this.control, WAITING, 0);
    }
  }

  private wake(): void {
    if (this.load(SLEEPING) === 0) return;
    Atomics.store(this.control, SLEEPING, 0);
    Atomics.notify(this.control, SLEEPING);
  }
}

/** The reader's end. */
export class RingReader extends RingView {
  private position = this.load(READ);

  /** Hands on a piece of what is there, valid until `take` returns. Answers whether there was any. */
  read(take: (bytes: Buffer) => void): boolean {
    const write = this.load(WRITE);
    if (write === this.position) return false;
    if (write < this.position && this.load(WRAP) === this.position) {
      this.move(0);
      return this.read(take);
    }
    const end = write < this.position ? this.load(WRAP) : write;
    const next = Math.min(end, this.position + READ_PIECE);
    take(this.data.subarray(this.position, next));
    this.move(next);
    return true;
  }

  /** Whether the writer has ended and everything was read. */
  get ended(): boolean {
    return this.load(ENDED) === 1 && this.load(WRITE) === this.position;
  }

  /** Says that there is nothing left to do, to a writer that may block for it. */
  done(): void {
    Atomics.store(this.control, DONE, 1);
    Atomics.notify(this.control, DONE);
  }

  /** Resolves when there may be something to read, or the end has come. Nothing is polled. */
  async sleep(): Promise<void> {
    Atomics.store(this.control, SLEEPING, 1);
    // The writer may have written between the last read and the line above, and then it will not wake us.
    if (this.load(WRITE) !== this.position || this.load(ENDED) === 1) {
      Atomics.store(this.control, SLEEPING, 0);
      return;
    }
    const woken = Atomics.waitAsync(this.control, SLEEPING, 1);
    if (woken.async) await woken.value;
  }

  private move(position: number): void {
    this.position = position;
    Atomics.store(this.control, READ, position);
    if (this.load(WAITING) === 1) Atomics.notify(this.control, READ);
  }
}
