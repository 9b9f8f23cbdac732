// Batches from strings, for tests.
// In: lines without newlines. Out: a batch as the pipeline would have sealed it, with pino's time and level where the lines have them.

import { Batch } from '@spillway/core';

/** What {@link batchOf} may be told. */
export interface BatchOfOptions {
  /** @default 'w1' */
  readonly writer?: string;
  /** @default 1 */
  readonly firstSequence?: number;
  /** Time of records without a numeric `time`, ms. @default 1700000000000 */
  readonly time?: number;
  /** Times of all records, instead of those in the lines. */
  readonly times?: readonly number[];
  /** Levels of all records, instead of those in the lines. */
  readonly levels?: readonly number[];
  readonly nanos?: readonly number[];
}

/** A sealed batch of these lines. */
export function batchOf(lines: readonly string[], options: BatchOfOptions = {}): Batch {
  const { writer = 'w1', firstSequence = 1, time = 1_700_000_000_000, nanos } = options;
  const offsets = new Uint32Array(lines.length + 1);
  const buffers = lines.map((line) => Buffer.from(`${line}\n`));
  buffers.forEach((buffer, i) => {
    offsets[i + 1] = offsets[i]! + buffer.length;
  });
  const read = (line: string, key: 'time' | 'level', fallback: number) => {
    const value = parse(line)[key];
    return typeof value === 'number' ? value : fallback;
  };
  return new Batch({
    writer,
    firstSequence,
    bytes: Buffer.concat(buffers),
    offsets,
    times: Float64Array.from(lines, (line, i) => options.times?.[i] ?? read(line, 'time', time)),
    ...(nanos && { nanos: Uint32Array.from(nanos) }),
    levels: Uint16Array.from(lines, (line, i) => options.levels?.[i] ?? read(line, 'level', 0)),
  });
}

/** The lines of a batch. */
export function linesOf(batch: Batch): string[] {
  return Array.from({ length: batch.count }, (_, i) => batch.line(i).toString());
}

function parse(line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
