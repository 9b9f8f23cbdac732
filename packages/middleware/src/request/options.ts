// The options of request logging, named as in pino-http where it has them. In: what a user wrote. Out: the same, checked.
// Invariant: an unknown key or a value of the wrong kind is an error at start-up that names it.

import { RESERVED } from '../context/request-context.js';
import { LEVEL_NAMES, type LevelName } from '../levels.js';
import { option, optionError } from '../option-error.js';
import type { RedactOptions } from '../redaction/redaction.js';
import type { SamplingOptions } from './sampling.js';
import type { SignedLevel } from './signed-level.js';

/** Logs fields and a message, or a message alone. */
export interface LogCall {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** A logger that requests are logged with: pino, `createLogger()` of this package, or alike. */
export interface RequestLogger {
  trace: LogCall;
  debug: LogCall;
  info: LogCall;
  warn: LogCall;
  error: LogCall;
  fatal: LogCall;
  child?(bindings: Record<string, unknown>, options?: { level?: string }): unknown;
  isLevelEnabled?(level: string): boolean;
}

/** The keys of the record of a request. */
export interface RecordKeys {
  /**
   * The id, on lines as well.
   * @default 'request_id'
   */
  reqId: string;
  /**
   * The method.
   * @default 'method'
   */
  method: string;
  /**
   * The template of the route, where the framework has one.
   * @default 'route'
   */
  route: string;
  /**
   * Path and query, without secrets.
   * @default 'url'
   */
  url: string;
  /**
   * The status; 499 where the client left before the response began.
   * @default 'status'
   */
  status: string;
  /**
   * Milliseconds from the request's headers to the end of the response, with three decimals.
   * @default 'duration_ms'
   */
  responseTime: string;
  /**
   * Bytes of the response's body, where they are known.
   * @default 'bytes'
   */
  bytes: string;
  /**
   * Bytes of the request's body, by its `content-length`.
   * @default 'request_bytes'
   */
  requestBytes: string;
  /**
   * The client's address; of frameworks that know trusted proxies, as they see it.
   * @default 'remote_address'
   */
  remoteAddress: string;
  /**
   * The error.
   * @default 'err'
   */
  err: string;
  /**
   * What `serializers.req` returns.
   * @default 'req'
   */
  req: string;
  /**
   * What `serializers.res` returns.
   * @default 'res'
   */
  res: string;
}

/** Which requests get a record. */
export interface AutoLogging<Req> {
  /** Requests that get no record. They have a context all the same. */
  readonly ignore?: (req: Req) => boolean;
  /**
   * Paths whose record is at `debug` unless it is bad news; `*` stands for any characters.
   * @default ['/health', '/healthz', '/livez', '/readyz', '/ready', '/live', '/ping', '/metrics', '/favicon.ico']
   */
  readonly quiet?: readonly string[] | false;
}

/** The least level of lines logged during requests to some paths. */
export interface RouteLevel {
  /** Path; `*` stands for any characters. */
  readonly path: string;
  /** Method, if only requests with it are meant. */
  readonly method?: string;
  /** The least level of their lines: of `req.log`, of all `createLogger()` loggers, and at `fingersCrossed()` destinations. */
  readonly level: LevelName;
}

/** How requests are logged. */
export interface RequestLogOptions<Req, Res> {
  /**
   * Where records and the lines of `req.log` go.
   * @default createLogger(), JSON lines on stdout
   */
  readonly logger?: RequestLogger;
  /** Makes the id of a request. By default: a harmless `x-request-id`, else the trace id, else a new UUIDv7. */
  readonly genReqId?: (req: Req, res: Res) => unknown;
  /**
   * The header that ids come from and go back in; `false`: neither.
   * @default 'x-request-id'
   */
  readonly requestIdHeader?: string | false;
  /** One level for all records. By default: `error` from status 500 or with an unanswered error, `warn` from 400 or aborted, else `info`. */
  readonly useLevel?: LevelName | 'silent';
  /** The level of each record; `silent`: none. Not beside `useLevel`. */
  readonly customLogLevel?: (req: Req, res: Res, error?: unknown) => LevelName | 'silent';
  /**
   * Whether requests get a record, and which.
   * @default true
   */
  readonly autoLogging?: boolean | AutoLogging<Req>;
  /** Fields for the record. */
  readonly customProps?: (req: Req, res: Res) => object | undefined;
  /** With this, or with `customReceivedObject`, a line is written when a request comes in, too. */
  readonly customReceivedMessage?: (req: Req, res: Res) => string;
  /** Fields of the line that is written when a request comes in. */
  readonly customReceivedObject?: (req: Req, res: Res) => object;
  /** The message of the record of a request that did not fail. By default `request completed`, or `request aborted`. */
  readonly customSuccessMessage?: (req: Req, res: Res, durationMs: number) => string;
  /** Makes the record of a request that did not fail, from the record as it would be. */
  readonly customSuccessObject?: (req: Req, res: Res, record: Record<string, unknown>) => object;
  /** The message of the record of a request that failed. By default `request errored`. */
  readonly customErrorMessage?: (req: Req, res: Res, error: unknown) => string;
  /** Makes the record of a request that failed, from the record as it would be. */
  readonly customErrorObject?: (req: Req, res: Res, error: unknown, record: Record<string, unknown>) => object;
  /** Other names for keys of the record. */
  readonly customAttributeKeys?: Partial<RecordKeys>;
  /** With `req` or `res` the record gets what they return under that key; `err` replaces how errors are written. */
  readonly serializers?: {
    readonly req?: (req: Req) => unknown;
    readonly res?: (res: Res) => unknown;
    readonly err?: (error: unknown) => unknown;
  };
  /**
   * What is hidden in what the record and the context are given; `false`: nothing.
   * @default true
   */
  readonly redact?: RedactOptions | boolean;
  /** Which records are kept, decided when a request has ended; the rate is in the record as `sample_rate`. */
  readonly sampling?: SamplingOptions;
  /** Levels of lines by path; the first that fits counts. */
  readonly routeLevels?: readonly RouteLevel[];
  /** Lets single requests ask for a level: `signedLevel({ secret })`. */
  readonly levelHeader?: SignedLevel;
}

/** Paths of health checks and the like. */
export const QUIET_PATHS: readonly string[] = [
  '/health',
  '/healthz',
  '/livez',
  '/readyz',
  '/ready',
  '/live',
  '/ping',
  '/metrics',
  '/favicon.ico',
];

/** The keys that records have unless they are given others. */
export const RECORD_KEYS: Readonly<RecordKeys> = {
  reqId: 'request_id',
  method: 'method',
  route: 'route',
  url: 'url',
  status: 'status',
  responseTime: 'duration_ms',
  bytes: 'bytes',
  requestBytes: 'request_bytes',
  remoteAddress: 'remote_address',
  err: 'err',
  req: 'req',
  res: 'res',
};

/** The keys of records that no option changes. */
export const FIXED_KEYS: readonly string[] = [...RESERVED, 'aborted', 'sample_rate'];

/** A token of HTTP; Node throws at any other name of a header. https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const HEADER = /^[\w!#$%&'*+.^`|~-]+$/;

const FUNCTIONS = [
  'genReqId',
  'customLogLevel',
  'customProps',
  'customReceivedMessage',
  'customReceivedObject',
  'customSuccessMessage',
  'customSuccessObject',
  'customErrorMessage',
  'customErrorObject',
] as const;
const OTHERS = [
  'logger',
  'requestIdHeader',
  'useLevel',
  'autoLogging',
  'customAttributeKeys',
  'serializers',
  'redact',
  'sampling',
  'routeLevels',
  'levelHeader',
];

function isHeaderName(name: unknown): boolean {
  return typeof name === 'string' && HEADER.test(name);
}

/** Two fields of one name would make a line that every reader understands in its own way. */
function checkKeys(given: Partial<RecordKeys>): void {
  option.known(given, Object.keys(RECORD_KEYS), 'customAttributeKeys');
  const all = Object.entries({ ...RECORD_KEYS, ...given });
  for (const [name, key] of Object.entries(given)) {
    const path = `customAttributeKeys.${name}`;
    option.string(key, path);
    if (FIXED_KEYS.includes(key)) throw optionError(path, 'a key that neither loggers nor records have anyway', key);
    const [other] = all.find(([field, taken]) => field !== name && taken === key) ?? [];
    if (other !== undefined) throw optionError(path, `another key than that of \`${other}\``, key);
  }
}

/**
 * Checks what types cannot, and what users of JavaScript write.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID`
 */
export function checkOptions<Req, Res>(options: RequestLogOptions<Req, Res>): void {
  if (typeof options !== 'object' || options === null) throw optionError('options', 'an object', options);
  option.known(options, [...FUNCTIONS, ...OTHERS], '');
  for (const name of FUNCTIONS) option.fn(options[name], name);
  const { logger, useLevel, autoLogging, customAttributeKeys, serializers, requestIdHeader, levelHeader } = options;
  if (logger !== undefined && typeof logger?.info !== 'function')
    throw optionError('logger', 'a logger with `info()`', logger);
  if (useLevel !== undefined) option.one(useLevel, 'useLevel', [...LEVEL_NAMES, 'silent']);
  if (useLevel !== undefined && options.customLogLevel !== undefined) {
    throw optionError('useLevel', 'left out beside `customLogLevel`', useLevel);
  }
  if (autoLogging !== undefined && typeof autoLogging !== 'boolean') {
    option.known(autoLogging, ['ignore', 'quiet'], 'autoLogging');
    option.fn(autoLogging.ignore, 'autoLogging.ignore');
    if (autoLogging.quiet !== undefined && autoLogging.quiet !== false)
      option.strings(autoLogging.quiet, 'autoLogging.quiet');
  }
  checkKeys(customAttributeKeys ?? {});
  option.known(serializers ?? {}, ['req', 'res', 'err'], 'serializers');
  for (const [name, serializer] of Object.entries(serializers ?? {})) option.fn(serializer, `serializers.${name}`);
  if (requestIdHeader !== undefined && requestIdHeader !== false && !isHeaderName(requestIdHeader))
    throw optionError('requestIdHeader', 'the name of a header, or `false`', requestIdHeader);
  if (levelHeader !== undefined && (typeof levelHeader?.read !== 'function' || typeof levelHeader.header !== 'string'))
    throw optionError('levelHeader', 'what `signedLevel({ secret })` returns', levelHeader);
}
