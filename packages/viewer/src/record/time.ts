// The time of a record: epoch milliseconds from whatever its logger wrote.
// Numbers are read by magnitude (seconds, milli-, micro-, nanoseconds), texts as ISO 8601 or as such a number.

/** Keys that loggers and backends use for the time, first match wins. */
export const timeKeys = ['time', 'timestamp', '@timestamp', 'ts', '_time', 'dt'] as const;

/** Epoch milliseconds, or undefined when the value is no time: a number between 2001 and 2286, a text between 1970 and 9999. */
export function readTime(value: unknown): number | undefined {
  if (typeof value === 'number') return fromNumber(value);
  if (typeof value !== 'string' || value.length > 40) return undefined;
  if (/^\d{10,19}(\.\d+)?$/.test(value)) return fromNumber(Number(value));
  if (!/^\d{4}-\d\d-\d\d/.test(value)) return undefined;
  // Date reads at most milliseconds; nanosecond ISO times have more digits than it needs.
  const ms = Date.parse(value.replace(/(\.\d{3})\d+/, '$1'));
  return inRange(ms);
}

/** The value itself when it is a time between 1970 and 9999, for times that are known to be milliseconds. */
export function inRange(ms: number): number | undefined {
  return ms >= 0 && ms < 253_402_300_800_000 ? Math.floor(ms) : undefined;
}

/** As core does: between the units lies what is no time, such as a date written as a number. */
function fromNumber(value: number): number | undefined {
  if (value >= 1e9 && value < 1e10) return inRange(value * 1000);
  if (value >= 1e12 && value < 1e13) return inRange(value);
  if (value >= 1e15 && value < 1e16) return inRange(value / 1000);
  return value >= 1e18 && value < 1e19 ? inRange(value / 1e6) : undefined;
}
