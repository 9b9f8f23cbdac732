// Writes lines the way pino does, for everything in this package that is not pino. In: level, time, fields, message.
// Out: `{"level":30,"time":…,<bindings>,<fields>,"msg":"…",<context>}` and a newline, to one destination.
// Invariants: never throws; a line is valid JSON and free of secrets whatever it was made of; `level`, `time` and `msg` are the
// writer's own.

import type { Destination } from '../context/fingers-crossed.js';
import type { RequestContext } from '../context/request-context.js';
import { activeSpan, traceJson } from '../context/trace-context.js';
import type { Redaction } from '../redaction/redaction.js';
import { storage, warnOnce } from '../shared.js';

/** Where lines go, and how they are made safe. */
export interface LineWriterParts {
  readonly destination: Destination;
  readonly redaction: Redaction;
}

/** What makes a line. */
export interface LineParts {
  readonly level: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** JSON of fields that come first, as `fieldsJson` makes it. */
  readonly bindings: string;
  readonly fields?: object | undefined;
  /** Text; or data, which is written as data. */
  readonly msg?: unknown;
  /** The context it is logged in, if not the running one. */
  readonly context?: RequestContext | undefined;
}

const METADATA = Symbol.for('pino.metadata');
const OWN = new Set(['level', 'time', 'msg']);

/** Writes lines to one destination. */
export class LineWriter {
  readonly redaction: Redaction;
  private readonly destination: Destination & { [METADATA]?: boolean; lastLevel?: number };

  constructor(parts: LineWriterParts) {
    this.destination = parts.destination;
    this.redaction = parts.redaction;
  }

  /** The JSON of fields as it stands in a line: `,"a":1,"b":"x"`, or nothing. */
  fieldsJson(fields: object): string {
    const keys = keysOf(fields);
    if (keys === undefined) return ',"_unreadable":true';
    let json = '';
    for (const key of keys) {
      const value = readKey(fields, key);
      if (value === undefined || typeof value === 'function') continue;
      const text = JSON.stringify(this.redaction.value(value, key));
      const name = OWN.has(key) ? `_${key}` : this.redaction.text(key);
      if (text !== undefined) json += `,${JSON.stringify(name)}:${text}`;
    }
    return json;
  }

  write(parts: LineParts): void {
    try {
      this.send(this.line(parts), parts.level, parts.context);
    } catch (error) {
      const reason = error instanceof Error ? error.name : 'a value was thrown';
      warnOnce('SPILLWAY_LINE_LOST', `A line could not be written to its destination: ${reason}`);
    }
  }

  private line({ level, time, bindings, fields, msg, context }: LineParts): string {
    const { redaction } = this;
    let line = `{"level":${level},"time":${time}${bindings}`;
    if (fields !== undefined) line += this.fieldsJson(fields);
    if (msg !== undefined) line += `,"msg":${JSON.stringify(redaction.value(msg))}`;
    line += contextJson(context ?? storage.getStore());
    return redaction.fit(`${line}}\n`);
  }

  private send(line: string, level: number, context: RequestContext | undefined): void {
    const { destination } = this;
    if (destination[METADATA] === true) destination.lastLevel = level;
    if (context === undefined || storage.getStore() === context) destination.write(line);
    else storage.run(context, () => destination.write(line));
  }
}

function contextJson(context: RequestContext | undefined): string {
  if (context !== undefined) return context.root.recording?.json ?? context.lineJson();
  const span = activeSpan();
  return span === undefined ? '' : traceJson(span);
}

/** The keys of an object; a proxy may refuse to name them. */
function keysOf(fields: object): readonly string[] | undefined {
  try {
    return Object.keys(fields);
  } catch {
    return undefined;
  }
}

function readKey(fields: object, key: string): unknown {
  try {
    return (fields as Record<string, unknown>)[key];
  } catch {
    return '[unreadable]';
  }
}
