// pino's numbers as words, one table for all.
// In: a level (10 trace … 60 fatal, anything between is a level of the user's own). Out: the nearest lower standard one.

/** Names of pino's levels, from the lowest. */
export const levelNames = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

type LevelName = (typeof levelNames)[number];

/** The name of a level, the nearest lower one for custom levels; undefined for 0, which means none. */
export function levelName(level: number): LevelName | undefined {
  return level === 0 ? undefined : levelNames[Math.min(Math.max(Math.floor(level / 10) - 1, 0), 5)];
}
