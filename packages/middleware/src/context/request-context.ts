// What is known about the request that is running: its ids, what the application added, how its lines are treated.
// In: one request. Out: fields for its lines and for its one record. Lives in AsyncLocalStorage, so every line logged during the
// request finds it. Invariants: what is added is copied, capped and free of secrets at once; reserved keys cannot be taken.

import { innerJson, keyJson, valueJson } from '../inner-json.js';
import type { Redaction } from '../redaction/redaction.js';
import { activeSpan, flagsText, type TraceContext, traceJson } from './trace-context.js';

/** Fields of a line or a record. */
export type Fields = Record<string, unknown>;

/** Lines of a request that are kept back until it is known how it ends. */
export interface HeldLines {
  /** The request is over. `bad`: it failed; `durationMs`: how long it took. */
  settle(bad: boolean, durationMs: number): void;
}

/** A record on its way through a logger: the JSON that hooks splice into its line, or nothing where the logger has it as fields. */
export interface Recording {
  readonly json: string;
}

/** What a context is made of. */
export interface ContextParts {
  readonly requestId: string | undefined;
  readonly requestIdKey: string;
  /** The id is known to be of letters that stand for themselves in JSON. */
  readonly plainId?: boolean;
  readonly trace: TraceContext | undefined;
  readonly redaction: Redaction;
}

/** The keys that loggers and this package write themselves, beside that of the id. */
export const RESERVED: ReadonlySet<string> = new Set([
  'level',
  'time',
  'msg',
  'pid',
  'hostname',
  'kind',
  'trace_id',
  'span_id',
  'trace_flags',
]);
/** Most characters of JSON that an application may add to the lines, and to the record, of one request. */
const MAX_ADDED = 16_384;

/** The context of one request, or of one job. */
export class RequestContext {
  readonly requestId: string | undefined;
  readonly requestIdKey: string;
  readonly plainId: boolean;
  readonly trace: TraceContext | undefined;
  readonly redaction: Redaction;
  /** When the request came in, on the clock of `performance.now()`. */
  readonly startMs: number = performance.now();
  /** Added by the application, for every line. */
  fields: Fields | undefined;
  /** Added by the application, for the record alone. */
  recordFields: Fields | undefined;
  /** The least level of lines of this request; 0: whatever the logger's is. */
  level = 0;
  /** The template of the route, if an adapter learns it on the way. */
  route: string | undefined;
  /** The client's address. */
  remoteAddress: string | undefined;
  /** Bytes that the socket had sent when the request came in. */
  sentBefore: number | undefined;
  /** What went wrong; of the root only, like the next three. */
  error: unknown;
  /** The record has been written or decided against. */
  closed = false;
  /** The record is being written: it carries the context itself, so hooks add nothing else to its line. */
  recording: Recording | undefined;
  /** Lines kept back by each `fingersCrossed` destination that this request wrote to. */
  held: HeldLines[] | undefined;
  /** The context of the whole request; itself unless this one was derived. */
  readonly root: RequestContext;
  private added = 0;
  private ids: string | undefined;
  private json: string | undefined;

  constructor(parts: ContextParts, root?: RequestContext) {
    this.root = root ?? this;
    this.requestId = parts.requestId;
    this.requestIdKey = parts.requestIdKey;
    this.plainId = parts.plainId === true;
    this.trace = parts.trace;
    this.redaction = parts.redaction;
  }

  /** Adds fields to every later line and to the record. */
  add(fields: Fields): void {
    this.fields ??= {};
    this.take(fields, this.fields);
    this.json = undefined;
  }

  /** Adds fields to the record alone. */
  addToRecord(fields: Fields): void {
    const { root } = this;
    root.recordFields ??= {};
    root.take(fields, root.recordFields);
  }

  /** Adds to a number of the record. */
  count(name: string, by: number): void {
    const before = this.root.recordFields?.[this.nameOf(name)];
    this.addToRecord({ [name]: (typeof before === 'number' ? before : 0) + by });
  }

  /** The request is over: what was held for it is written or let go. */
  settle(bad: boolean): void {
    this.closed = true;
    if (this.held === undefined) return;
    const durationMs = performance.now() - this.startMs;
    for (const held of this.held) held.settle(bad, durationMs);
  }

  /** The fields of a line, as an object of its own. */
  lineFields(): Fields {
    const fields: Fields = {};
    if (this.requestId !== undefined) fields[this.requestIdKey] = this.requestId;
    Object.assign(fields, traceFields(activeSpan() ?? this.trace), this.fields);
    return fields;
  }

  /** The fields of a line as they are spliced into it: `,"request_id":"…",…`, or nothing. */
  lineJson(): string {
    const span = activeSpan();
    if (span !== undefined) return this.idJson() + traceJson(span) + this.fieldsJson();
    this.json ??= this.idsJson() + this.fieldsJson();
    return this.json;
  }

  /** The ids that the request came with, as fields. */
  idFields(): Fields {
    const fields: Fields = {};
    if (this.requestId !== undefined) fields[this.requestIdKey] = this.requestId;
    return Object.assign(fields, traceFields(this.trace));
  }

  /** The same as they stand in a line. */
  idsJson(): string {
    this.ids ??= this.trace === undefined ? this.idJson() : this.idJson() + traceJson(this.trace);
    return this.ids;
  }

  /** A context within this one: same ids, its fields are its own. */
  derive(fields: Fields): RequestContext {
    const derived = new RequestContext(this, this.root);
    derived.fields = this.fields && { ...this.fields };
    derived.added = this.added;
    derived.level = this.level;
    derived.add(fields);
    return derived;
  }

  private idJson(): string {
    const { requestId, requestIdKey } = this;
    if (requestId === undefined) return '';
    return keyJson(requestIdKey) + (this.plainId ? `"${requestId}"` : valueJson(requestId));
  }

  private fieldsJson(): string {
    return this.fields === undefined ? '' : innerJson(this.fields);
  }

  private nameOf(key: string): string {
    // The last is a key that neither objects nor pino 9 take for one like any other.
    return RESERVED.has(key) || key === this.requestIdKey || key === '__proto__' ? `_${key}` : key;
  }

  private take(fields: Fields, into: Fields): void {
    const safe = this.redaction.value(fields);
    if (typeof safe !== 'object' || safe === null) return;
    for (const [key, value] of Object.entries(safe)) {
      const name = this.nameOf(key);
      // What takes the place of an earlier value takes its room as well: a count goes on for as long as it is counted.
      const size = sizeOf(name, value) - (Object.hasOwn(into, name) ? sizeOf(name, into[name]) : 0);
      if (this.added + size > MAX_ADDED) {
        into._truncated = true;
        return;
      }
      this.added += size;
      into[name] = value;
    }
  }
}

/** Characters of a field, about as many as its JSON has. */
function sizeOf(name: string, value: unknown): number {
  return name.length + (typeof value === 'string' ? value.length : (JSON.stringify(value)?.length ?? 0));
}

/** The fields of a trace. */
export function traceFields(trace: TraceContext | undefined): Fields | undefined {
  return trace && { trace_id: trace.traceId, span_id: trace.spanId, trace_flags: flagsText(trace) };
}
