// A batch on its way through the pipeline, and what is known about it: which seal, which lane, whether it is on disk.

import type { Batch } from './batch.js';
import type { Lane } from './lane.js';
import type { Receipt } from './spool/segment.js';

/** A hold on a batch that is also on disk. When its records are split up, the parts share it. */
export interface Hold {
  readonly receipt: Receipt;
  /** The batch as it is on disk. */
  readonly root: Batch;
  /** Parts of it that are not settled yet. */
  open: number;
  /** It came from the disk, and may go back there. */
  readonly drained: boolean;
}

/** The seal of what came from the disk: older than every batch that was sealed here, and waited for by nobody. */
export const FROM_DISK = 0;

/** A batch on its way. */
export interface Entry {
  readonly batch: Batch;
  /** Which seal it came from, counted from 1: the order of the queue, and what `flush` waits for. */
  readonly seal: number;
  readonly lane: Lane;
  /** It was sent before, and something may still read its bytes. */
  readonly sent?: boolean;
  /** When it was sealed, or came from the disk, by the steady clock. */
  readonly at: number;
  readonly hold?: Hold | undefined;
}

/** The seal that a flush may wait for, or Infinity. */
export function awaitedSeal({ seal }: Entry): number {
  return seal === FROM_DISK ? Number.POSITIVE_INFINITY : seal;
}
