// The heart of the middleware, free of any framework: opens a context when a request comes in, writes its one record when it
// is over. In: requests and responses through a reader. Out: contexts, and records at the logger.
// Invariants: one record a request, whatever ends it; what a callback of the application throws is contained and warned of once.

import { contextHookOf, type LineOf, lineWriterOf } from '../context/pino-parts.js';
import { type Fields, RequestContext } from '../context/request-context.js';
import { harmlessId, uuidv7 } from '../context/request-id.js';
import { activeSpan, parseTraceparent, type TraceContext } from '../context/trace-context.js';
import { innerJson } from '../inner-json.js';
import { isLevelName, LEVELS, type LevelName, levelNumber } from '../levels.js';
import { createLogger } from '../loggers/logger.js';
import { option } from '../option-error.js';
import { createRedaction, type Redaction } from '../redaction/redaction.js';
import { CONTEXT, storage, warnOnce } from '../shared.js';
import type { ExchangeReader } from './exchange.js';
import { checkOptions, QUIET_PATHS, RECORD_KEYS, type RequestLogger, type RequestLogOptions } from './options.js';
import { pathOf, pathPatterns } from './path-pattern.js';
import { errorData, type Outcome, RecordMaker } from './record.js';
import { type Ending, sampler } from './sampling.js';

interface Bound {
  [CONTEXT]?: RequestContext;
}
type LevelOf = (path: string, method: string) => number;

/** Status in the record of a request whose client left before the response began; servers have called it so for long. */
const CLIENT_CLOSED = 499;
/** Status in the record of a request that nobody answers any more, as its listener threw before the response began. */
const UNANSWERED = 500;

/** Logs the requests of one application. */
export class RequestLog<Req, Res> {
  readonly logger: RequestLogger;
  private readonly options: RequestLogOptions<Req, Res>;
  private readonly read: ExchangeReader<Req, Res>;
  private readonly redaction: Redaction;
  private readonly maker: RecordMaker<Req, Res>;
  private readonly hook: 'line' | 'fields' | 'none';
  private readonly lineOf: LineOf | undefined;
  private readonly header: string | undefined;
  private readonly ignore: ((req: Req) => boolean) | undefined;
  private readonly quiet: ((path: string) => boolean) | undefined;
  private readonly sample: ((ending: Ending) => number) | undefined;
  private readonly routeLevel: LevelOf | undefined;
  private readonly requestIdKey: string;

  constructor(options: RequestLogOptions<Req, Res>, read: ExchangeReader<Req, Res>) {
    checkOptions(options);
    this.options = options;
    this.read = read;
    this.logger = options.logger ?? createLogger();
    this.hook = contextHookOf(this.logger);
    this.lineOf = lineWriterOf(this.logger);
    this.redaction = createRedaction(options.redact ?? true);
    this.maker = new RecordMaker(options, read, this.redaction);
    this.header =
      options.requestIdHeader === false ? undefined : (options.requestIdHeader ?? 'x-request-id').toLowerCase();
    const auto = typeof options.autoLogging === 'object' ? options.autoLogging : {};
    this.ignore = options.autoLogging === false ? () => true : auto.ignore;
    this.quiet = auto.quiet === false ? undefined : pathPatterns(auto.quiet ?? QUIET_PATHS);
    this.sample = options.sampling && sampler(options.sampling);
    this.routeLevel = options.routeLevels && routeLevels(options.routeLevels);
    this.requestIdKey = options.customAttributeKeys?.reqId ?? RECORD_KEYS.reqId;
  }

  /** A request came in. */
  open(req: Req, res: Res, known?: string): RequestContext {
    const { read, header } = this;
    const trace = activeSpan() ?? parseTraceparent(read.header(req, 'traceparent'));
    const requestId = known ?? this.idOf(req, res, trace);
    // Of an id of our own choice it is known already.
    const chosen = known === undefined && this.options.genReqId === undefined;
    const plainId = chosen || harmlessId(requestId) !== undefined;
    const context = new RequestContext({
      requestId,
      requestIdKey: this.requestIdKey,
      plainId,
      trace,
      redaction: this.redaction,
    });
    context.level = this.levelOf(req);
    context.remoteAddress = this.addressOf(req);
    if (header !== undefined && plainId) read.echo(res, header, requestId);
    if (this.options.customReceivedMessage !== undefined || this.options.customReceivedObject !== undefined) {
      storage.run(context, () => this.contained('customReceived', () => this.received(req, res)));
    }
    return context;
  }

