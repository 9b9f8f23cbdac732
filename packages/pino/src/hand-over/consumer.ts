// The reading side of the ring, in the shipping thread, or in the application's own where no thread could be had.
// In: the ring. Out: the pipeline. Ends when the ring has ended and the pipeline has delivered, or its deadline is over.

import type { FlushReport, Pipeline } from '@spillway/core';
import type { RingReader } from './ring.js';

/** Takes everything that is in the ring now. */
export function takeAll(reader: RingReader, pipeline: Pipeline): void {
  while (reader.read((bytes) => pipeline.write(bytes)));
}

/** Moves bytes from the ring to the pipeline until the end. */
export async function consume(reader: RingReader, pipeline: Pipeline): Promise<FlushReport> {
  for (;;) {
    // Between pieces the event loop turns, so that what was sealed is sent.
    while (reader.read((bytes) => pipeline.write(bytes))) await new Promise((turned) => setImmediate(turned));
    if (reader.ended) break;
    await reader.sleep();
  }
  const report = await pipeline.close();
  return report;
}
