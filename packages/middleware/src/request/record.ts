// The one record of a request: who asked for what, how it ended, how long it took, and what the application added.
// In: a request that is over. Out: its fields, as an object or as the JSON of a line. Invariants: flat; free of secrets; fields of
// the application never replace the record's own but stand beside them with an underscore in front.

import type { Fields, RequestContext } from '../context/request-context.js';
import { flagsText } from '../context/trace-context.js';
import { keyJson, valueJson } from '../inner-json.js';
import type { Redaction } from '../redaction/redaction.js';
import type { ExchangeReader } from './exchange.js';
import { RECORD_KEYS, type RecordKeys, type RequestLogOptions } from './options.js';

/** How a request ended, as far as it is decided before the record is made. */
export interface Outcome {
  readonly status: number;
  readonly durationMs: number;
  readonly aborted: boolean;
  readonly error: unknown;
  readonly sampleRate: number | undefined;
}

/** Takes the fields of a record, one after the other. */
interface Sink {
  /** `before` is the key as it stands in a line. */
  add(key: string, before: string, value: unknown): void;
}

class FieldsSink implements Sink {
  readonly fields: Fields = {};

  add(key: string, _before: string, value: unknown): void {
    if (value !== undefined) this.fields[key] = value;
  }
}

class JsonSink implements Sink {
  json = '';

  add(_key: string, before: string, value: unknown): void {
    if (value !== undefined) this.json += before + valueJson(value);
  }
}

type Name = keyof RecordKeys | 'kind' | 'trace_id' | 'span_id' | 'trace_flags' | 'aborted' | 'sample_rate';

/** Makes records. */
export class RecordMaker<Req, Res> {
  private readonly options: RequestLogOptions<Req, Res>;
  private readonly read: ExchangeReader<Req, Res>;
  private readonly redaction: Redaction;
  private readonly keys: Readonly<Record<Name, string>>;
  private readonly befores: Readonly<Record<Name, string>>;
  private readonly taken: ReadonlySet<string>;

  constructor(options: RequestLogOptions<Req, Res>, read: ExchangeReader<Req, Res>, redaction: Redaction) {
    this.options = options;
    this.read = read;
    this.redaction = redaction;
    const fixed = ['kind', 'trace_id', 'span_id', 'trace_flags', 'aborted', 'sample_rate'].map((name) => [name, name]);
    this.keys = { ...Object.fromEntries(fixed), ...RECORD_KEYS, ...options.customAttributeKeys };
    this.befores = Object.fromEntries(Object.entries(this.keys).map(([name, key]) => [name, keyJson(key)])) as Record<
      Name,
      string
    >;
    this.taken = new Set([...Object.values(this.keys), 'level', 'time', 'msg']);
  }

  /** The record as fields. */
  fields(context: RequestContext, req: Req, res: Res, outcome: Outcome): Fields {
    const sink = new FieldsSink();
    this.fill(sink, context, req, res, outcome);
    return sink.fields;
  }

  /** The record as it stands in a line. */
  json(context: RequestContext, req: Req, res: Res, outcome: Outcome): string {
    const sink = new JsonSink();
    this.fill(sink, context, req, res, outcome);
    return sink.json;
  }

  private fill(sink: Sink, context: RequestContext, req: Req, res: Res, outcome: Outcome): void {
    const { read, redaction, keys, befores } = this;
    const { trace } = context;
    const url = read.url(req);
    sink.add(keys.kind, befores.kind, 'access');
    sink.add(keys.reqId, befores.reqId, context.requestId);
    if (trace !== undefined) {
      sink.add(keys.trace_id, befores.trace_id, trace.traceId);
      sink.add(keys.span_id, befores.span_id, trace.spanId);
      sink.add(keys.trace_flags, befores.trace_flags, flagsText(trace));
    }
    sink.add(keys.method, befores.method, read.method(req));
    sink.add(keys.route, befores.route, context.route ?? read.route(req, res));
    sink.add(keys.url, befores.url, url.includes('?') || url.includes('@') ? redaction.text(url) : url);
    sink.add(keys.status, befores.status, outcome.status);
    sink.add(keys.responseTime, befores.responseTime, outcome.durationMs);
    sink.add(keys.bytes, befores.bytes, read.bytes(req, res, outcome.aborted));
    sink.add(keys.requestBytes, befores.requestBytes, bytesOf(read.header(req, 'content-length')));
    sink.add(keys.remoteAddress, befores.remoteAddress, read.remoteAddress(req));
    if (outcome.aborted) sink.add(keys.aborted, befores.aborted, true);
    sink.add(keys.sample_rate, befores.sample_rate, outcome.sampleRate);
    if (outcome.error !== undefined) sink.add(keys.err, befores.err, this.error(outcome.error));
    const { serializers, customProps } = this.options;
    if (serializers?.req !== undefined) sink.add(keys.req, befores.req, redaction.value(serializers.req(req)));
    if (serializers?.res !== undefined) sink.add(keys.res, befores.res, redaction.value(serializers.res(res)));
    const props =
      customProps === undefined ? undefined : (redaction.value(customProps(req, res)) as Fields | undefined);
    const added = joined(joined(props, context.fields), context.recordFields);
    if (added !== undefined) this.join(sink, added);
  }

  private join(sink: Sink, added: Fields): void {
    for (const name of Object.keys(added)) {
      const key = this.taken.has(name) ? `_${name}` : name;
      sink.add(key, keyJson(key), added[name]);
    }
  }

  /** An error as data. Loggers have their own idea of errors; the data is shaped so that pino's leaves it as it is. */
  private error(error: unknown): unknown {
    const serialize = this.options.serializers?.err;
    return errorData(this.redaction.value(serialize === undefined ? error : serialize(error)));
  }
}

/** Shapes the data of an error, which loggers serialize once more in their own way, so that pino's way leaves it as it is. */
export function errorData(safe: unknown): unknown {
  if (typeof safe !== 'object' || safe === null || !('type' in safe) || Object.hasOwn(safe, 'name')) return safe;
  return Object.defineProperties(safe, { constructor: { value: undefined }, name: { value: safe.type } });
}

function bytesOf(length: string | undefined): number | undefined {
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function joined(first: Fields | undefined, second: Fields | undefined): Fields | undefined {
  if (typeof first !== 'object' || first === null) return second;
  return second === undefined ? first : { ...first, ...second };
}
