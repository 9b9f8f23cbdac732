// The reading side of the ring, in the shipping thread, or in the application's own where no thread could be had.
// In: the ring. Out: the pipeline. Ends when the ring has ended and the pipeline has delivered, or its deadline is over.

import type { FlushReport, Pipeline } from '@spillway/core';
import type { RingReader } from './ring.js';

/** Takes everything that is in the ring now. */
export function takeAll(reader: RingReader, pipeline: Pipeline): void {
  while (reader.read((bytes) => pipeline.write(bytes)));
}

/** Moves bytes from the ring to the pipeline until the end; `before` is called whenever there may be some. */
export async function consume(reader: RingReader, pipeline: Pipeline, before?: () => void): Promise<FlushReport> {
  for (;;) {
    let room = true;
    const take = (bytes: Buffer) => {
      room = pipeline.write(bytes);
    };
    const read = () => {
      before?.();
      return reader.read(take);
    };
    // Between pieces the event loop turns, so that what was sealed is sent. With `whenFull: 'block'` there may be no
    // room: then the ring fills too, and the log call waits.
    while (read()) await (room ? new Promise((turned) => setImmediate(turned)) : pipeline.drained());
    if (reader.ended) break;
    await reader.sleep();
  }
  const report = await pipeline.close();
  return report;
}
