// The reading side of the ring, in the shipping thread, or in the application's own where no thread could be had.
// In: the ring. Out: what ships. Ends when the ring has ended and all is delivered, or its deadline is over.

import type { FlushReport } from '@spillway/core';
import type { Shipping } from '../shipping.js';
import type { RingReader } from './ring.js';

/** Takes everything that is in the ring now. Calls `taken` for each piece, before the ring lets go of it. */
export function takeAll(reader: RingReader, shipping: Shipping, taken = () => {}): void {
  const take = (bytes: Buffer) => {
    shipping.write(bytes);
    taken();
  };
  while (reader.read(take));
}

/** What is left for the close when waiting for room has used up the deadline. */
const LAST_MS = 500;

/** How bytes are moved. */
export interface ConsumeOptions {
  /** Called whenever there may be something in the ring. */
  readonly before?: () => void;
  /** Called when the pipeline has taken a piece, before the ring lets go of it. */
  readonly taken?: () => void;
  /** Longest that there is waited for room once nothing more is written. */
  readonly deadlineMs?: number;
}

/** Moves bytes from the ring to what ships until the end. */
export async function consume(
  reader: RingReader,
  shipping: Shipping,
  { before, taken, deadlineMs = Number.POSITIVE_INFINITY }: ConsumeOptions = {},
): Promise<FlushReport> {
  const patience = new Patience(reader, deadlineMs);
  for (;;) {
    let room = true;
    const take = (bytes: Buffer) => {
      room = shipping.write(bytes);
      taken?.();
    };
    const read = () => {
      before?.();
      return reader.read(take);
    };
    // Between pieces the event loop turns, so that what was sealed is sent. With `whenFull: 'block'` there may be no
    // room: then the ring fills too, and the log call waits.
    while (read())
      await (room || patience.over ? new Promise((turned) => setImmediate(turned)) : patience.wait(shipping));
    if (reader.ended) break;
    await reader.sleep();
  }
  const report = await shipping.close(patience.over ? { deadlineMs: Math.min(LAST_MS, deadlineMs) } : {});
  patience.end();
  return report;
}

/** Waits for room, but not for ever when the end has come: a destination that is down would hold up the close. */
class Patience {
  over = false;
  private done = false;
  private timer: NodeJS.Timeout | undefined;
  private giveUp = () => {};

  constructor(reader: RingReader, deadlineMs: number) {
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    // Once for all waits: each would leave something behind.
    void reader.whenEnding().then(() => {
      if (this.done) return;
      this.timer = setTimeout(() => {
        this.over = true;
        this.giveUp();
      }, deadlineMs);
    });
  }

  wait(shipping: Shipping): Promise<void> {
    return new Promise((resolve) => {
      this.giveUp = resolve;
      void shipping.drained().then(resolve);
    });
  }

  end(): void {
    this.done = true;
    clearTimeout(this.timer);
  }
}
