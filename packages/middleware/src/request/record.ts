// The one record of a request: who asked for what, how it ended, how long it took, and what the application added.
// In: a request that is over. Out: fields for the logger. Invariants: flat; free of secrets; fields of the application never
// replace the record's own but stand beside them with an underscore in front.

import type { Fields, RequestContext } from '../context/request-context.js';
import { traceFields } from '../context/request-context.js';
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

/** Makes records. */
export class RecordMaker<Req, Res> {
  private readonly options: RequestLogOptions<Req, Res>;
  private readonly read: ExchangeReader<Req, Res>;
  private readonly redaction: Redaction;
  /** The keys, if they are not the usual ones. */
  private readonly keys: RecordKeys | undefined;

  constructor(options: RequestLogOptions<Req, Res>, read: ExchangeReader<Req, Res>, redaction: Redaction) {
    this.options = options;
    this.read = read;
    this.redaction = redaction;
    this.keys = options.customAttributeKeys && { ...RECORD_KEYS, ...options.customAttributeKeys };
  }

  make(context: RequestContext, req: Req, res: Res, outcome: Outcome): Fields {
    const { read, redaction } = this;
    const trace = context.trace;
    const url = read.url(req);
    const record: Fields = {
      kind: 'access',
      request_id: context.requestId,
      trace_id: trace?.traceId,
      span_id: trace?.spanId,
      trace_flags: trace && traceFields(trace)!.trace_flags,
      method: read.method(req),
      route: context.route ?? read.route(req, res),
      url: url.includes('?') || url.includes('@') ? redaction.text(url) : url,
      status: outcome.status,
      duration_ms: outcome.durationMs,
      bytes: read.bytes(req, res, outcome.aborted),
      request_bytes: bytesOf(read.header(req, 'content-length')),
      remote_address: read.remoteAddress(req),
      user_agent: read.header(req, 'user-agent'),
    };
    if (outcome.aborted) record.aborted = true;
    if (outcome.sampleRate !== undefined) record.sample_rate = outcome.sampleRate;
    if (outcome.error !== undefined) record.err = this.error(outcome.error);
    const { serializers, customProps } = this.options;
    if (serializers?.req !== undefined) record.req = redaction.value(serializers.req(req));
    if (serializers?.res !== undefined) record.res = redaction.value(serializers.res(res));
    const named = this.keys === undefined ? record : renamed(record, this.keys);
    if (customProps !== undefined) join(named, redaction.value(customProps(req, res)));
    if (context.fields !== undefined) join(named, context.fields);
    if (context.recordFields !== undefined) join(named, context.recordFields);
    return named;
  }

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

function join(record: Fields, fields: unknown): void {
  if (typeof fields !== 'object' || fields === null) return;
  for (const key in fields) record[record[key] === undefined ? key : `_${key}`] = (fields as Fields)[key];
}

const NAMES = Object.keys(RECORD_KEYS) as (keyof RecordKeys)[];

function renamed(record: Fields, keys: RecordKeys): Fields {
  const names = new Map(NAMES.map((name) => [RECORD_KEYS[name], keys[name]]));
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [names.get(key) ?? key, value]));
}
