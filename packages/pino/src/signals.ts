// Delivering before a signal ends the process, for applications that ask for it.
// In: a stream or a pino transport. Out: on SIGTERM or SIGINT what is queued is delivered, then the same signal again.
// Invariant: never decides over the process where somebody else listens too; nothing is installed unless asked for.

/** What can be ended: the in-process stream, or what `pino.transport()` gives. */
export interface Closable {
  end(): unknown;
  /** Keeps the process alive; a pino transport does not by itself. */
  ref?(): unknown;
  flush?(callback?: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Delivers what is queued when a signal comes. If nobody else listens, ends the stream, and then the process by the
 * same signal, so that its exit status says what happened. If somebody else does, the application is in charge: only
 * starts to deliver, early, while the network is still there.
 * @returns a function that takes the listeners away
 * @example
 * const transport = pino.transport({ target: '@spillway/pino', options })
 * closeOnSignal(transport)
 */
export function closeOnSignal(
  stream: Closable,
  signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'],
): () => void {
  const remove = () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
  function onSignal(signal: NodeJS.Signals): void {
    if (process.listenerCount(signal) > 1) {
      stream.flush?.(() => {});
      return;
    }
    remove();
    stream.once('close', () => process.kill(process.pid, signal));
    stream.ref?.();
    stream.end();
  }
  for (const signal of signals) process.on(signal, onSignal);
  stream.once('close', remove);
  return remove;
}
