// pino's numbers as words, one table for all.
// In: a level (10 trace … 60 fatal, anything between is a level of the user's own). Out: the nearest lower standard one.

/** Names of pino's levels, from the lowest. */
export const levelNames = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

type LevelName = (typeof levelNames)[number];

/** The name of a level, the nearest lower one for custom levels; undefined for 0, which means none. */
export function levelName(level: number): LevelName | undefined {
  return level === 0 ? undefined : levelNames[Math.min(Math.max(Math.floor(level / 10) - 1, 0), 5)];
}

/** Severities of syslog and GELF (RFC 5424, table 2) by pino's levels: trace and debug are debug, fatal is critical. */
const syslogNumbers: Readonly<Record<LevelName, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/** The syslog severity of a level; informational for records without one. */
export function syslogSeverity(level: number): number {
  const name = levelName(level);
  return name === undefined ? syslogNumbers.info : syslogNumbers[name];
}
