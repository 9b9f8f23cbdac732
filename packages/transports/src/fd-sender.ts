// Writes batches to a file descriptor that may be slow, full or gone, without ever waiting on the event loop.
// In: bytes. Out: what became of them. Writes are one after the other, so lines never mix.
// Invariants: an aborted write goes on, at the next attempt at the same bytes, where it had stopped: no line comes twice;
// where other bytes come first, a line that was cut off is ended before them, and comes again as a whole.

import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { abortable, type Runtime, type Sender, sleep } from '@spillway/core';

/** What became of a write. */
export interface FdReply {
  /** Code of the error that ended it; unset when all is written. */
  readonly code?: string;
}

/** A full pipe is looked at again after this, then after twice that, and so on. */
const firstWaitMs = 1;
const longestWaitMs = 50;
const newline = 0x0a;

/** The sender for a file descriptor. */
export class FdSender implements Sender<Buffer, FdReply> {
  readonly #fd: number;
  /** The same pipe, opened once more so that it does not block; undefined until the first write, null where there is none. */
  #own: number | null | undefined;
  readonly #runtime: Runtime;
  readonly #written = new WeakMap<Buffer, number>();
  /** What was written last, if it stopped within a line. */
  #cut: Buffer | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(fd: number, runtime: Runtime) {
    this.#fd = fd;
    this.#runtime = runtime;
  }

  send(bytes: Buffer, signal: AbortSignal): Promise<FdReply> {
    const mine = this.#last.then(() => this.#writeLines(bytes, signal));
    this.#last = mine.catch(() => undefined);
    // A descriptor that blocks holds a write until somebody reads: that goes on, and whoever comes next waits for it.
    return abortable(mine, signal);
  }

  /** The descriptor belongs to the process: it stays open. Ours is closed after the last write, lest that goes elsewhere. */
  async close(): Promise<void> {
    const closed = this.#last.then(() => {
      const own = this.#own;
      this.#own = null;
      if (typeof own === 'number') closeSync(own);
    });
    this.#last = closed.catch(() => undefined);
  }

  async #writeLines(bytes: Buffer, signal: AbortSignal): Promise<FdReply> {
    const cut = this.#cut;
    if (cut && cut !== bytes) {
      // The other batch may have been dropped, or be on the disk meanwhile: these lines must not be glued to its half one.
      const ended = await this.#write(Buffer.of(newline), signal);
      if (ended.code !== undefined) return ended;
      this.#written.set(cut, cut.lastIndexOf(newline, this.#written.get(cut)! - 1) + 1);
    }
    return this.#write(bytes, signal);
  }

  async #write(bytes: Buffer, signal: AbortSignal): Promise<FdReply> {
    let waitMs = firstWaitMs;
    let at = this.#written.get(bytes) ?? 0;
    if (this.#own === undefined) this.#own = withoutBlocking(this.#fd);
    while (at < bytes.length) {
      signal.throwIfAborted();
      const { written, code } = await writeOnce(this.#own ?? this.#fd, bytes, at);
      at += written;
      this.#written.set(bytes, at);
      if (written > 0) this.#cut = bytes[at - 1] === newline ? undefined : bytes;
      if (code === 'EAGAIN') {
        // Whoever reads is slow. There is no event for descriptors we do not own: look again soon.
        await sleep(this.#runtime, waitMs, signal);
        waitMs = Math.min(waitMs * 2, longestWaitMs);
      } else if (code !== undefined && code !== 'EINTR') return { code };
      else waitMs = firstWaitMs;
    }
    return {};
  }
}

/**
 * A description of a pipe that is ours alone and does not block, where the system can give one. The pipe of a shell
 * blocks, and a thread that waits in it for a reader keeps the process even from its end.
 */
function withoutBlocking(fd: number): number | null {
  try {
    // Of a file it would start at the beginning, over what is there.
    if (!fstatSync(fd).isFIFO()) return null;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return null;
  }
}

function writeOnce(fd: number, bytes: Buffer, at: number): Promise<{ written: number; code?: string }> {
  return new Promise((resolve) => {
    write(fd, bytes, at, bytes.length - at, null, (error, written) => {
      resolve(error ? { written: 0, code: error.code ?? 'EIO' } : { written });
    });
  });
}
