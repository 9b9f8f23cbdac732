// How lines of pino get the context: a hook that the application sets once. In: pino's options. Out: options with the hook.
// The context's JSON is kept ready and spliced into the finished line, which costs a fraction of handing pino an object to
// serialize. Invariants: pino itself is not touched; lines come out redacted at any depth; a value that makes pino throw is
// logged in a safe copy instead.

import { isError } from '../redaction/error-entries.js';
import { createRedaction, type Redaction, type RedactOptions } from '../redaction/redaction.js';
import { CONTEXT, CONTEXT_HOOK, storage } from '../shared.js';
import { type Fields, type RequestContext, traceFields } from './request-context.js';
import { activeSpan, traceJson } from './trace-context.js';

type LogMethod = (...args: never[]) => void;
type LogMethodHook = (this: never, args: never, method: never, level: number) => void;

/** The part of pino's options that this package reads or sets. */
interface PinoHooks {
  hooks?: { logMethod?: LogMethodHook; streamWrite?: (line: string) => string };
}

/** How lines of pino are treated beside getting the context. */
export interface WithContextOptions {
  /**
   * Redaction of whole lines, at any depth; `false` turns it off.
   * @default true
   */
  readonly redact?: RedactOptions | boolean;
}

interface Bound {
  readonly [CONTEXT]?: RequestContext;
}

/**
 * A `mixin` for pino that adds the context of the running request to every line.
 *
 * `withContext` does the same for less, and redacts too; this is for options that are not yours to wrap.
 * @example const logger = pino({ mixin: contextMixin() })
 */
export function contextMixin(): (mergeObject: object, level: number, logger: object) => Fields {
  function mixin(_mergeObject: object, _level: number, logger: object): Fields {
    const context = (logger as Bound | undefined)?.[CONTEXT] ?? storage.getStore();
    if (context === undefined) return { ...traceFields(activeSpan()) };
    return context.root.recording === undefined ? context.lineFields() : {};
  }
  return Object.assign(mixin, { [CONTEXT_HOOK]: 'fields' });
}

/**
 * Options for pino with which every line logged during a request carries the request's context, and no line carries secrets.
 * Needs pino 9 or later; hooks that are in the options already are kept and run first.
 * @example const logger = pino(withContext({ level: 'info' }))
 */
export function withContext<Options extends object>(
  options: Options = {} as Options,
  own: WithContextOptions = {},
): Options {
  const redaction = createRedaction(own.redact ?? true);
  const { hooks } = options as PinoHooks;
  const alone = hooks?.streamWrite === undefined && hooks?.logMethod === undefined;
  const streamWrite = Object.assign(lineHook(redaction, hooks?.streamWrite), {
    [CONTEXT_HOOK]: alone ? 'alone' : 'behind',
    redaction,
  });
  return { ...options, hooks: { ...hooks, logMethod: methodHook(redaction, hooks?.logMethod), streamWrite } };
}

function lineHook(redaction: Redaction, before: ((line: string) => string) | undefined): (line: string) => string {
  return (line) => {
    const written = before === undefined ? line : before(line);
    const context = storage.getStore();
    if (context === undefined) {
      const span = activeSpan();
      return span === undefined ? redaction.line(written) : spliced(redaction.line(written), traceJson(span));
    }
    // The record of a request is made of parts that are safe already; what the logger itself adds to it is not.
    const { recording } = context.root;
    return spliced(redaction.line(written), recording === undefined ? context.lineJson() : recording.json);
  };
}

/** A line with more fields before its closing brace. */
function spliced(line: string, json: string): string {
  if (json === '') return line;
  const last = line.length - 2;
  if (line.charCodeAt(last) === 125 && line.charCodeAt(last + 1) === 10) return `${line.slice(0, last)}${json}}\n`;
  const end = line.lastIndexOf('}');
  return end < 1 ? line : line.slice(0, end) + json + line.slice(end);
}

function methodHook(redaction: Redaction, before: LogMethodHook | undefined) {
  return function logMethod(this: Bound, args: unknown[], method: LogMethod, level: number): void {
    const bound = this[CONTEXT];
    if (bound !== undefined && storage.getStore() !== bound) {
      storage.run(bound, () => logMethod.call(this, args, method, level));
      return;
    }
    try {
      if (before !== undefined) before.call(this as never, args as never, method as never, level);
      else method.apply(this, args as never[]);
    } catch (error) {
      const safe = args.map((arg, at) => (at === 0 ? safeFields(arg, redaction) : redaction.value(arg)));
      // If a safe copy cannot be logged either, it was not the value: the destination is broken, and that is the caller's to know.
      if (!logged(() => method.apply(this, safe as never[]))) throw error;
    }
  };
}

/** The first argument of a call: what is no object must not become one, and the other way round. */
function safeFields(value: unknown, redaction: Redaction): unknown {
  const safe = redaction.value(value);
  if (isError(value)) return { err: safe };
  return typeof value === 'object' && typeof safe !== 'object' ? { value: safe } : safe;
}

function logged(log: () => void): boolean {
  try {
    log();
    return true;
  } catch {
    return false;
  }
}
