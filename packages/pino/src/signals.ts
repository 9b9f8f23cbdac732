// Delivering before a signal ends the process, for applications that ask for it.
// In: streams and pino transports. Out: on SIGTERM or SIGINT what is queued is delivered, then the same signal again.
// Invariants: one listener a process for each signal, however many streams; never decides over the process where somebody
// else listens too; nothing is installed unless asked for.

import { constants } from 'node:os';

/** What can be ended: the in-process stream, or what `pino.transport()` gives. */
export interface Closable {
  end(): unknown;
  /** Keeps the process alive; a pino transport does not by itself. */
  ref?(): unknown;
  flush?(callback?: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

/** The streams that wait for each signal. */
const waiting = new Map<NodeJS.Signals, Set<Closable>>();

/**
 * Delivers what is queued when a signal comes. If nobody else listens, ends the stream, and then the process by the
 * same signal, so that its exit status says what happened. If somebody else does, the application is in charge: only
 * starts to deliver, early, while the network is still there. Of several streams, the last one to be done ends the process.
 * @returns a function that takes the listeners away
 * @example
 * const transport = pino.transport({ target: '@spillway/pino', options })
 * closeOnSignal(transport)
 */
export function closeOnSignal(
  stream: Closable,
  signals: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'],
): () => void {
  for (const signal of signals) wait(stream, signal);
  const remove = () => {
    for (const signal of signals) leave(stream, signal);
  };
  stream.once('close', remove);
  return remove;
}

function wait(stream: Closable, signal: NodeJS.Signals): void {
  const streams = waiting.get(signal) ?? new Set();
  waiting.set(signal, streams.add(stream));
  // First of all: a listener of the application's that is for once would be gone when those behind it are called.
  if (!process.listeners(signal).includes(onSignal)) process.prependListener(signal, onSignal);
}

function leave(stream: Closable, signal: NodeJS.Signals): void {
  const streams = waiting.get(signal);
  if (streams?.delete(stream) && streams.size === 0) process.off(signal, onSignal);
}

function onSignal(signal: NodeJS.Signals): void {
  const streams = [...(waiting.get(signal) ?? [])];
  if (process.listenerCount(signal) > 1) {
    for (const stream of streams) stream.flush?.(() => {});
    return;
  }
  let open = streams.length;
  for (const stream of streams) {
    for (const any of waiting.keys()) leave(stream, any);
    stream.once('close', () => {
      if (--open === 0) endBy(signal);
    });
    // The application goes on and may log meanwhile: too late for these lines, but no reason to crash.
    stream.on?.('error', () => {});
    stream.ref?.();
    stream.end();
  }
}

function endBy(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
  // The first process of a container survives signals that nobody listens for (pid_namespaces(7)).
  if (process.pid === 1) process.exit(128 + constants.signals[signal]);
}
