// Level names and numbers, as pino has them.

/** Names of levels, the least severe first; `silent` is no level of a line but turns lines off. */
export type LevelName = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** The number a level is written as. */
export const LEVELS: Readonly<Record<LevelName, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
};

/** Names of levels, the least severe first. */
export const LEVEL_NAMES = Object.keys(LEVELS) as readonly LevelName[];

/** Whether a text names a level. */
export function isLevelName(name: unknown): name is LevelName {
  return typeof name === 'string' && Object.hasOwn(LEVELS, name);
}

/** The number of a level; `silent` is above all of them. */
export function levelNumber(name: LevelName | 'silent'): number {
  return name === 'silent' ? Number.POSITIVE_INFINITY : LEVELS[name];
}
