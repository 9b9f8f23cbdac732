export {
  addContext,
  addToRecord,
  type ContextIds,
  type CurrentContext,
  countInRecord,
  recordError,
  requestContext,
  runInContext,
} from './context/current.js';
export {
  type Destination,
  type FingersCrossed,
  type FingersCrossedOptions,
  fingersCrossed,
} from './context/fingers-crossed.js';
export type { FingersCrossedStats } from './context/held-lines.js';
export { contextMixin, type WithContextOptions, withContext } from './context/pino.js';
export type { Fields } from './context/request-context.js';
export { parseTraceparent, type TraceContext } from './context/trace-context.js';
export type { LevelName } from './levels.js';
export { OptionError } from './option-error.js';
export { createRedaction, type Redaction, type RedactOptions } from './redaction/redaction.js';
export type { SanitizeLimits } from './redaction/sanitize.js';
export type {
  AutoLogging,
  LogCall,
  RecordKeys,
  RequestLogger,
  RequestLogOptions,
  RouteLevel,
} from './request/options.js';
export type { KeepRule, SamplingOptions } from './request/sampling.js';
export { type SignedLevel, type SignedLevelOptions, signedLevel, signLevel } from './request/signed-level.js';
