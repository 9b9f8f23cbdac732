// The options of a pipeline, in the order in which a line meets them, and how they settle with the transport's limits.
// In: what the user wrote and the transport's limits and recommendations. Out: complete settings, or a clear error.

import { SpillwayError } from '../errors.js';
import { spoolOptions } from '../spool/options.js';
import type { AnyTransport } from '../transport.js';
import { parseOptions } from './parse.js';
import {
  choice,
  dictionary,
  formatSize,
  type Input,
  integer,
  list,
  milliseconds,
  object,
  optional,
  type Parsed,
  size,
  text,
} from './schema.js';

const KB = 1024;
const MB = 1024 * KB;

const queue = object(
  {
    maxBytes: size({
      default: 32 * MB,
      min: 64 * KB,
      max: 4 * 1024 * MB,
      doc: 'Most bytes of records in memory, waiting and in flight together.',
    }),
    whenFull: choice(['dropOldest', 'dropNewest', 'block'], {
      doc: "What gives way when the queue is full: the oldest waiting batch, the new record, or the writer: `write` returns false until there is room again. Default: 'dropOldest'; with a spool, batches move to disk first and this decides only when the disk cannot take them.",
    }),
  },
  { doc: 'The queue in memory.' },
);

const batch = object(
  {
    maxBytes: size({
      min: KB,
      doc: 'Most bytes of records in a batch. Default: what suits the transport, else 1mb, but no more than an eighth of `queue.maxBytes`.',
    }),
    maxRecords: integer({
      min: 1,
      max: 1_000_000,
      doc: 'Most records in a batch. Default: what suits the transport, else 5000.',
    }),
    lingerMs: milliseconds({
      max: 3_600_000,
      doc: 'Longest that a record waits for its batch to fill. Default: what suits the transport, else 1000.',
    }),
  },
  { doc: 'When a batch is sealed.' },
);

const send = object(
  {
    timeoutMs: milliseconds({
      min: 1,
      max: 3_600_000,
      doc: 'Longest that one attempt may take. Default: what suits the transport, else 10000.',
    }),
    maxInFlight: integer({
      min: 1,
      max: 64,
      doc: 'Batches on their way at the same time, each on its own connection. Default: what suits the transport, else 2.',
    }),
    compression: choice(['auto', 'none', 'gzip', 'deflate', 'zstd'], {
      default: 'auto',
      doc: 'How bodies are compressed: what this destination takes best, nothing, or one of those that it takes. Bodies under 1 KiB never are.',
    }),
  },
  { doc: 'How batches are sent.' },
);

const retry = object(
  {
    attempts: integer({
      default: 5,
      min: 1,
      max: 1000,
      doc: 'Attempts for a batch before it goes back to the queue, or to the spool, and the breaker decides.',
    }),
    minMs: milliseconds({
      default: 500,
      min: 1,
      max: 3_600_000,
      doc: 'Upper bound of the first wait; it doubles with each failure. Waits are random between 0 and the bound.',
    }),
    maxMs: milliseconds({
      default: 30_000,
      min: 1,
      max: 3_600_000,
      doc: 'Upper bound of any wait, but for one that the destination asks for.',
    }),
  },
  { doc: 'How a failed attempt is repeated.' },
);

const breaker = object(
  {
    failures: integer({ default: 5, min: 1, max: 10_000, doc: 'Failed attempts in a row after which sending stops.' }),
    cooldownMs: milliseconds({
      default: 10_000,
      min: 1,
      max: 3_600_000,
      doc: 'How long until a single batch probes the destination again, jittered by half.',
    }),
    probeMs: milliseconds({
      default: 30_000,
      min: 1,
      max: 3_600_000,
      doc: 'The same for a destination that refuses our credentials or configuration, jittered up to twice as long.',
    }),
  },
  { doc: 'When sending pauses.' },
);

const close = object(
  {
    deadlineMs: milliseconds({
      default: 5000,
      doc: 'Longest that `close` waits for deliveries before it gives the rest up, or spills it.',
    }),
  },
  { doc: 'The end.' },
);

const keys = object(
  {
    level: list(text({ doc: '' }), {
      doc: "Names of the field with the level. Default: 'level' and the names that common loggers use.",
    }),
    time: list(text({ doc: '' }), {
      doc: "Names of the field with the time. Default: 'time' and the names that common loggers use.",
    }),
    levels: dictionary(integer({ min: 1, max: 65_535, doc: '' }), {
      default: {},
      doc: 'Own level labels and their numbers.',
    }),
  },
  { doc: 'Where level and time are in a line.' },
);

/** The options of a pipeline. */
export const pipelineOptions = object(
  {
    queue,
    batch,
    send,
    retry,
    breaker,
    spool: optional(spoolOptions),
    close,
    keys,
    mirror: choice(['off', 'errors', 'all', 'onFailure'], {
      default: 'off',
      doc: 'Which records are also written to stdout, so that `kubectl logs` shows them: none, those of level error and above, all, or all while the destination is failing.',
    }),
    warnings: choice(['stderr', 'off'], {
      default: 'stderr',
      doc: 'Whether losses and refusals are said on stderr, in at most one line every 30 seconds, and one at the end.',
    }),
  },
  { doc: 'The options of a pipeline.' },
);

/** What users write. */
export type PipelineInput = Input<typeof pipelineOptions>;

type Options = Parsed<typeof pipelineOptions>;

/** Complete settings, checked against the transport. */
export interface PipelineSettings extends Omit<Options, 'batch' | 'send'> {
  readonly batch: { readonly maxBytes: number; readonly maxRecords: number; readonly lingerMs: number };
  readonly send: {
    readonly timeoutMs: number;
    readonly maxInFlight: number;
    readonly compression: Options['send']['compression'];
  };
}

/** Checks options and completes them with what suits the transport.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function settle(input: PipelineInput, { name, limits, recommended = {} }: AnyTransport): PipelineSettings {
  const options = parseOptions(pipelineOptions, input);
  const { batch: own, send: sending } = options;
  refuseOver('batch.maxBytes', own.maxBytes, limits.maxBytes, name, formatSize);
  refuseOver('batch.maxRecords', own.maxRecords, limits.maxRecords, name, String);
  return {
    ...options,
    batch: {
      maxBytes: own.maxBytes ?? Math.min(recommended.maxBytes ?? MB, limits.maxBytes, options.queue.maxBytes / 8),
      maxRecords: own.maxRecords ?? Math.min(recommended.maxRecords ?? 5000, limits.maxRecords),
      lingerMs: own.lingerMs ?? recommended.lingerMs ?? 1000,
    },
    send: {
      compression: sending.compression,
      timeoutMs: sending.timeoutMs ?? recommended.timeoutMs ?? 10_000,
      maxInFlight: sending.maxInFlight ?? recommended.maxInFlight ?? 2,
    },
  };
}

function refuseOver(
  path: string,
  value: number | undefined,
  limit: number,
  name: string,
  format: (n: number) => string,
): void {
  if (value === undefined || value <= limit) return;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`${path}\` to be at most ${format(limit)}, the limit of the transport '${name}', got ${format(value)}`,
  );
}
