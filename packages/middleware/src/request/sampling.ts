// Tail sampling: whether the record of a request is kept, decided when everything about the request is known.
// In: how it ended. Out: the rate at which such requests are kept, and whether this one is.
// Invariants: what a rule keeps is always kept; with a trace id all services decide alike; the rate goes into the record, so
// that sums can be weighted with its inverse.

import { LEVEL_NAMES, type LevelName } from '../levels.js';
import { option, optionError } from '../option-error.js';
import { pathOf, pathPatterns } from './path-pattern.js';

/** A request that is always kept; all conditions of one rule must hold. */
export interface KeepRule {
  /** Status from this one on. */
  readonly status?: number;
  /** Milliseconds from this many on. */
  readonly duration?: number;
  /** Path, `*` for any characters. */
  readonly path?: string;
}

/** What is kept of the records of requests. */
export interface SamplingOptions {
  /**
   * Percent of the records kept, by their level; a level that is not named is kept whole.
   * @example { info: 10 }
   */
  readonly rates?: Partial<Record<LevelName, number>>;
  /** Records that are kept whatever the rates say. */
  readonly keep?: readonly KeepRule[];
}

/** How a request ended. */
export interface Ending {
  readonly level: LevelName;
  readonly status: number;
  readonly durationMs: number;
  readonly url: string;
  readonly traceId: string | undefined;
}

type Rule = (ending: Ending) => boolean;

function rule(keep: KeepRule, path: string): Rule {
  option.known(keep, ['status', 'duration', 'path'], path);
  const { status = 0, duration = 0 } = keep;
  option.number(status, `${path}.status`, 0, 999);
  option.number(duration, `${path}.duration`, 0, Number.MAX_SAFE_INTEGER);
  if (keep.status === undefined && keep.duration === undefined && keep.path === undefined) {
    throw optionError(path, 'a rule with `status`, `duration` or `path`', keep);
  }
  const matches = keep.path === undefined ? () => true : pathPatterns([option.string(keep.path, `${path}.path`)]);
  return (ending) => ending.status >= status && ending.durationMs >= duration && matches(pathOf(ending.url));
}

/**
 * Prepares the decision: 0 if a record is not kept, else the share of such records that is, from just above 0 to 1.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 */
export function sampler(options: SamplingOptions, path = 'sampling'): (ending: Ending) => number {
  option.known(options, ['rates', 'keep'], path);
  const shares = new Map<LevelName, number>();
  option.known(options.rates ?? {}, LEVEL_NAMES, `${path}.rates`);
  for (const [level, percent] of Object.entries(options.rates ?? {})) {
    shares.set(level as LevelName, option.number(percent, `${path}.rates.${level}`, 0, 100) / 100);
  }
  const rules = option.array(options.keep ?? [], `${path}.keep`).map((keep, at) => rule(keep, `${path}.keep[${at}]`));
  return (ending) => {
    const share = shares.get(ending.level) ?? 1;
    if (share === 1 || rules.some((keeps) => keeps(ending))) return 1;
    return draw(ending.traceId) < share ? share : 0;
  };
}

/** A number from 0 to 1: the same for all who see the same trace, from the 52 last bits of its id. */
function draw(traceId: string | undefined): number {
  return traceId === undefined ? Math.random() : Number.parseInt(traceId.slice(-13), 16) / 2 ** 52;
}
