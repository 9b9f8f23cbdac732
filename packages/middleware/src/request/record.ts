// The one record of a request: who asked for what, how it ended, how long it took, and what the application added.
// In: a request that is over. Out: its fields, as an object or as the JSON of a line. Invariants: flat; free of secrets; fields of
// the application never replace the record's own but stand beside them with an underscore in front.

import type { Fields, RequestContext } from '../context/request-context.js';
import { decimalJson, innerJson, keyJson, repeatingField, valueJson } from '../inner-json.js';
import type { Redaction } from '../redaction/redaction.js';
import { assign } from '../redaction/sanitize.js';
import type { ExchangeReader } from './exchange.js';
import { FIXED_KEYS, RECORD_KEYS, type RecordKeys, type RequestLogOptions } from './options.js';

/** How a request ended, as far as it is decided before the record is made. */
export interface Outcome {
  readonly status: number;
  readonly durationMs: number;
  readonly aborted: boolean;
  readonly error: unknown;
  readonly sampleRate: number | undefined;
}

/** A key of a record; `before` is how it stands in a line. */
interface Key {
  readonly name: string;
  readonly before: string;
  /** The whole field, remembered: for values that are the same in many records. */
  readonly field: (value: string | number) => string;
}

/** What every record says, as far as it is known. */
interface Facts {
  readonly method: string;
  readonly route: string | undefined;
  readonly url: string;
  readonly status: number;
  readonly responseTime: number;
  readonly bytes: number | undefined;
  readonly requestBytes: number | undefined;
  readonly remoteAddress: string | undefined;
}

const KIND = { key: 'kind', value: 'access', json: ',"kind":"access"' };

/** The facts, in the order of their fields. */
const FACTS = [
  'method',
  'route',
  'url',
  'status',
  'responseTime',
  'bytes',
  'requestBytes',
  'remoteAddress',
] as const satisfies readonly (keyof Facts)[];

/** Makes records. */
export class RecordMaker<Req, Res> {
  private readonly options: RequestLogOptions<Req, Res>;
  private readonly read: ExchangeReader<Req, Res>;
  private readonly redaction: Redaction;
  private readonly keys: Readonly<Record<keyof RecordKeys, Key>>;
  private readonly taken: ReadonlySet<string>;

  constructor(options: RequestLogOptions<Req, Res>, read: ExchangeReader<Req, Res>, redaction: Redaction) {
    this.options = options;
    this.read = read;
    this.redaction = redaction;
    const names: RecordKeys = { ...RECORD_KEYS, ...options.customAttributeKeys };
    this.keys = Object.fromEntries(
      Object.entries(names).map(([name, key]) => [
        name,
        { name: key, before: keyJson(key), field: repeatingField(key) },
      ]),
    ) as typeof this.keys;
    this.taken = new Set([...Object.values(names), ...FIXED_KEYS]);
  }

  /** The record as fields. */
  fields(context: RequestContext, req: Req, res: Res, outcome: Outcome): Fields {
    const facts = this.facts(context, req, res, outcome);
    const fields: Fields = { [KIND.key]: KIND.value, ...context.idFields() };
    for (const name of FACTS) {
      if (facts[name] !== undefined) fields[this.keys[name].name] = facts[name];
    }
    return Object.assign(fields, this.rest(context, req, res, outcome));
  }

  /** The record as it stands in a line. */
  // Nearly every request passes here, so each field is written out.
  json(context: RequestContext, req: Req, res: Res, outcome: Outcome): string {
    const { keys } = this;
    const { method, route, url, status, responseTime, bytes, requestBytes, remoteAddress } = this.facts(
      context,
      req,
      res,
      outcome,
    );
    let json = KIND.json + context.idsJson() + keys.method.field(method);
    if (route !== undefined) json += keys.route.field(route);
    json += keys.url.before + valueJson(url) + keys.status.field(status);
    json += keys.responseTime.before + decimalJson(responseTime);
    if (bytes !== undefined) json += keys.bytes.before + decimalJson(bytes);
    if (requestBytes !== undefined) json += keys.requestBytes.before + decimalJson(requestBytes);
    if (remoteAddress !== undefined) json += keys.remoteAddress.field(remoteAddress);
    const rest = this.rest(context, req, res, outcome);
    return rest === undefined ? json : json + innerJson(rest);
  }

  private facts(context: RequestContext, req: Req, res: Res, outcome: Outcome): Facts {
    const { read } = this;
    return {
      method: read.method(req),
      route: context.route ?? read.route(req, res),
      url: this.redaction.text(read.url(req)),
      status: outcome.status,
      responseTime: outcome.durationMs,
      bytes: read.bytes(req, res, outcome.aborted),
      requestBytes: bytesOf(read.header(req, 'content-length')),
      remoteAddress: context.remoteAddress,
    };
  }

  /** What few records have beside their facts. */
  private rest(context: RequestContext, req: Req, res: Res, outcome: Outcome): Fields | undefined {
    const { serializers, customProps } = this.options;
    const { aborted, sampleRate, error } = outcome;
    const own = serializers !== undefined || customProps !== undefined;
    const added = context.fields !== undefined || context.recordFields !== undefined;
    if (!own && !added && !aborted && sampleRate === undefined && error === undefined) return undefined;
    const { keys, redaction } = this;
    const rest: Fields = {};
    if (aborted) rest.aborted = true;
    if (sampleRate !== undefined) rest.sample_rate = sampleRate;
    if (error !== undefined) rest[keys.err.name] = this.error(error);
    if (serializers?.req !== undefined) rest[keys.req.name] = redaction.value(serializers.req(req));
    if (serializers?.res !== undefined) rest[keys.res.name] = redaction.value(serializers.res(res));
    const props =
      customProps === undefined ? undefined : (redaction.value(customProps(req, res)) as Fields | undefined);
    this.join(rest, joined(joined(props, context.fields), context.recordFields));
    return rest;
  }

  private join(rest: Fields, added: Fields | undefined): void {
    if (added === undefined) return;
    for (const name of Object.keys(added)) assign(rest, this.taken.has(name) ? `_${name}` : name, added[name]);
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
