// What happens inside, for whoever listens: a channel of node:diagnostics_channel for each event, named
// `spillway:<event>`. Events are per batch, never per record, and cost nothing while nobody listens.

import { channel } from 'node:diagnostics_channel';
import type { SpoolEvent } from './spool/events.js';

/** Every event and what its message holds, beside `pipeline`, the name of the pipeline that it came from. */
export interface Events {
  batchSealed: { batch: string; records: number; bytes: number };
  batchSpilled: { batch: string; records: number; bytes: number };
  batchAcked: { batch: string; records: number; bytes: number; attempts: number; durationMs: number };
  batchRetried: { batch: string; attempt: number; reason: string; waitMs: number };
  batchSplit: { batch: string; records: number; reason: string };
  recordsRejected: { batch: string; records: number; reason: string };
  recordsDropped: { records: number; bytes: number; reason: string };
  breakerOpened: { reason: string; waitMs: number };
  breakerClosed: Record<string, never>;
  destinationHeld: { reason: string; waitMs: number };
  /** Anything that the spool tells about itself. */
  spoolChanged: SpoolEvent;
}

/** The names of all events. */
export type EventName = keyof Events;

const names: readonly EventName[] = [
  'batchSealed',
  'batchSpilled',
  'batchAcked',
  'batchRetried',
  'batchSplit',
  'recordsRejected',
  'recordsDropped',
  'breakerOpened',
  'breakerClosed',
  'destinationHeld',
  'spoolChanged',
];

const channels = Object.fromEntries(names.map((name) => [name, channel(`spillway:${name}`)])) as Record<
  EventName,
  ReturnType<typeof channel>
>;

/** Publishes events of one pipeline. `message` is a function so that nobody pays for what nobody hears. */
export class Emitter {
  readonly pipeline: string;
  private telling: EventName | undefined;

  constructor(pipeline: string) {
    this.pipeline = pipeline;
  }

  emit<N extends EventName>(name: N, message: () => Events[N]): void {
    const target = channels[name];
    // A listener that causes what it listens to, as by logging to a pipeline that drops, would never come to an end.
    if (!target.hasSubscribers || this.telling === name) return;
    const outer = this.telling;
    this.telling = name;
    target.publish({ pipeline: this.pipeline, ...message() });
    this.telling = outer;
  }
}
