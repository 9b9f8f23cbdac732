// Standard output or standard error: for containers whose platform collects them, and for pipes.
// In: batches. Out: the same lines, whole and in order.

import { choice, type Input, object, parseOptions, type Transport } from '@spillway/core';
import { type FdReply, FdSender } from './fd-sender.js';
import type { Traits } from './traits.js';

/** Options of {@link stdout}. */
export const stdoutOptions = object(
  { stream: choice(['stdout', 'stderr'], { default: 'stdout', doc: 'Which of the two.' }) },
  { doc: 'Standard output or error.' },
);

/** What users write. */
export type StdoutOptions = Input<typeof stdoutOptions>;

/** Facts for the docs. */
export const stdoutTraits: Traits = {
  title: 'Standard output',
  body: 'raw',
  maxRequest: 'unlimited; we write at most 16 MiB at a time',
  maxRecord: '8 MiB; container runtimes cut lines at 16 KiB',
  idempotency: 'record, while the process lives: an interrupted write goes on where it stopped',
  compression: 'none',
  auth: 'none',
  proven: 'real pipes: slow, full, and closed by the reader',
};

/** Writes to standard output or error, without ever blocking the process.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function stdout(options: StdoutOptions = {}): Transport<Buffer, FdReply> {
  const { stream } = parseOptions(stdoutOptions, options, 'stdout');
  return {
    name: 'stdout',
    destination: stream,
    limits: { maxBytes: 16_777_216, maxRecords: 1_000_000, maxRecordBytes: 8_388_608, overheadBytes: 0 },
    idempotency: 'record',
    recommended: { maxBytes: 262_144, lingerMs: 50, maxInFlight: 1 },
    encode: ({ bytes }) => bytes,
    sizeOf: (bytes) => bytes.length,
    classify({ code }) {
      if (code === undefined) return { outcome: 'ack' };
      // The reader is gone or there never was one; nobody will come back to this descriptor by itself.
      const lost = code === 'EPIPE' || code === 'EBADF';
      return lost
        ? { outcome: 'hold', reason: `nobody reads ${stream} (${code})` }
        : { outcome: 'retry', reason: `cannot write to ${stream} (${code})` };
    },
    open: (runtime) => new FdSender(stream === 'stdout' ? 1 : 2, runtime),
  };
}
