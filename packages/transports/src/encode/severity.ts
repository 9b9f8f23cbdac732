// pino's numbers as the words and numbers of others, one table for all.
// In: a level (10 trace … 60 fatal, anything between is a level of the user's own). Out: the nearest lower standard one.

/** Names of pino's levels, from the lowest. */
export const levelNames = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;

type LevelName = (typeof levelNames)[number];

/** The name of a level, the nearest lower one for custom levels; undefined for 0, which means none. */
export function levelName(level: number): LevelName | undefined {
  return level === 0 ? undefined : levelNames[standardOf(level)];
}

/** Severities of syslog and GELF (RFC 5424, table 2) by pino's levels: trace and debug are debug, fatal is critical. */
const syslogNumbers: Readonly<Record<LevelName, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

/** The syslog severity of a level; informational for records without one. */
export function syslogSeverity(level: number): number {
  const name = levelName(level);
  return name === undefined ? syslogNumbers.info : syslogNumbers[name];
}

/** Severities of Google Cloud Logging (google.logging.type.LogSeverity) by pino's levels. */
const googleNames: Readonly<Record<LevelName, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
};

/** The severity of a level as Google Cloud Logging names it; undefined for records without one, whose severity is DEFAULT. */
export function googleSeverity(level: number): string | undefined {
  const name = levelName(level);
  return name && googleNames[name];
}

/**
 * OpenTelemetry's severity number, 1 to 24; 0 for none. Each standard level is the first of four numbers, and levels
 * between two standard ones take the others (opentelemetry-specification, logs/data-model.md).
 */
export function severityNumber(level: number): number {
  if (level === 0) return 0;
  const standard = standardOf(level);
  const beyond = Math.max(0, level - (standard + 1) * 10);
  return standard * 4 + 1 + Math.min(3, Math.floor(beyond * 0.4));
}

function standardOf(level: number): number {
  return Math.min(Math.max(Math.floor(level / 10) - 1, 0), 5);
}
