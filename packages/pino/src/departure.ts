// The end of the process, for streams that live on the main thread.
// In: streams. Out: at a natural end ('beforeExit'), what they hold is delivered first; at 'exit', where only
// synchronous code runs, what can be saved is saved, and what is lost is said in one line on stderr, unless warnings are off.
// Invariants: one listener a process for each event, however many streams; the exit code is never touched.

import { writeSync } from 'node:fs';
import type { Stats } from '@spillway/core';

/** A stream that wants to leave in order. */
export interface Departure {
  readonly idle: boolean;
  /** Whether losses are said. */
  readonly warns: boolean;
  stats(): Stats;
  /** Saves what can be saved without an event loop. */
  lastWords(): void;
  /** Resolves when what was written is settled, or the close deadline has passed. */
  settled(): Promise<void>;
  once(event: 'close', listener: () => void): unknown;
}

const departing = new Set<Departure>();
/** How much each stream had accepted when it was last waited for: once waited in vain is enough. */
const waitedFor = new WeakMap<Departure, number>();

/** Lets a stream deliver at the natural end of the process, until it is closed. */
export function onDeparture(stream: Departure): void {
  if (departing.size === 0) {
    process.on('beforeExit', deliver);
    process.on('exit', farewell);
  }
  departing.add(stream);
  stream.once('close', () => {
    departing.delete(stream);
    if (departing.size > 0) return;
    process.off('beforeExit', deliver);
    process.off('exit', farewell);
  });
}

function unsent({ queued, inFlight }: Stats): number {
  return queued.records + inFlight.records;
}

/** Node emits 'beforeExit' again when the loop runs dry again, so each stream is waited for only while it has news. */
function deliver(): void {
  for (const stream of departing) {
    if (stream.idle || waitedFor.get(stream) === stream.stats().accepted.records) continue;
    void stream.settled().then(() => waitedFor.set(stream, stream.stats().accepted.records));
  }
}

function farewell(): void {
  for (const stream of departing) {
    stream.lastWords();
    const stats = stream.stats();
    const records = unsent(stats);
    if (records > 0) say(stream, `the process ended with ${records} records unsent to ${named(stats)}`);
  }
}

/** Says that something was logged after a stream's last words, by a listener for the exit, and could not be saved. */
export function sayTooLate(stream: Pick<Departure, 'stats' | 'warns'>): void {
  say(stream, `records that were logged during the exit are lost to ${named(stream.stats())}`);
}

function named({ transport, destination }: Stats): string {
  return `${transport} (${destination})`;
}

function say({ warns }: Pick<Departure, 'warns'>, text: string): void {
  if (!warns) return;
  try {
    writeSync(2, `spillway: ${text}\n`);
  } catch {
    // stderr is closed: there is nobody to tell.
  }
}
