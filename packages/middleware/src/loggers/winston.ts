// A transport of winston 3 that writes the lines pino would write. In: winston's entries, after the logger's formats. Out: lines,
// with the context of the running request. Invariants: winston is not imported, a transport is a stream of objects with `log`;
// no entry waits for another; never throws at the logger.

import { Writable } from 'node:stream';
import { option } from '../option-error.js';
import { LINE_OPTIONS, type LineOptions, type Lines, levelNumbers, linesTo } from './destination.js';

/** How entries of winston become lines. */
export interface WinstonTransportOptions extends LineOptions {
  /** The least level, by winston's name of it. By default the logger's. */
  readonly level?: string;
  /** Numbers for levels beyond those of npm and syslog. */
  readonly levels?: Readonly<Record<string, number>>;
  /**
   * Writes nothing.
   * @default false
   */
  readonly silent?: boolean;
  /** Takes uncaught exceptions, which winston then logs. */
  readonly handleExceptions?: boolean;
  /** Takes unhandled rejections, which winston then logs. */
  readonly handleRejections?: boolean;
}

/** An entry of winston. */
interface Info {
  readonly level: string;
  readonly message?: unknown;
  readonly exception?: boolean;
  readonly [LEVEL]?: string;
}

interface Parent {
  readonly level?: string;
  readonly levels?: Record<string, number>;
}

// Under these winston keeps the level as it was before colors, and the text that its formats made.
const LEVEL = Symbol.for('level');

/** The levels that winston ships with, npm's and syslog's, as pino's numbers. */
const NUMBERS: Readonly<Record<string, number>> = {
  emerg: 60,
  alert: 60,
  crit: 60,
  fatal: 60,
  error: 50,
  warning: 40,
  warn: 40,
  notice: 30,
  info: 30,
  http: 30,
  verbose: 20,
  debug: 20,
  silly: 10,
  trace: 10,
};

const KEYS = [...LINE_OPTIONS, 'level', 'levels', 'silent', 'handleExceptions', 'handleRejections'];

class Transport extends Writable {
  level: string | undefined;
  silent: boolean;
  readonly handleExceptions: boolean;
  readonly handleRejections: boolean;
  private parent: Parent | undefined;
  private readonly numbers: Readonly<Record<string, number>>;
  private readonly lines: Lines;

  constructor(options: WinstonTransportOptions) {
    super({ objectMode: true });
    option.known(options, KEYS, 'winston');
    this.level = options.level;
    this.silent = options.silent ?? false;
    this.handleExceptions = options.handleExceptions ?? false;
    this.handleRejections = options.handleRejections ?? false;
    this.numbers = { ...NUMBERS, ...levelNumbers(options.levels ?? {}, 'winston.levels') };
    this.lines = linesTo(options, 'winston');
    this.once('pipe', (parent: unknown) => {
      this.parent = parent as Parent;
    });
  }

  override _write(info: Info, _encoding: string, done: () => void): void {
    if (this.wants(info)) this.log(info, done);
    else done();
  }

  log(info: Info, done: () => void): void {
    const name = info[LEVEL] ?? info.level;
    const { level: _level, message, ...fields } = info;
    this.lines.writer.write({
      level: this.numbers[name] ?? 30,
      time: Date.now(),
      bindings: this.lines.bindings,
      fields: withError(fields),
      msg: message === undefined ? undefined : textOf(this.lines.writer.redaction.value(message)),
    });
    this.emit('logged', info);
    done();
  }

  private wants(info: Info): boolean {
    if (this.silent || (info.exception === true && !this.handleExceptions)) return false;
    const levels = this.parent?.levels;
    const least = this.level ?? this.parent?.level;
    if (least === undefined || levels === undefined) return true;
    return (levels[least] ?? 0) >= (levels[info[LEVEL] ?? info.level] ?? 0);
  }
}

function textOf(safe: unknown): string {
  return typeof safe === 'object' && safe !== null ? JSON.stringify(safe) : String(safe);
}

/** winston spreads errors over the entry; here they get their own key, as with pino. */
function withError(fields: Record<string, unknown>): Record<string, unknown> {
  const { stack, ...rest } = fields;
  if (typeof stack !== 'string') return fields;
  const [first = ''] = stack.split('\n', 1);
  const type = /^[\w$.]{1,100}(?=:|$)/.exec(first)?.[0] ?? 'Error';
  return { ...rest, err: { type, message: first.replace(/^[\w$.]{1,100}: ?/, ''), stack } };
}

/**
 * A transport for winston.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 * @example winston.createLogger({ transports: [winstonTransport({ destination: stream })] })
 */
export function winstonTransport(
  options: WinstonTransportOptions = {},
): Writable & { log(info: Info, done: () => void): void } {
  return new Transport(options);
}
