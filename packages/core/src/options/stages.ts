// What each stage is told of the settings: the numbers of one pipeline, as its stages ask for them.
// In: complete settings and the transport's limits. Out: the options of the intake, the spooler and the dispatcher.
// Invariant: pure, and nothing here fails: what cannot be kept was refused when the settings were made.

import type { DispatcherOptions } from '../dispatcher.js';
import type { IntakeOptions } from '../intake.js';
import { journaledLanes, type Lane } from '../lane.js';
import { COMMON_KEYS } from '../lines/general.js';
import { STANDARD_LEVELS } from '../lines/time.js';
import type { SpoolerOptions } from '../spooler.js';
import type { AnyTransport } from '../transport.js';
import type { PipelineSettings } from './pipeline-options.js';

type SpoolSettings = NonNullable<PipelineSettings['spool']>;

/** What may come in, and where level and time are. */
export function intakeOptions(
  settings: PipelineSettings,
  transport: AnyTransport,
): Omit<IntakeOptions, 'writer' | 'buffers'> {
  const { batch, queue, keys, spool } = settings;
  const { limits } = transport;
  return {
    limits: {
      maxBytes: batch.maxBytes,
      maxRecords: batch.maxRecords,
      overheadBytes: limits.overheadBytes,
      maxSpanMs: limits.maxSpanMs ?? Number.POSITIVE_INFINITY,
    },
    // In memory it has its newline.
    maxRecordBytes: Math.min(limits.maxRecordBytes, queue.maxBytes - 1),
    keys: {
      level: keys.level ?? COMMON_KEYS.level,
      time: keys.time ?? COMMON_KEYS.time,
      levels: lowerCased(keys.levels),
    },
    journaled: spool ? journaledOf(spool, drainsOldestFirst(settings, transport)) : [],
    ...(spool && lanesOf(spool, drainsOldestFirst(settings, transport))),
  };
}

/** When to spill and how to drain. */
export function spoolerOptions(
  spool: SpoolSettings,
  settings: PipelineSettings,
  transport: AnyTransport,
): SpoolerOptions {
  const { queue } = settings;
  return {
    highWaterBytes: queue.maxBytes * 0.6,
    lowWaterBytes: queue.maxBytes * 0.4,
    spillAfterMs: spool.spillAfterMs,
    drainBytesPerSecond: spool.drainBytesPerSecond,
    journaled: new Set(journaledOf(spool, drainsOldestFirst(settings, transport))),
  };
}

/** How much to send at a time, and in which order. */
export function dispatcherOptions(settings: PipelineSettings, transport: AnyTransport): DispatcherOptions {
  return {
    maxInFlight: settings.send.maxInFlight,
    oldestFirst: drainsOldestFirst(settings, transport),
    arrivalBytes: Math.min(settings.batch.maxBytes, settings.queue.maxBytes / 4),
  };
}

/** Levels by their labels, in whatever case these are written. */
export function lowerCased(levels: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(levels).map(([label, level]) => [label.toLowerCase(), level]));
}

/** The number of a level by its label, in whatever case; undefined where it is none of the application's own, nor a common one. */
export function levelOfLabel(label: string, own: Readonly<Record<string, number>> = {}): number | undefined {
  return new Map(Object.entries({ ...STANDARD_LEVELS, ...lowerCased(own) })).get(label.toLowerCase());
}

/** Destinations that take records of a stream only in order, or nearly so, get the oldest first, and one lane. */
function drainsOldestFirst({ spool }: PipelineSettings, { recommended }: AnyTransport): boolean {
  return (spool?.drain ?? recommended?.drain ?? 'liveFirst') === 'oldestFirst';
}

function lanesOf({ lanes }: SpoolSettings, oneLane: boolean) {
  return oneLane ? {} : { lanes: { highFrom: lanes.high, lowBelow: lanes.low } };
}

/** With one lane there is no high one: `hybrid` then journals all, so that its promise for errors holds. */
function journaledOf({ durability }: SpoolSettings, oneLane: boolean): readonly Lane[] {
  return journaledLanes[oneLane && durability === 'hybrid' ? 'journal' : durability];
}
