// The options of both ways into Spillway, split into where to and how.
// In: what the user wrote, in code, in a file, in the environment. Out: the destination and the pipeline's options, or those of each
// route, or SPILLWAY_OPTIONS_INVALID that lists what is wrong. The transports check their own part when they are made.

import {
  choice,
  custom,
  flag,
  gatherOptions,
  levelOfLabel,
  list,
  MAX_ROUTES,
  object,
  type PipelineInput,
  parseOptions,
  pipelineOptions,
  type RouteMatch,
  required,
  routeMatchOptions,
  routesOf,
  SpillwayError,
  withoutMatch,
} from '@spillway/core';
import type { TransportTarget } from '@spillway/transports';

/** Which records go where. A record goes to the first route that it matches. */
export interface RouteOptions extends PipelineInput {
  /** Takes records whose field `kind` has this value, as of `logger.child({ kind: 'audit' })`. Default: any. */
  readonly kind?: string;
  /** Takes records of this level and above; the label or the number of a level. Default: all. */
  readonly level?: string | number;
  /**
   * Whether the records that it takes go on to the routes behind it as well.
   * @default false
   */
  readonly continue?: boolean;
  /** As {@link OneDestination.to}. */
  readonly to: TransportTarget;
}

/** One place for all records. */
export interface OneDestination {
  /** A transport such as `loki({ url })`, or its name and options as in `['loki', { url: 'http://loki:3100' }]`. */
  readonly to: TransportTarget;
  readonly routes?: undefined;
}

/** Several places, each with a queue, a budget, a breaker and a spool of its own. */
export interface Routes {
  /**
   * Up to 16 routes. What is said beside them, such as `batch` or `spool`, holds for each route that does not say otherwise.
   * Records that match none go nowhere, and are counted as `unrouted`.
   */
  readonly routes: readonly RouteOptions[];
  readonly to?: undefined;
}

/** Options of the worker target: plain data, because they cross into a thread. */
export type TargetOptions = PipelineInput & (OneDestination | Routes);

