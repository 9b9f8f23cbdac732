// A sink of LogTape that writes the lines pino would write. In: LogTape's records. Out: lines, with the category under `logger` and
// the context of the running request. Invariants: LogTape is not imported, a sink is a function; never throws at the logger.

import type { LogRecord } from '@logtape/logtape';
import { option } from '../option-error.js';
import { LINE_OPTIONS, type LineOptions, linesTo } from './destination.js';

const NUMBERS: Readonly<Record<LogRecord['level'], number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warning: 40,
  error: 50,
  fatal: 60,
};

/**
 * A sink for LogTape.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example await configure({ sinks: { lines: logtapeSink({ destination: stream }) }, loggers: [{ category: [], sinks: ['lines'] }] })
 */
export function logtapeSink(options: LineOptions = {}): (record: LogRecord) => void {
  option.known(options, LINE_OPTIONS, 'logtape');
  const { writer, bindings } = linesTo(options, 'logtape');
  return ({ category, level, message, timestamp, properties }) => {
    const msg = message
      .map((part, at) => (at % 2 === 0 ? String(part) : textOf(writer.redaction.value(part))))
      .join('');
    // Beside the properties, not in a copy with them: some may not let themselves be read.
    const name = names(properties, 'logger') ? '' : writer.fieldsJson({ logger: category.join('.') });
    writer.write({
      level: NUMBERS[level] ?? 30,
      time: timestamp,
      bindings: bindings + name,
      fields: properties,
      msg,
    });
  };
}

function names(properties: object, key: string): boolean {
  try {
    return Object.hasOwn(properties, key);
  } catch {
    return false;
  }
}

function textOf(safe: unknown): string {
  return typeof safe === 'object' && safe !== null ? JSON.stringify(safe) : String(safe);
}
