// The options of both ways into Spillway, split into where to and how.
// In: what the user wrote, in code, in a file, in the environment. Out: the destination and the pipeline's options, or
// SPILLWAY_OPTIONS_INVALID that lists everything that is wrong at once. The transport checks its own part when it is made.

import {
  choice,
  custom,
  flag,
  gatherOptions,
  object,
  type PipelineInput,
  parseOptions,
  pipelineOptions,
  required,
  SpillwayError,
} from '@spillway/core';
import type { TransportTarget } from '@spillway/transports';

/** Options of the worker target: plain data, because they cross into a thread. */
export interface TargetOptions extends PipelineInput {
  /** The name of a transport and its options, as in `['loki', { url: 'http://loki:3100' }]`. */
  readonly to: TransportTarget;
}

/** Options of the in-process stream. */
export interface StreamOptions extends PipelineInput {
  /** A transport such as `loki({ url })`, or its name and options as in `['loki', { url: 'http://loki:3100' }]`. */
  readonly to: TransportTarget;
  /**
   * What happens on SIGTERM and SIGINT. 'auto': if nobody else listens, deliver, then end by the same signal; if
   * somebody does, only start to deliver. 'manual': nothing, no listener is added.
   * @default 'manual'
   */
  readonly shutdown?: 'auto' | 'manual';
  /**
   * Ships from a thread of its own, with Spillway's own hand-over: the log call costs less than with `pino.transport`.
   * Options have to be plain data then.
   * @default false
   */
  readonly worker?: boolean;
}

const to = required(
  custom<TransportTarget>({
    doc: 'Where the records go: the name of a transport and its options.',
    expected: "a transport's name and its options, as in ['loki', { url: 'http://loki:3100' }]",
    check: (value) => (value as TransportTarget) ?? undefined,
  }),
);
const shutdown = choice(['auto', 'manual'], {
  default: 'manual',
  doc: "Whether SIGTERM and SIGINT deliver what is queued before the process ends. 'manual' adds no listener.",
});

const worker = flag({ default: false, doc: 'Ships from a thread of its own. Options have to be plain data then.' });

const targetOptions = object({ to, ...pipelineOptions.fields }, { doc: 'Where to, and how.' });
const streamOptions = object({ to, shutdown, worker, ...pipelineOptions.fields }, { doc: 'Where to, and how.' });

/** thread-stream gives a worker ten seconds to end; what is left then must still be counted and reported. */
const MAX_WORKER_DEADLINE_MS = 9000;

/** Where to and how, checked. */
export interface Plan {
  readonly to: TransportTarget;
  readonly pipeline: PipelineInput;
  readonly shutdown: 'auto' | 'manual';
  readonly worker: boolean;
  /** Whether lines may be gathered before they go to the pipeline, or must be on the disk when the log call returns. */
  readonly gathers: boolean;
  /** Whether the writer is to wait when the queue is full. */
  readonly blocks: boolean;
  /** Whether losses are said on stderr. */
  readonly warns: boolean;
}

/** Reads the options of the worker target.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function planTarget(input: unknown): Plan {
  // Beside ours there is what pino and thread-stream add.
  const { pinoWillSendConfig: _, $context: __, ...own } = (input ?? {}) as Record<string, unknown>;
  const options = gatherOptions(own, Object.keys(targetOptions.fields));
  const { close, queue, spool } = parseOptions(targetOptions, options);
  if (queue.whenFull === 'block') refuseBlock();
  if (spool?.durability === 'sync') refuseSync();
  if (close.deadlineMs > MAX_WORKER_DEADLINE_MS) {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      `Expected \`close.deadlineMs\` to be at most ${MAX_WORKER_DEADLINE_MS} in a pino worker, ` +
        `because pino waits 10 seconds for it, got ${close.deadlineMs} (number)`,
    );
  }
  return split(options);
}

/** Reads the options of the in-process stream.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function planStream(input: StreamOptions): Plan {
  const options = gatherOptions({ ...input }, Object.keys(streamOptions.fields));
  const { shutdown, worker, queue, spool, warnings } = parseOptions(streamOptions, options);
  const gathers = spool?.durability !== 'sync';
  if (worker && !gathers) refuseSync();
  const [blocks, warns] = [queue.whenFull === 'block', warnings === 'stderr'];
  return { ...split(options), shutdown, worker, gathers, blocks, warns };
}

/** pino does not wait for a stream: it would collect the records in the application's memory, hundreds of megabytes,
 * and then end a worker that keeps it waiting for ten seconds.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function refuseBlock(): never {
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    "Expected `queue.whenFull` to be 'dropOldest' | 'dropNewest', got 'block' (string): pino does not wait here. " +
      'With `pino(spillway({ …, worker: true }))` it does',
  );
}

/** A thread gets a line after the log call has returned, and can promise nothing before. */
function refuseSync(): never {
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    "Expected `spool.durability` to be 'spill' | 'hybrid' | 'journal' in a worker, got 'sync' (string): a worker gets " +
      'a line after the log call has returned. With `pino(spillway({ … }))` it works',
  );
}

function split(all: Record<string, unknown>): Plan {
  const { to, shutdown: _, worker: __, ...pipeline } = all;
  const plain = { shutdown: 'manual', worker: false, gathers: true, blocks: false, warns: true } as const;
  return { to: to as TransportTarget, ...plain, pipeline };
}
