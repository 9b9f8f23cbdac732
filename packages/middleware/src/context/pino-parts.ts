// What this package knows of the inside of a pino logger, all in one place: which hooks it has, and the parts that lines are made
// of. In: a logger. Out: how it takes the context, and a short way to write the record of a request.
// pino keeps its parts under symbols, which are found here by their description, for pino is not imported. Invariant: what is not
// found, or is set up in an unforeseen way, means the ordinary way through the logger's methods.

import { remembering, valueJson } from '../inner-json.js';
import { LEVELS } from '../levels.js';
import type { Redaction } from '../redaction/redaction.js';
import { CONTEXT_HOOK } from '../shared.js';

/** Writes a line of a level, made of ready JSON and a message. */
export type LineOf = (level: number, json: string, message: string) => void;

/**
 * How a logger puts the context into its lines: `line`, it splices JSON into the finished line and takes the record of a request
 * that way, too; `fields`, it merges fields; `none`, it knows nothing of contexts.
 */
export function contextHookOf(logger: object): 'line' | 'fields' | 'none' {
  if ((logger as Record<symbol, unknown>)[CONTEXT_HOOK] === true) return 'line';
  const { streamWrite } = (part(logger, 'hooks') ?? {}) as { streamWrite?: unknown };
  if (markOf(streamWrite) !== undefined) return reshapes(logger) ? 'fields' : 'line';
  return markOf(part(logger, 'mixin')) === undefined ? 'none' : 'fields';
}

/** Whether a logger was told to do things to fields, which it then must be given as fields. */
function reshapes(logger: object): boolean {
  const { log } = (part(logger, 'formatters') ?? {}) as { log?: unknown };
  return (
    log !== undefined ||
    Boolean(part(logger, 'nestedKey')) ||
    Reflect.ownKeys((part(logger, 'stringifiers') ?? {}) as object).length > 0 ||
    Object.keys((part(logger, 'serializers') ?? {}) as object).some((key) => key !== 'err')
  );
}

interface Stream {
  write(line: string): unknown;
  [METADATA]?: boolean;
  lastLevel?: number;
  lastTime?: string;
  lastMsg?: string;
  lastObj?: object;
  lastLogger?: object;
}

const METADATA = Symbol.for('pino.metadata');

/**
 * The short way for records: pino's own prefix, time, bindings and stream, without the way from arguments to JSON, which is
 * most of what a line costs. Only where nothing but our own hooks is set up, so that the line is the one pino would write.
 */
export function lineWriterOf(logger: object): LineOf | undefined {
  const { streamWrite } = (part(logger, 'hooks') ?? {}) as { streamWrite?: { readonly redaction?: Redaction } };
  const prefixes = part(logger, 'lsCache');
  const time = part(logger, 'time');
  const bindings = part(logger, 'chindings');
  const stream = part(logger, 'stream') as Stream | undefined;
  const end = part(logger, 'end');
  const plain =
    markOf(streamWrite) === 'alone' &&
    part(logger, 'mixin') === undefined &&
    part(logger, 'msgPrefix') === undefined &&
    part(logger, 'messageKey') === 'msg' &&
    !reshapes(logger);
  if (!plain || typeof prefixes !== 'object' || typeof time !== 'function') return undefined;
  // With levels of the application's own alone, there may be none with our numbers.
  if (Object.values(LEVELS).some((level) => (prefixes as Record<number, unknown>)[level] === undefined))
    return undefined;
  if (typeof bindings !== 'string' || typeof end !== 'string' || typeof stream?.write !== 'function') return undefined;
  const bound = withoutSecrets(bindings, streamWrite?.redaction);
  // Messages are few and come again and again.
  const endOf = remembering((message: string) => [',"msg":', valueJson(message), end].join(''));
  return (level, json, message) => {
    const now = (time as () => string).call(logger);
    const line = `${(prefixes as Record<number, string>)[level]}${now}${bound}${json}${endOf(message)}`;
    if (stream[METADATA] === true) {
      stream.lastLevel = level;
      stream.lastObj = {};
      stream.lastMsg = message;
      stream.lastTime = now.slice(now.indexOf(':') + 1);
      stream.lastLogger = logger;
    }
    stream.write(line);
  };
}

/** The bindings of a logger, `,"a":1,"b":"x"`, as its hook would make them safe in every line. */
function withoutSecrets(bindings: string, redaction: Redaction | undefined): string {
  if (redaction === undefined || bindings === '') return bindings;
  const safe = redaction.line(`{${bindings.slice(1)}}`);
  return `,${safe.slice(1, safe.lastIndexOf('}'))}`;
}

function markOf(hook: unknown): unknown {
  return typeof hook === 'function' ? (hook as unknown as Record<symbol, unknown>)[CONTEXT_HOOK] : undefined;
}

function part(logger: object, name: string): unknown {
  const description = `pino.${name}`;
  for (
    let at: object | null = logger;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at) as object | null
  ) {
    const symbol = Object.getOwnPropertySymbols(at).find((own) => own.description === description);
    if (symbol !== undefined) return (logger as Record<symbol, unknown>)[symbol];
  }
  return undefined;
}
