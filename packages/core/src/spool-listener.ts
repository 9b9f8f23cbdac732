// Hears what the spool tells about itself, and passes it on to those whom it concerns.
// In: the spool's events. Out: each is published; records lost on the disk are counted as dropped; what an operator has
// to know is said on stderr; the spooler learns that there may be something to drain.
// Invariant: what an earlier process had written is accepted before it is dropped, so that the conservation law holds.

import type { Emitter } from './events.js';
import type { DropReason, Ledger, Tally } from './ledger.js';
import type { Losses } from './losses.js';
import type { SpoolEvent, SpoolState } from './spool/events.js';
import type { Warnings } from './warnings.js';

/** Whom the spool's events concern. */
export interface SpoolListenerPort {
  /** The destination's name, for people. */
  readonly name: string;
  readonly ledger: Ledger;
  readonly losses: Losses;
  readonly emitter: Emitter;
  readonly warnings: Pick<Warnings, 'say'>;
  /** There may be something on the disk that was not there before. */
  found(): void;
  /** Records were lost on the disk. Answers how many of them were counted as spooled. */
  lost(tally: Tally, recovered: boolean): Tally;
}

/** What is special about where a spool directory lies. */
const DIRECTORY_WARNINGS = {
  memory: 'lies in memory, which counts against the container and ends with it',
  overlay: "lies in the container's own layer, which a restart of the container throws away",
  network: 'lies on a network file system, which may hang',
  permissions: 'can be read by others',
} as const;

/** What to do with an event of the spool. */
export function spoolListener(port: SpoolListenerPort): (event: SpoolEvent) => void {
  /** As it was last, before it was closed. */
  let state: SpoolState = 'idle';
  return (event) => {
    port.emitter.emit('spoolChanged', () => event);
    if (event.type === 'recordsRecovered' || event.type === 'queueAdopted') {
      port.found();
    } else if (event.type === 'segmentEvicted') {
      drop(port, event.reason === 'expired' ? 'spoolExpired' : 'spoolFull', event);
    } else if (event.type === 'recordsLost') {
      drop(port, 'spoolLost', event);
    } else if (event.type === 'spoolStateChanged') {
      const { to, code } = event;
      if (to === 'closed') return;
      state = to;
      if (to !== 'ok') port.warnings.say(troubleOf(to, code), () => state === to);
    } else {
      const warning = warningOf(event, port.name);
      if (warning) port.warnings.say(warning);
    }
  };
}

function drop(port: SpoolListenerPort, reason: DropReason, event: Tally & { readonly recovered: boolean }): void {
  const { records, bytes, recovered } = event;
  const own = port.lost({ records, bytes }, recovered);
  // What an earlier process had written was not counted yet: it is accepted and dropped in one.
  port.ledger.accept(records - own.records, bytes - own.bytes);
  port.losses.drop(reason, records, bytes);
}

function troubleOf(state: SpoolState, code = ''): string {
  return `the spool is ${state}${code && ` (${code})`}: keeping records in memory`;
}

function warningOf(event: SpoolEvent, name: string): string | undefined {
  switch (event.type) {
    case 'deadLettersNotKept':
      return `${event.records} records that ${name} refused could not be kept: ${event.code}`;
    case 'deadLettersEvicted':
      return `dead letters reach spool.deadLetters.maxBytes: deleted ${event.file}, the oldest`;
    case 'directoryWarned':
      return `the spool directory ${event.directory}: ${DIRECTORY_WARNINGS[event.reason]}`;
    default:
      return undefined;
  }
}
