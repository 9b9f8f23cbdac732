// What functions of the application return that is not there yet. In: any result. Out: whether it has begun, and will tell.
// Invariant: work that begins only when its `then` is called, as queries of databases do, is never begun twice.

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** The result as `await` would have it: of what is no promise of the language, `then` is called, now and once, for a promise. */
export function begun(result: unknown): unknown {
  if (result instanceof Promise || !isThenable(result)) return result;
  return new Promise((resolve, reject) => result.then(resolve, reject));
}

/**
 * Whether a result is a promise, of the language or of a library, to which nothing happens when it is listened to. What merely
 * has a `then` may begin its work by it; the class of a promise is told by what it can make: resolved and rejected ones.
 */
export function isPromise(result: unknown): result is PromiseLike<unknown> {
  if (result instanceof Promise) return true;
  if (!isThenable(result)) return false;
  const { resolve, reject } = (result.constructor ?? {}) as { resolve?: unknown; reject?: unknown };
  return typeof resolve === 'function' && typeof reject === 'function';
}
