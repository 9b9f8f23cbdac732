// The mirror: a copy of records on stdout, so that `kubectl logs` and `docker logs` are not empty.
// In: sealed batches. Out: lines on stdout: none, errors only, all, or all while the destination is failing.
// Invariants: never waits for stdout and never throws: what a slow reader leaves over 1 MiB, or over one batch, is dropped
// and counted.
// The copy is a convenience: it is not part of the conservation law, and a line is mirrored at most once.

import { write } from 'node:fs';
import type { Batch } from './batch.js';

/** Which records are copied. */
export type MirrorMode = 'off' | 'errors' | 'all' | 'onFailure';

/** Writes bytes somewhere and calls back; the port through which tests read what was mirrored. */
export type MirrorWrite = (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void;

const MAX_WAITING_BYTES = 1 << 20;
const ERROR_LEVEL = 50;
/** stdout may be a pipe that is full: the next try is not worth a busy loop. */
const FULL_RETRY_MS = 50;

const toStdout: MirrorWrite = (bytes, done) => write(1, bytes, done);

/** Copies records to stdout. */
export class Mirror {
  /** Records that a slow stdout made us drop. */
  dropped = 0;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private busy = false;
  private broken = false;
  private readonly mode: MirrorMode;
  private readonly output: MirrorWrite;

  constructor(mode: MirrorMode, output: MirrorWrite = toStdout) {
    this.mode = mode;
    this.output = output;
  }

  /** Copies what the mode asks for. `failing`: the destination does not take records at present. */
  take(batch: Batch, failing: boolean): void {
    if (this.mode === 'off' || this.broken || (this.mode === 'onFailure' && !failing)) return;
    const chosen = this.mode === 'errors' ? errorsOf(batch) : batch;
    if (!chosen) return;
    // A batch alone may be larger: that is no sign of a slow reader.
    if (this.waiting.length > 0 && this.waitingBytes + chosen.bytes.length > MAX_WAITING_BYTES) {
      this.dropped += chosen.count;
      return;
    }
    this.waiting.push(chosen.bytes);
    this.waitingBytes += chosen.bytes.length;
    this.drain();
  }

  private drain(): void {
    const next = this.waiting[0];
    if (this.busy || !next) return;
    this.busy = true;
    this.output(next, (error, written) => {
      this.busy = false;
      if (error?.code === 'EAGAIN') {
        setTimeout(() => this.drain(), FULL_RETRY_MS).unref();
        return;
      }
      if (error) {
        // stdout is closed: nobody reads, and nobody will.
        this.broken = true;
        this.waiting = [];
        return;
      }
      this.waitingBytes -= written;
      if (written < next.length) this.waiting[0] = next.subarray(written);
      else this.waiting.shift();
      this.drain();
    });
  }
}

function errorsOf(batch: Batch): Batch | undefined {
  const indices: number[] = [];
  for (let i = 0; i < batch.count; i++) if (batch.levels[i]! >= ERROR_LEVEL) indices.push(i);
  return indices.length > 0 ? batch.pick(indices) : undefined;
}
