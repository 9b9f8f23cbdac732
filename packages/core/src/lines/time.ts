// What the values of time and level fields mean.
// In: a number or a string as loggers write them. Out: milliseconds and nanoseconds, or a numeric level.

/** Labels and their numeric levels, as pino and the common loggers use them. */
export const STANDARD_LEVELS: Readonly<Record<string, number>> = {
  trace: 10,
  verbose: 20,
  silly: 10,
  debug: 20,
  info: 30,
  http: 30,
  information: 30,
  notice: 30,
  log: 30,
  warn: 40,
  warning: 40,
  error: 50,
  err: 50,
  fatal: 60,
  critical: 60,
  crit: 60,
  alert: 60,
  emerg: 60,
  emergency: 60,
};

/** A point in time: milliseconds since the epoch and the nanoseconds within. */
export interface Instant {
  readonly ms: number;
  readonly nanos: number;
}

/** The least number that is a time, in each unit: 2001-09-09. The first with one digit more, in 2286, is none any more. */
const LEAST = { seconds: 1e9, milliseconds: 1e12, microseconds: 1e15, nanoseconds: 1e18 } as const;

/**
 * Reads a number of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by magnitude. What lies
 * between the units is something else: a duration, or a date written as a number, such as 20231114221320.
 */
export function instantOfNumber(digits: string): Instant | undefined {
  const value = Number(digits);
  const isIn = (least: number) => value >= least && value < least * 10;
  if (isIn(LEAST.seconds)) return split(BigInt(Math.round(value * 1e9)));
  if (isIn(LEAST.milliseconds)) return split(BigInt(Math.round(value * 1e6)));
  const whole = () => (/^\d+$/.test(digits) ? BigInt(digits) : BigInt(Math.round(value)));
  if (isIn(LEAST.microseconds)) return split(whole() * 1000n);
  return isIn(LEAST.nanoseconds) ? split(whole()) : undefined;
}

function split(nanoseconds: bigint): Instant {
  return { ms: Number(nanoseconds / 1_000_000n), nanos: Number(nanoseconds % 1_000_000n) };
}

const ISO = /^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9})\d*)?\s*(Z|[+-]\d\d:?\d\d)?$/i;

/** Reads ISO 8601 from 1970 on with up to nine fraction digits, or digits in quotes. A time without a zone is UTC. */
export function instantOfText(value: string): Instant | undefined {
  if (/^\d+(\.\d+)?$/.test(value)) return instantOfNumber(value);
  const match = ISO.exec(value);
  if (!match) return undefined;
  const ms = Date.parse(`${match[1]!.replace(' ', 'T')}${match[3] ?? 'Z'}`);
  // Before the epoch is what some libraries write where they have no time: the year 1.
  if (!(ms >= 0)) return undefined;
  const fraction = (match[2] ?? '').padEnd(9, '0');
  return { ms: ms + Number(fraction.slice(0, 3)), nanos: Number(fraction.slice(3)) };
}
