// pino's numbers as the words and numbers of others, one table for all.
// In: a level (10 trace … 60 fatal, anything between is a level of the user's own). Out: the nearest lower standard one.

/** Names of pino's levels; `unknown` for records without one. */
export type LevelName = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

const names: readonly LevelName[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** The name of a level, the nearest lower one for custom levels; undefined for 0, which means none. */
export function levelName(level: number): LevelName | undefined {
  return level === 0 ? undefined : names[Math.min(Math.max(Math.floor(level / 10) - 1, 0), 5)];
}