/** What only the in-process stream takes. */
export interface StreamOnlyOptions {
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

/** Options of the in-process stream. */
export type StreamOptions = TargetOptions & StreamOnlyOptions;

const to = custom<TransportTarget>({
  doc: 'Where the records go: the name of a transport and its options.',
  expected: "a transport's name and its options, as in ['loki', { url: 'http://loki:3100' }]",
  check: (value) => (value as TransportTarget) ?? undefined,
});
const routes = custom<readonly unknown[]>({
  doc: 'Which records go where.',
  expected: `a list of 1 to ${MAX_ROUTES} routes`,
  check: (value) =>
    Array.isArray(value) && value.length > 0 && value.length <= MAX_ROUTES ? (value as unknown[]) : undefined,
});
const shutdown = choice(['auto', 'manual'], {
  default: 'manual',
  doc: "Whether SIGTERM and SIGINT deliver what is queued before the process ends. 'manual' adds no listener.",
});
const worker = flag({ default: false, doc: 'Ships from a thread of its own. Options have to be plain data then.' });

const routeOptions = object(
  { ...routeMatchOptions.fields, to: required(to), ...pipelineOptions.fields },
  { doc: 'Which records go where, and how.' },
);
const routeList = list(routeOptions, { doc: 'Which records go where.' });

const targetFields = { to, routes, ...pipelineOptions.fields };
const streamFields = { ...targetFields, shutdown, worker };

/** thread-stream gives a worker ten seconds to end; what is left then must still be counted and reported. */
const MAX_WORKER_DEADLINE_MS = 9000;

/** Where some records go and how. */
export interface RoutePlan {
  readonly to: TransportTarget;
  readonly pipeline: PipelineInput;
  /** Undefined where there is but one place, for all records. */
  readonly match?: RouteMatch;
}

/** Where to and how, checked. */
export interface Plan {
  readonly routes: readonly RoutePlan[];
  /** Where the level is in a line. */
  readonly keys: { readonly level?: readonly string[] | undefined; readonly levels?: Readonly<Record<string, number>> };
  readonly shutdown: 'auto' | 'manual';
  readonly worker: boolean;
  /** Whether lines may be gathered before they go to the pipeline, or must be on the disk when the log call returns. */
  readonly gathers: boolean;
  /** Whether the writer is to wait when a queue is full. */
  readonly blocks: boolean;
  /** Whether losses are said on stderr. */
  readonly warns: boolean;
}

type Raw = Record<string, unknown>;

/** Reads the options of the worker target.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function planTarget(input: unknown): Plan {
  // Beside ours there is what pino and thread-stream add.
  const { pinoWillSendConfig: _, $context: __, ...own } = (input ?? {}) as Raw;
  const options = gatherOptions(own, Object.keys(targetFields));
  const { keys } = checkedOptions(targetFields, options);
  const { checked, ...plan } = planned(options, keys);
  if (plan.blocks) refuseBlock();
  if (!plan.gathers) refuseSync();
  for (const { close } of checked) {
    if (close.deadlineMs > MAX_WORKER_DEADLINE_MS) {
      throw new SpillwayError(
        'SPILLWAY_OPTIONS_INVALID',
        `Expected \`close.deadlineMs\` to be at most ${MAX_WORKER_DEADLINE_MS} in a pino worker, ` +
          `because pino waits 10 seconds for it, got ${close.deadlineMs} (number)`,
      );
    }
  }
  return { ...plan, shutdown: 'manual', worker: false };
}

/** Reads the options of the in-process stream.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function planStream(input: StreamOptions): Plan {
  const gathered = gatherOptions({ ...input }, Object.keys(streamFields));
  const { shutdown, worker, keys } = checkedOptions(streamFields, gathered);
  const { shutdown: _, worker: __, ...options } = gathered;
  const { checked: ___, ...plan } = planned(options, keys);
  if (worker && !plan.gathers) refuseSync();
  return { ...plan, shutdown, worker };
}

/** The options with all that is wrong at the first level: there is a destination, or there are routes. */
function checkedOptions<Fields extends typeof targetFields>(fields: Fields, options: Raw) {
  const { to: given, routes: several } = options;
  if (given !== undefined && several !== undefined) {
    throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', 'Expected `to` or `routes`, got both');
  }
  return parseOptions(
    object({ ...fields, ...(several === undefined && { to: required(to) }) } as Fields, { doc: 'Where to, and how.' }),
    options,
  );
}

/** What both ways have in common. */
function planned(options: Raw, keys: Plan['keys']) {
  const { routes, checked } = options.routes === undefined ? single(options) : several(options, keys);
  return {
    routes,
    keys,
    checked,
    gathers: checked.every(({ spool }) => spool?.durability !== 'sync'),
    blocks: checked.some(({ queue }) => queue.whenFull === 'block'),
    warns: checked.some(({ warnings }) => warnings === 'stderr'),
  };
}

function single({ to, ...pipeline }: Raw) {
  const routes: readonly RoutePlan[] = [{ to: to as TransportTarget, pipeline }];
  return { routes, checked: [parseOptions(pipelineOptions, pipeline)] };
}

function several(options: Raw, { levels }: Plan['keys']) {
  const given = routesOf(options);
  const checked = parseOptions(routeList, given, 'routes') ?? [];
  const routes = checked.map(({ to, kind, level, continue: goesOn }, at): RoutePlan => {
    const { to: _, ...pipeline } = withoutMatch((given as Raw[])[at]!);
    return { to, pipeline, match: { kind, level: levelOf(level, levels, at), continue: goesOn } };
  });
  return { routes, checked };
}

function levelOf(level: string | number | undefined, own: Plan['keys']['levels'], at: number): number | undefined {
  if (typeof level !== 'string') return level;
  const number = levelOfLabel(level, own);
  if (number !== undefined) return number;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`routes[${at}].level\` to be a level that is known, by itself or in \`keys.levels\`, got '${level.slice(0, 60)}' (string)`,
  );
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