  /** The request is over: its response was sent in full, or broke off. */
  close(context: RequestContext, req: Req, res: Res, aborted: boolean): void {
    if (context.closed) return;
    context.closed = true;
    if (storage.getStore() === context) this.finish(context, req, res, aborted);
    else this.finishWithin(context, req, res, aborted);
  }

  // Apart, so that no closure is made where none is needed.
  private finishWithin(context: RequestContext, req: Req, res: Res, aborted: boolean): void {
    storage.run(context, () => this.finish(context, req, res, aborted));
  }

  private finish(context: RequestContext, req: Req, res: Res, aborted: boolean): void {
    try {
      this.record(context, req, res, aborted);
    } catch (error) {
      this.complain('record', error);
    }
    context.recording = undefined;
  }

  /** The logger of a request: carries its context also where its lines are logged outside of it. */
  loggerOf(context: RequestContext): RequestLogger {
    const { logger } = this;
    const level = context.level > 0 ? levelKnownTo(logger, context.level) : undefined;
    if (this.hook === 'none') {
      if (typeof logger.child !== 'function') return logger;
      return logger.child(context.lineFields(), level === undefined ? undefined : { level }) as RequestLogger;
    }
    // A child in all but its bindings, of which it needs none: what loggers inherit, they look up on themselves. It costs a
    // twentieth of a real child, and every request has one.
    const child = (level === undefined ? Object.create(logger) : logger.child?.({}, { level })) as Bound &
      RequestLogger;
    child[CONTEXT] = context;
    return child;
  }

  private idOf(req: Req, res: Res, trace: TraceContext | undefined): string {
    const { genReqId } = this.options;
    if (genReqId !== undefined) {
      const id = this.contained('genReqId', () => genReqId(req, res));
      if (typeof id === 'string' || typeof id === 'number' || typeof id === 'bigint') return String(id);
    }
    const given = this.header === undefined ? undefined : harmlessId(this.read.header(req, this.header));
    return given ?? trace?.traceId ?? uuidv7();
  }

  /** Asked at once: a connection that the client has closed knows no address any more. */
  private addressOf(req: Req): string | undefined {
    try {
      return this.read.remoteAddress(req);
    } catch (error) {
      // Frameworks ask the application which proxies to trust.
      this.complain('remoteAddress', error);
      return undefined;
    }
  }

  private levelOf(req: Req): number {
    const { levelHeader } = this.options;
    const asked = levelHeader && this.read.header(req, levelHeader.header);
    const level = asked === undefined ? undefined : levelHeader?.read(asked);
    if (level !== undefined) return levelNumber(level);
    return this.routeLevel === undefined ? 0 : this.routeLevel(pathOf(this.read.url(req)), this.read.method(req));
  }

  private received(req: Req, res: Res): void {
    const { customReceivedMessage, customReceivedObject, useLevel } = this.options;
    const level = useLevel ?? 'info';
    if (level === 'silent' || this.ignore?.(req) === true) return;
    const fields = customReceivedObject === undefined ? {} : this.redaction.value(customReceivedObject(req, res));
    this.logger[level](fields as object, customReceivedMessage?.(req, res) ?? 'request received');
  }

  private record(context: RequestContext, req: Req, res: Res, aborted: boolean): void {
    const { read } = this;
    const durationMs = Math.round((performance.now() - context.startMs) * 1000) / 1000;
    const error = context.error ?? (res as { err?: unknown }).err;
    const status = read.responded(res) ? read.status(res) : aborted ? CLIENT_CLOSED : UNANSWERED;
    const bad = failed(error, status);
    context.settle(bad);
    if (this.ignore?.(req) === true) return;
    const level = this.levelOfRecord(req, res, status, error, aborted);
    if (level === 'silent' || !this.wanted(context, level)) return;
    const traceId = context.trace?.traceId;
    const sampleRate = this.sample?.({ level, status, durationMs, url: read.url(req), traceId });
    if (sampleRate === 0) return;
    const outcome = { status, durationMs, aborted, error, sampleRate };
    this.write(context, level, req, res, outcome, this.message(req, res, outcome, bad));
  }

  /** Hands the record to the logger: as a line where that can be, else ready to be spliced into one, else as fields. */
  private write(
    context: RequestContext,
    level: LevelName,
    req: Req,
    res: Res,
    outcome: Outcome,
    message: string,
  ): void {
    const { maker, logger } = this;
    const custom = this.customizer(outcome);
    const fields = custom !== undefined || this.hook !== 'line' ? maker.fields(context, req, res, outcome) : undefined;
    const record = custom === undefined ? fields : this.customized(custom(req, res, fields!));
    if (this.hook !== 'line') {
      context.recording = { json: '' };
      logger[level](record!, message);
      return;
    }
    const json = record === undefined ? maker.json(context, req, res, outcome) : innerJson(record);
    if (this.lineOf !== undefined) this.lineOf(LEVELS[level], json, message);
    else {
      context.recording = { json };
      logger[level](message);
    }
  }

