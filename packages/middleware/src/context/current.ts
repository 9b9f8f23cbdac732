// The application's own way to the context of the running request. In: calls from anywhere during a request. Out: fields on its
// lines and its record. Invariant: outside of a request nothing happens and nothing is thrown.

import { begun } from '../promises.js';
import { createRedaction, type Redaction } from '../redaction/redaction.js';
import { storage } from '../shared.js';
import { type Fields, RequestContext } from './request-context.js';
import { parseTraceparent, type TraceContext } from './trace-context.js';

/** What can be read of the context of the running request. */
export interface CurrentContext {
  readonly requestId: string | undefined;
  readonly trace: TraceContext | undefined;
  readonly fields: Readonly<Fields>;
}

/** The context of the running request; `undefined` outside of one. */
export function requestContext(): CurrentContext | undefined {
  const context = storage.getStore();
  return context && { requestId: context.requestId, trace: context.trace, fields: { ...context.fields } };
}

/**
 * Adds fields to every later line of the running request and to its record; within `runInContext`, to the lines of that part.
 *
 * Values are copied at once, without secrets, at most 16 KiB a request. Keys that loggers write themselves (`level`, `time`,
 * `msg`, `request_id` …) get an underscore in front.
 * @returns whether there is a request.
 * @example addContext({ user_id: user.id, tenant: 'acme' })
 */
export function addContext(fields: Fields): boolean {
  const context = storage.getStore();
  context?.add(fields);
  return context !== undefined;
}

/**
 * Adds fields to the record of the running request, and not to its lines.
 * @returns whether there is a request.
 * @example addToRecord({ cart_items: 3, payment: 'card' })
 */
export function addToRecord(fields: Fields): boolean {
  const context = storage.getStore();
  context?.addToRecord(fields);
  return context !== undefined;
}

/**
 * Adds to a number of the record of the running request.
 * @example countInRecord('db_queries')
 */
export function countInRecord(name: string, by = 1): boolean {
  const context = storage.getStore();
  context?.count(name, by);
  return context !== undefined;
}

/** Tells the record of the running request what went wrong, where no adapter can see it. */
export function recordError(error: unknown): boolean {
  const context = storage.getStore();
  if (context !== undefined) context.root.error ??= error;
  return context !== undefined;
}

let standard: Redaction | undefined;

/** Ids of work that is no request. */
export interface ContextIds {
  readonly requestId?: string;
  /** A W3C `traceparent`, as messages of queues carry it. */
  readonly traceparent?: string;
}

/**
 * Runs a function in a context: a job, a message of a queue, a part of a request. Within a request, ids are kept and the fields
 * are added for the lines logged during the function.
 *
 * What the function returns is taken as `await` takes it: a query, or whatever else begins when its `then` is called, begins in
 * the context, and a promise is returned.
 * @example await runInContext({ job: job.name }, () => work(job), { requestId: job.id })
 */
export function runInContext<T>(fields: Fields, run: () => PromiseLike<T>, ids?: ContextIds): Promise<T>;
export function runInContext<T>(fields: Fields, run: () => T, ids?: ContextIds): T;
export function runInContext(fields: Fields, run: () => unknown, ids: ContextIds = {}): unknown {
  const outer = storage.getStore();
  const begin = () => begun(run());
  if (outer !== undefined && ids.requestId === undefined && ids.traceparent === undefined) {
    return storage.run(outer.derive(fields), begin);
  }
  standard ??= createRedaction();
  const context = new RequestContext({
    requestId: ids.requestId ?? outer?.requestId,
    requestIdKey: outer?.requestIdKey ?? 'request_id',
    trace: parseTraceparent(ids.traceparent) ?? outer?.trace,
    redaction: outer?.redaction ?? standard,
  });
  context.add({ ...outer?.fields, ...fields });
  return settled(context, () => storage.run(context, begin));
}

/** Lets go of the lines held for work that is no request, or writes them, when it has ended. */
function settled(context: RequestContext, run: () => unknown): unknown {
  const failed = (error: unknown): never => {
    context.settle(true);
    throw error;
  };
  const done = <T>(result: T): T => {
    context.settle(false);
    return result;
  };
  let result: unknown;
  try {
    result = run();
  } catch (error) {
    failed(error);
  }
  // A promise of its own is handed on: beside it, a rejection that nobody waits for would count as seen.
  return result instanceof Promise ? result.then(done, failed) : done(result);
}
