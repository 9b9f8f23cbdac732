// What is written of an error: the keys of pino's own serializer, so that errors look alike whichever logger wrote them.
// In: an error, its causes and aggregated errors. Out: entries, values still raw. Invariant: ends on cycles of causes.

const MAX_CAUSES = 10;

/** Whether a value is an error, also one of another realm. */
export function isError(value: unknown): value is Error {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
  } catch {
    // A proxy that answers nothing.
    return false;
  }
}

function isErrorLike(value: unknown): value is Error {
  return (
    isError(value) || (typeof value === 'object' && value !== null && typeof (value as Error).message === 'string')
  );
}

/** The error and its causes, outermost first. */
function chain(error: Error): Error[] {
  const errors = [error];
  for (let next = causeOf(error); isErrorLike(next) && !errors.includes(next); next = causeOf(next)) {
    errors.push(next);
    if (errors.length > MAX_CAUSES) break;
  }
  return errors;
}

function causeOf(error: Error): unknown {
  const { cause } = error as { cause?: unknown };
  // The convention of VError: the cause is behind a function.
  return typeof cause === 'function' ? (cause as () => unknown).call(error) : cause;
}

function read(error: Error, key: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}

/** The entries of an error in the order in which they are written. */
export function* errorEntries(error: Error): Iterable<readonly [string, unknown]> {
  const errors = chain(error);
  yield ['type', typeof error.constructor === 'function' ? error.constructor.name : error.name];
  yield ['message', errors.map(({ message }) => message).join(': ')];
  yield ['stack', errors.map(({ stack }) => stack ?? '').join('\ncaused by: ')];
  const { errors: aggregated } = error as { errors?: unknown };
  if (Array.isArray(aggregated)) yield ['aggregateErrors', aggregated];
  for (const key in error) {
    if (key === 'type' || key === 'message' || key === 'stack' || key === 'aggregateErrors') continue;
    const value = read(error, key);
    if (key !== 'cause' || !isErrorLike(value)) yield [key, value];
  }
  // A cause that is no error is not enumerable when it came through the constructor's options, and part of no message.
  const { cause } = error as { cause?: unknown };
  if (
    cause !== undefined &&
    typeof cause !== 'function' &&
    !isErrorLike(cause) &&
    !Object.keys(error).includes('cause')
  ) {
    yield ['cause', cause];
  }
}