  private customizer({ error, status }: Outcome): ((req: Req, res: Res, record: Fields) => object) | undefined {
    const { customSuccessObject, customErrorObject } = this.options;
    if (!failed(error, status)) return customSuccessObject;
    return customErrorObject && ((req, res, record) => customErrorObject(req, res, error, record));
  }

  /** Hooks of loggers skip records, so what the application made of one is made safe here. */
  private customized(custom: object): Fields {
    const safe = this.redaction.value(custom) as Fields;
    const key = this.options.customAttributeKeys?.err ?? RECORD_KEYS.err;
    return Object.assign(safe, key in safe ? { [key]: errorData(safe[key]) } : undefined);
  }

  private message(req: Req, res: Res, outcome: Outcome, bad: boolean): string {
    const { customSuccessMessage, customErrorMessage } = this.options;
    if (bad) {
      return customErrorMessage === undefined
        ? 'request errored'
        : this.redaction.text(customErrorMessage(req, res, outcome.error));
    }
    if (customSuccessMessage !== undefined) {
      return this.redaction.text(customSuccessMessage(req, res, outcome.durationMs));
    }
    return outcome.aborted ? 'request aborted' : 'request completed';
  }

  private levelOfRecord(req: Req, res: Res, status: number, error: unknown, aborted: boolean): LevelName | 'silent' {
    const { customLogLevel, useLevel } = this.options;
    if (customLogLevel !== undefined) {
      const level = customLogLevel(req, res, error);
      if (level === 'silent' || isLevelName(level)) return level;
    }
    if (useLevel !== undefined) return useLevel;
    if (failed(error, status)) return 'error';
    if (aborted || status >= 400) return 'warn';
    return this.quiet?.(pathOf(this.read.url(req))) === true ? 'debug' : 'info';
  }

  /** Whether anything would come of a record: asked before it is made. */
  private wanted(context: RequestContext, level: LevelName): boolean {
    if (context.level > 0 && LEVELS[level] < context.level) return false;
    return this.logger.isLevelEnabled?.(level) ?? true;
  }

  /** Calls back into the application; what it throws must not end the request, let alone the process. */
  private contained<T>(what: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.complain(what, error);
      return undefined;
    }
  }

  private complain(what: string, error: unknown): void {
    const reason = this.redaction.text(
      error instanceof Error ? `${error.name}: ${error.message}` : 'a value was thrown',
    );
    warnOnce('SPILLWAY_CALLBACK_FAILED', `Logging of a request failed in \`${what}\`: ${reason.slice(0, 200)}`);
  }
}

/** An error that was answered with a status of the client's fault is no failure of ours: not found, not allowed, not valid. */
function failed(error: unknown, status: number): boolean {
  if (status >= 500) return true;
  // An error that was answered with a status of the client's kind is the client's; one that never was answered is ours.
  return error !== undefined && (status < 400 || status >= CLIENT_CLOSED);
}

const LEVEL_BY_NUMBER = new Map(Object.entries(LEVELS).map(([name, number]) => [number, name]));

/** The name of a level; of a logger that has levels of its own alone, only if that is one of them: it throws at any other. */
function levelKnownTo(logger: RequestLogger, level: number): string | undefined {
  const name = LEVEL_BY_NUMBER.get(level)!;
  const own = (logger as { levels?: { values?: object } }).levels?.values;
  return own === undefined || Object.hasOwn(own, name) ? name : undefined;
}

function routeLevels(rules: NonNullable<RequestLogOptions<unknown, unknown>['routeLevels']>): LevelOf {
  const compiled = option.array(rules, 'routeLevels').map((rule, at) => {
    option.known(rule, ['path', 'method', 'level'], `routeLevels[${at}]`);
    const { path, method, level } = rule;
    if (!isLevelName(level)) option.one(level, `routeLevels[${at}].level`, Object.keys(LEVELS));
    return {
      matches: pathPatterns([option.string(path, `routeLevels[${at}].path`)]),
      method: method === undefined ? undefined : option.string(method, `routeLevels[${at}].method`).toUpperCase(),
      level: LEVELS[level],
    };
  });
  return (path, method) => {
    for (const rule of compiled) {
      if ((rule.method === undefined || rule.method === method) && rule.matches(path)) return rule.level;
    }
    return 0;
  };
}
