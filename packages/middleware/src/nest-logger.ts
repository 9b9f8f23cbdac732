// Nest's own logger interface in front of a logger of lines. In: what Nest and its users log, context last. Out: lines with the
// context under `context`. Invariant: never throws; what is not text becomes fields.

import type { LoggerService } from '@nestjs/common';
import type { LevelName } from './levels.js';
import { isError } from './redaction/error-entries.js';
import type { RequestLogger } from './request/options.js';

/**
 * A logger for `app.useLogger` and for injection.
 * @example app.useLogger(app.get(NestLogger))
 */
export class NestLogger implements LoggerService {
  private readonly logger: RequestLogger;

  constructor(logger: RequestLogger) {
    this.logger = logger;
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write('info', message, rest);
  }
  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }
  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }
  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }
  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest passes the stack as text, or as `undefined`, before the context. */
  error(message: unknown, ...rest: unknown[]): void {
    const [stack] = rest;
    if (typeof stack === 'string' && stack.includes('\n    at ')) {
      const text = textOf(message);
      this.write('error', { err: { type: 'Error', message: text, stack } }, rest.slice(1), text);
    } else this.write('error', message, stack === undefined ? rest.slice(1) : rest);
  }

  private write(level: LevelName, message: unknown, rest: readonly unknown[], text?: string): void {
    const last = rest.at(-1);
    const context = typeof last === 'string' ? last : undefined;
    const more = context === undefined ? rest : rest.slice(0, -1);
    const fields: Record<string, unknown> = context === undefined ? {} : { context };
    if (more.length > 0) fields.args = more;
    if (isError(message)) this.logger[level]({ ...fields, err: message }, text ?? message.message);
    else if (typeof message === 'object' && message !== null)
      this.logger[level]({ ...fields, ...readable(message) }, text as string);
    else this.logger[level](fields, text ?? textOf(message));
  }
}

/** A message as text; some objects are none. */
function textOf(message: unknown): string {
  try {
    return String(message);
  } catch {
    return '[unreadable]';
  }
}

/** An object that can be copied: one that does not let itself be read goes on as it is, for the logger knows about such. */
function readable(message: object): object {
  try {
    return { ...message };
  } catch {
    return { message };
  }
}
