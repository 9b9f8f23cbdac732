// Which trace a line belongs to. In: the W3C `traceparent` header of the request, and the active span of OpenTelemetry
// where an application has set it up. Out: trace id, span id, flags, lowercase hex.
// OpenTelemetry is found through its API's own process-wide registration, so nothing is imported, patched or bundled.

/** The part of a span's identity that lines carry. */
export interface TraceContext {
  /** 32 lowercase hex digits. */
  readonly traceId: string;
  /** 16 lowercase hex digits: the active span, or the caller's where this process records none. */
  readonly spanId: string;
  /** Bit 0: sampled. */
  readonly traceFlags: number;
}

// https://www.w3.org/TR/trace-context/#traceparent-header: lowercase only; later versions may append fields after a dash.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.{0,200})?$/;
const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);

/** Reads a `traceparent` header; `undefined` if it is missing or not valid. */
export function parseTraceparent(header: unknown): TraceContext | undefined {
  if (typeof header !== 'string' || header.length < 55) return undefined;
  const parts = TRACEPARENT.exec(header);
  if (parts === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = parts as unknown as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

interface TelemetryContext {
  getValue(key: symbol): unknown;
}
interface TelemetrySpan {
  spanContext(): TraceContext;
}
interface TelemetryGlobals {
  readonly context?: { active(): TelemetryContext };
}

// The names that every 1.x version of @opentelemetry/api registers and looks up itself, so that its copies find each other.
const TELEMETRY = Symbol.for('opentelemetry.js.api.1');
const SPAN = Symbol.for('OpenTelemetry Context Key SPAN');

/** The span that OpenTelemetry has active right now, if an application uses it. */
export function activeSpan(): TraceContext | undefined {
  const telemetry = (globalThis as unknown as Record<symbol, TelemetryGlobals | undefined>)[TELEMETRY];
  if (telemetry?.context === undefined) return undefined;
  try {
    const span = telemetry.context.active().getValue(SPAN) as TelemetrySpan | undefined;
    const found = span?.spanContext();
    return found !== undefined && found.traceId !== NO_TRACE && found.spanId !== NO_SPAN ? found : undefined;
  } catch {
    return undefined;
  }
}

/** The flags as two hex digits, as lines carry them. */
export function flagsText(trace: TraceContext): string {
  return (trace.traceFlags & 0xff).toString(16).padStart(2, '0');
}

/** The trace as it is spliced into a line: `,"trace_id":…`. Its parts are hex and need no escaping. */
export function traceJson(trace: TraceContext): string {
  return `,"trace_id":"${trace.traceId}","span_id":"${trace.spanId}","trace_flags":"${flagsText(trace)}"`;
}
