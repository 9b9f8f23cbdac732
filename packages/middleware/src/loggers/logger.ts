// A plain logger for those without pino: the same calls, the same lines. In: calls. Out: lines of JSON.
// Invariants: never throws; lines carry the context of the running request and no secrets; a child follows its parent's level
// until it is given one of its own; the level of a request, where it has one, counts before that of the logger.

import type { RequestContext } from '../context/request-context.js';
import { LEVEL_NAMES, LEVELS, type LevelName, levelNumber } from '../levels.js';
import { option } from '../option-error.js';
import { isError } from '../redaction/error-entries.js';
import { CONTEXT, CONTEXT_HOOK, storage } from '../shared.js';
import { LINE_OPTIONS, type LineOptions, linesTo } from './destination.js';
import { formatted } from './format.js';
import type { LineWriter } from './line-writer.js';

/** How a plain logger writes. */
export interface LoggerOptions extends LineOptions {
  /**
   * The least level of lines that are written.
   * @default 'info'
   */
  readonly level?: LevelName | 'silent';
}

/** Logs at one level: fields and a message, an error, or a message alone, with arguments for its placeholders. */
export interface LogMethod {
  (fields: object, message?: string, ...args: unknown[]): void;
  (message?: string, ...args: unknown[]): void;
}

/** A plain logger. */
export interface Logger {
  /** The least level of lines that are written; may be set at any time and counts for children too. */
  level: LevelName | 'silent';
  readonly trace: LogMethod;
  readonly debug: LogMethod;
  readonly info: LogMethod;
  readonly warn: LogMethod;
  readonly error: LogMethod;
  readonly fatal: LogMethod;
  /** A logger with more fields on every line. */
  child(bindings: object, options?: { level?: string }): Logger;
  isLevelEnabled(level: string): boolean;
}

interface Parts {
  readonly writer: LineWriter;
  readonly bindings: string;
  readonly parent: PlainLogger | undefined;
  readonly level: number | undefined;
}

const LEVEL_BY_NUMBER = new Map(Object.entries(LEVELS).map(([name, number]) => [number, name as LevelName]));
const SETTABLE = [...LEVEL_NAMES, 'silent'] as const;

class PlainLogger implements Logger {
  declare readonly [CONTEXT]?: RequestContext;
  readonly [CONTEXT_HOOK] = true;
  private readonly writer: LineWriter;
  private readonly bindings: string;
  private readonly parent: PlainLogger | undefined;
  private own: number | undefined;

  constructor({ writer, bindings, parent, level }: Parts) {
    this.writer = writer;
    this.bindings = bindings;
    this.parent = parent;
    this.own = level;
  }

  get level(): LevelName | 'silent' {
    return LEVEL_BY_NUMBER.get(this.threshold()) ?? 'silent';
  }
  set level(level: LevelName | 'silent') {
    this.own = levelNumber(option.one(level, 'level', SETTABLE));
  }

  trace(...args: unknown[]): void {
    this.log(10, args);
  }
  debug(...args: unknown[]): void {
    this.log(20, args);
  }
  info(...args: unknown[]): void {
    this.log(30, args);
  }
  warn(...args: unknown[]): void {
    this.log(40, args);
  }
  error(...args: unknown[]): void {
    this.log(50, args);
  }
  fatal(...args: unknown[]): void {
    this.log(60, args);
  }

  child(bindings: object, options?: { level?: string }): Logger {
    const level = options?.level;
    const child = new PlainLogger({
      writer: this.writer,
      bindings: this.bindings + this.writer.fieldsJson(bindings),
      parent: this,
      level: level === undefined ? undefined : levelNumber(option.one(level, 'level', SETTABLE)),
    });
    // The logger of a request hands its context on.
    return this[CONTEXT] === undefined ? child : Object.assign(child, { [CONTEXT]: this[CONTEXT] });
  }

  isLevelEnabled(level: string): boolean {
    const number = level === 'silent' ? Number.POSITIVE_INFINITY : LEVELS[level as LevelName];
    return number !== undefined && this.wants(number, this[CONTEXT] ?? storage.getStore());
  }

  private threshold(): number {
    return this.own ?? this.parent?.threshold() ?? LEVELS.info;
  }

  private wants(level: number, context: RequestContext | undefined): boolean {
    return level >= (context !== undefined && context.level > 0 ? context.level : this.threshold());
  }

  private log(level: number, args: readonly unknown[]): void {
    const context = this[CONTEXT] ?? storage.getStore();
    if (!this.wants(level, context)) return;
    const { writer, bindings } = this;
    const [first] = args;
    const withFields = typeof first === 'object' || (first === undefined && args.length > 1);
    const text = args[withFields ? 1 : 0];
    const fields =
      withFields && first !== null ? (isError(first) ? { err: first } : (first as object | undefined)) : undefined;
    const rest = args.slice(withFields ? 2 : 1);
    const isData = typeof text === 'object' && text !== null;
    const msg =
      text === undefined ? messageOf(fields) : isData ? text : formatted(String(text), rest, writer.redaction);
    writer.write({ level, time: Date.now(), bindings, fields, msg, context });
  }
}

/** Without a message, an error speaks for itself. */
function messageOf(fields: object | undefined): string | undefined {
  try {
    const { err, msg } = (fields ?? {}) as { err?: unknown; msg?: unknown };
    return isError(err) && msg === undefined ? err.message : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Makes a plain logger: the calls and the lines of pino, for services that do without it.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example
 * const log = createLogger({ level: 'debug' })
 * log.info({ order: 7 }, 'paid %s', 'in full')
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  option.known(options, ['level', ...LINE_OPTIONS], 'logger');
  const level = levelNumber(option.one(options.level ?? 'info', 'logger.level', SETTABLE));
  return new PlainLogger({ ...linesTo(options, 'logger'), parent: undefined, level });
}
