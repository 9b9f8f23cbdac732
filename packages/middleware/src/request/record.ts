// The one record of a request: who asked for what, how it ended, how long it took, and what the application added.
// In: a request that is over. Out: its fields, as an object or as the JSON of a line. Invariants: flat; free of secrets; fields of
// the application never replace the record's own but stand beside them with an underscore in front.

import type { Fields, RequestContext } from '../context/request-context.js';
import { keyJson, repeatingField, valueJson } from '../inner-json.js';
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
  add(key: Key, value: unknown): void;
  /** For texts that are the same in many records. */
  addRepeating(key: OwnKey, value: string | undefined): void;
}

/** The key of a field; `before` is how it stands in a line. */
interface Key {
  readonly name: string;
  readonly before: string;
}

/** A key of the record's own, whose fields can be remembered. */
interface OwnKey extends Key {
  readonly field: (value: string) => string;
}

class FieldsSink implements Sink {
  readonly fields: Fields;

  constructor(ids: Fields) {
    this.fields = { [KIND.key]: KIND.value, ...ids };
  }

  add({ name }: Key, value: unknown): void {
    if (value !== undefined) this.fields[name] = value;
  }

  addRepeating(key: OwnKey, value: string | undefined): void {
    this.add(key, value);
  }
}

class JsonSink implements Sink {
  json: string;

  constructor(idsJson: string) {
    this.json = KIND.json + idsJson;
  }

  add({ before }: Key, value: unknown): void {
    if (value !== undefined) this.json += before + valueJson(value);
  }

  addRepeating({ field }: OwnKey, value: string | undefined): void {
    if (value !== undefined) this.json += field(value);
  }
}

const KIND = { key: 'kind', value: 'access', json: ',"kind":"access"' };
/** Keys that no option changes; the first three come with the ids of the context. */
const FIXED = ['trace_id', 'span_id', 'trace_flags', 'aborted', 'sample_rate'];

type Name = keyof RecordKeys | 'aborted' | 'sample_rate';

/** Makes records. */
export class RecordMaker<Req, Res> {
  private readonly options: RequestLogOptions<Req, Res>;
  private readonly read: ExchangeReader<Req, Res>;
  private readonly redaction: Redaction;
  private readonly keys: Readonly<Record<Name, OwnKey>>;
  private readonly taken: ReadonlySet<string>;

  constructor(options: RequestLogOptions<Req, Res>, read: ExchangeReader<Req, Res>, redaction: Redaction) {
    this.options = options;
    this.read = read;
    this.redaction = redaction;
    const fixed = Object.fromEntries(FIXED.map((name) => [name, name]));
    const names: Record<string, string> = { ...fixed, ...RECORD_KEYS, ...options.customAttributeKeys };
    this.keys = Object.fromEntries(
      Object.entries(names).map(([name, key]) => [name, { ...keyOf(key), field: repeatingField(key) }]),
    ) as typeof this.keys;
    this.taken = new Set([...Object.values(names), KIND.key, 'level', 'time', 'msg']);
  }

  /** The record as fields. */
  fields(context: RequestContext, req: Req, res: Res, outcome: Outcome): Fields {
    const sink = new FieldsSink(context.idFields());
    this.fill(sink, context, req, res, outcome);
    return sink.fields;
  }

  /** The record as it stands in a line. */
  json(context: RequestContext, req: Req, res: Res, outcome: Outcome): string {
    const sink = new JsonSink(context.idsJson());
    this.fill(sink, context, req, res, outcome);
    return sink.json;
  }

  private fill(sink: Sink, context: RequestContext, req: Req, res: Res, outcome: Outcome): void {
    const { read, redaction, keys } = this;
    const url = read.url(req);
    sink.addRepeating(keys.method, read.method(req));
    sink.addRepeating(keys.route, context.route ?? read.route(req, res));
    sink.add(keys.url, url.includes('?') || url.includes('@') ? redaction.text(url) : url);
    sink.add(keys.status, outcome.status);
    sink.add(keys.responseTime, outcome.durationMs);
    sink.add(keys.bytes, read.bytes(req, res, outcome.aborted));
    sink.add(keys.requestBytes, bytesOf(read.header(req, 'content-length')));
    sink.addRepeating(keys.remoteAddress, read.remoteAddress(req));
    if (outcome.aborted) sink.add(keys.aborted, true);
    sink.add(keys.sample_rate, outcome.sampleRate);
    if (outcome.error !== undefined) sink.add(keys.err, this.error(outcome.error));
    const { serializers, customProps } = this.options;
    if (serializers?.req !== undefined) sink.add(keys.req, redaction.value(serializers.req(req)));
    if (serializers?.res !== undefined) sink.add(keys.res, redaction.value(serializers.res(res)));
    const props =
      customProps === undefined ? undefined : (redaction.value(customProps(req, res)) as Fields | undefined);
    const added = joined(joined(props, context.fields), context.recordFields);
    if (added !== undefined) this.join(sink, added);
  }

  private join(sink: Sink, added: Fields): void {
    for (const name of Object.keys(added)) {
      sink.add(keyOf(this.taken.has(name) ? `_${name}` : name), added[name]);
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

function keyOf(name: string): Key {
  return { name, before: keyJson(name) };
}

function bytesOf(length: string | undefined): number | undefined {
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

function joined(first: Fields | undefined, second: Fields | undefined): Fields | undefined {
  if (typeof first !== 'object' || first === null) return second;
  return second === undefined ? first : { ...first, ...second };
}
