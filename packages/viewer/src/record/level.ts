// The level of a record as pino's number: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal; 0 when there is none.
// Other loggers' names and syslog severities are mapped to the nearest.

/** Level names in rising order with pino's numbers. */
export const levels = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

/** Keys that hold a level, in a record, its metadata or its labels. */
export const levelKeys = [
  'level',
  'severity',
  'severity_text',
  'severityText',
  'lvl',
  'loglevel',
  'detected_level',
] as const;

const names: Readonly<Record<string, number>> = {
  ...levels,
  silly: 10,
  verbose: 20,
  dbg: 20,
  information: 30,
  notice: 30,
  log: 30,
  http: 30,
  warning: 40,
  wrn: 40,
  err: 50,
  critical: 60,
  crit: 60,
  alert: 60,
  emerg: 60,
  emergency: 60,
  panic: 60,
};

/** The level as a number from 1 to 99, or 0 when the value names none. */
export function readLevel(value: unknown): number {
  if (typeof value === 'number') return value >= 1 && value < 100 ? Math.floor(value) : 0;
  if (typeof value !== 'string' || value.length > 16) return 0;
  const lower = value.toLowerCase();
  if (Object.hasOwn(names, lower)) return names[lower]!;
  return /^\d{1,2}$/.test(value) ? Number(value) : 0;
}

/** The name of the level at or below the number; `none` for 0. */
export function levelName(level: number): keyof typeof levels | 'none' {
  if (level < 1) return 'none';
  if (level < 20) return 'trace';
  if (level < 30) return 'debug';
  if (level < 40) return 'info';
  if (level < 50) return 'warn';
  return level < 60 ? 'error' : 'fatal';
}
