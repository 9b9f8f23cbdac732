// The door: the one way in for lines, of whoever writes and of our own.
// In: chunks, cut anywhere. Out: the same chunks to the feed, one after the other, or a count of what came too late.
// Invariants: a chunk passes whole before the next one does; whoever listens to our events may log to us in the middle of
// a write: those lines come in when it is through; nothing comes in once the door is shut.

import type { LineFeed } from './lines/line-feed.js';

/** What is behind the door. */
export interface DoorPort {
  readonly feed: LineFeed;
  /** A chunk is through. */
  taken(): void;
  /** A chunk came when the door was shut. */
  late(chunk: string | Uint8Array): void;
}

/** Lets chunks in. */
export class Door {
  /** A chunk is passing. */
  private busy = false;
  closed = false;
  private readonly port: DoorPort;

  constructor(port: DoorPort) {
    this.port = port;
  }

  /** Takes a writer's chunk. False if it is not in when this returns: it comes in later, or is counted as lost. */
  write(chunk: string | Uint8Array): boolean {
    if (this.closed) {
      this.port.late(chunk);
      return false;
    }
    if (this.busy) {
      this.putOff(chunk);
      return false;
    }
    this.pass(chunk);
    this.port.taken();
    return true;
  }

  /** Takes whole lines of our own. */
  add(lines: string): void {
    this.alone(() => this.port.feed.insert(lines));
    this.port.taken();
  }

  /** Takes what came without a newline as a last line; when the door is shut, too. */
  end(): void {
    this.alone(() => this.port.feed.end());
  }

  /** Takes no more chunks. */
  shut(): void {
    this.closed = true;
  }

  /** Moves a chunk from the feed to batches. As {@link alone}, without a closure for every chunk. */
  private pass(chunk: string | Uint8Array): void {
    this.busy = true;
    try {
      this.port.feed.write(chunk);
    } finally {
      this.busy = false;
    }
  }

  /** Does something else with the feed, unless a chunk is passing. */
  private alone(work: () => void): void {
    if (this.busy) return;
    this.busy = true;
    try {
      work();
    } finally {
      this.busy = false;
    }
  }

  private putOff(chunk: string | Uint8Array): void {
    const kept = typeof chunk === 'string' ? chunk : Buffer.from(chunk);
    setImmediate(() => this.write(kept));
  }
}
