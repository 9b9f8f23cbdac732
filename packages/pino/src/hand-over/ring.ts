// The ring: bytes from one thread to another through shared memory, without a message or a copy for each line.
//
//        read              write                      write         read            wrap
//   ┌─────┬─────────────────┬──────────┐        ┌───────┬─────────────┬───────────────┬──────┐
//   │     │ ready to be read│          │   or   │ ready │             │ ready         │ skip │
//   └─────┴─────────────────┴──────────┘        └───────┴─────────────┴───────────────┴──────┘
//
// In: text or bytes, by one writer. Out: the same bytes in the same order, in contiguous pieces, to one reader.
// Invariants: `write` moves only the writer's position and `read` only the reader's; write === read means empty, so the
// ring is never filled to its last byte; a piece is published only after its bytes are there; what is not taken whole ends with
// a whole line, or is ended as a line before anything else is written.

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
/** How often the reader has moved on: its position alone may come again. */
const MOVES = 7;
/** Bytes of a line that the reader has, and whose rest it has not. */
const OPEN = 8;
const HEADER_BYTES = 64;

const NEWLINE = 0x0a;
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
  /** How much of the last write was taken: characters of text, or bytes. */
  taken = 0;
  private position = this.load(WRITE);
  /** How often the reader had moved when it was last waited for in vain. */
  private stalledAt = -1;
  /** What was written last is no whole line yet. */
  private open = false;
  /** And its rest was not taken. */
  private torn = false;

  /**
   * Writes text or bytes, waiting for the reader where there is no room.
   * @returns false when the reader made no room within `timeoutMs`; {@link taken} says how much was written
   */
  write(chunk: string | Uint8Array, timeoutMs: number): boolean {
    this.taken = 0;
    if (this.torn && !this.put('\n', timeoutMs)) return false;
    this.torn = false;
    while (this.taken < chunk.length) {
      const to = pieceEnd(chunk, this.taken);
      const whole = this.taken === 0 && to === chunk.length;
      if (!this.put(whole ? chunk : chunk.slice(this.taken, to), timeoutMs)) {
        this.torn = this.open;
        return false;
      }
      this.taken = to;
    }
    this.wake();
    return true;
  }

  /** How often the reader has moved on. */
  get moves(): number {
    return this.load(MOVES);
  }

  /** Whether the reader was waited for in vain, and has not moved since. */
  get stalled(): boolean {
    return this.load(MOVES) === this.stalledAt;
  }

  /** Whether a line was taken in part: its rest is lost, and what was taken becomes a line of its own. */
  get tore(): boolean {
    return this.torn;
  }

  /** What the reader has not taken, in order: for the end, when it will not. */
  get unread(): readonly Buffer[] {
    const read = this.load(READ);
    if (read <= this.position) return [this.data.subarray(read, this.position)];
    return [this.data.subarray(read, this.load(WRAP)), this.data.subarray(0, this.position)];
  }

  /** Says that nothing more will be written. */
  end(): void {
    Atomics.store(this.control, ENDED, 1);
    Atomics.notify(this.control, ENDED);
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

  /** Writes a piece as soon as there is room for it, and publishes it. */
  private put(piece: string | Uint8Array, timeoutMs: number): boolean {
    if (!this.reserve(typeof piece === 'string' ? piece.length * 3 : piece.length, timeoutMs)) return false;
    if (typeof piece === 'string') this.position += this.data.write(piece, this.position);
    else {
      this.data.set(piece, this.position);
      this.position += piece.length;
    }
    Atomics.store(this.control, WRITE, this.position);
    this.open = (typeof piece === 'string' ? piece.charCodeAt(piece.length - 1) : piece.at(-1)) !== NEWLINE;
    return true;
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
      if (left <= 0) {
        if (timeoutMs > 0) this.stalledAt = this.load(MOVES);
        return false;
      }
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

/** Where the piece ends that begins at a position: behind a whole line if there is one. */
function pieceEnd(chunk: string | Uint8Array, at: number): number {
  const to = Math.min(at + PIECE, chunk.length);
  if (to === chunk.length) return to;
  const newline = typeof chunk === 'string' ? chunk.lastIndexOf('\n', to - 1) : chunk.lastIndexOf(NEWLINE, to - 1);
  if (newline >= at) return newline + 1;
  // Never between the halves of a surrogate pair: alone, each would become U+FFFD.
  return typeof chunk === 'string' && (chunk.charCodeAt(to - 1) & 0xfc00) === 0xd800 ? to + 1 : to;
}

/** The reader's end. */
export class RingReader extends RingView {
  private reading = false;
  private position = this.load(READ);

  /**
   * Hands on a piece of what is there, valid until `take` returns. Answers whether there was any; within `take` there is none.
   */
  read(take: (bytes: Buffer) => void): boolean {
    const piece = this.reading ? undefined : this.next();
    if (!piece) return false;
    this.reading = true;
    try {
      take(piece);
    } finally {
      this.reading = false;
    }
    const rest = piece.length - 1 - piece.lastIndexOf(NEWLINE);
    Atomics.store(this.control, OPEN, rest === piece.length ? this.load(OPEN) + rest : rest);
    this.move(this.position + piece.length);
    return true;
  }

  /**
   * Skips the rest of a line whose beginning went down with the reader before, as far as it is here.
   * @returns the bytes of that line, 0 where there was none
   */
  skipTorn(): number {
    let bytes = this.load(OPEN);
    Atomics.store(this.control, OPEN, 0);
    for (let torn = bytes > 0; torn; ) {
      const piece = this.next();
      if (!piece) break;
      const newline = piece.indexOf(NEWLINE);
      const rest = newline < 0 ? piece.length : newline + 1;
      bytes += rest;
      torn = newline < 0;
      this.move(this.position + rest);
    }
    return bytes;
  }

  /** Whether the writer has ended and everything was read. */
  get ended(): boolean {
    return this.load(ENDED) === 1 && this.load(WRITE) === this.position;
  }

  /** Resolves when nothing more will be written. */
  async whenEnding(): Promise<void> {
    const notified = Atomics.waitAsync(this.control, ENDED, 0);
    if (notified.async) await notified.value;
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

  /** What can be read in one piece. */
  private next(): Buffer | undefined {
    const write = this.load(WRITE);
    if (write === this.position) return undefined;
    if (write < this.position && this.load(WRAP) === this.position) {
      this.move(0);
      return this.next();
    }
    const end = write < this.position ? this.load(WRAP) : write;
    return this.data.subarray(this.position, Math.min(end, this.position + READ_PIECE));
  }

  private move(position: number): void {
    this.position = position;
    Atomics.store(this.control, READ, position);
    Atomics.add(this.control, MOVES, 1);
    if (this.load(WAITING) === 1) Atomics.notify(this.control, READ);
  }
}
