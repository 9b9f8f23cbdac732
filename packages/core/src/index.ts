// The public API of @spillway/core, one screen.

export { Backlog, type BacklogOptions, type BacklogReport } from './backlog.js';
export { Batch, type BatchParts } from './batch.js';
export { type ErrorCode, SpillwayError } from './errors.js';
export type { EventName, Events } from './events.js';
export { classifyFailure } from './failure.js';
export { classifyReply, replyReason, retry } from './http/classify.js';
export { wireCompressor } from './http/compression.js';
export { destinationOf, withDefaultPath } from './http/location.js';
export { type HttpOptions, headerText, httpFields, isHeader, tlsOptions } from './http/options.js';
export { retryAfterMs } from './http/retry-after.js';
export { type TlsMaterial, tlsLoader } from './http/tls.js';
export { type HttpDefinition, httpTransport } from './http/transport.js';
export type {
  Authorize,
  AuthorizeContext,
  ContentEncoding,
  HttpFetch,
  HttpReply,
  HttpRequest,
  HttpWire,
  SecretHeader,
} from './http/types.js';
export { LANES, type Lane } from './lane.js';
export type { DropReason, Tally } from './ledger.js';
export { lossLine } from './losses.js';
export { structured } from './options/environment-text.js';
export { parseOptions } from './options/parse.js';
export { type PipelineInput, type PipelineSettings, pipelineOptions, settle } from './options/pipeline-options.js';
export { routeMatchOptions, withoutMatch } from './options/route-match.js';
export {
  choice,
  custom,
  describe,
  dictionary,
  flag,
  type Input,
  integer,
  list,
  milliseconds,
  nearest,
  type ObjectSchema,
  type OptionalObject,
  type OptionDoc,
  object,
  optional,
  type Parsed,
  required,
  type Schema,
  size,
  text,
  url,
} from './options/schema.js';
export { gatherOptions, layOver, routesOf } from './options/sources.js';
export { levelOfLabel } from './options/stages.js';
export { type FlushReport, type Pipeline, pipeline } from './pipeline.js';
export { plainReason } from './reason.js';
export { MAX_ROUTES, type Route, type RouteMatch, Router, routerName } from './router.js';
export { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js';
export { type SecretOptions, secretReader } from './secret.js';
export type { DeadLetter, DeadLetterFile, DeadLetters, RetryReport } from './spool/dead-letters.js';
export type { Drained } from './spool/drain.js';
export type { EvictionReason, SpoolEvent, SpoolState } from './spool/events.js';
export type { Call, Calls, FileSystem } from './spool/file-system.js';
export { nodeFileSystem } from './spool/node-file-system.js';
export { type SpoolOptions, spoolOptions } from './spool/options.js';
export type { Receipt } from './spool/segment.js';
export { createSpool, type LastBatch, Spool, type SpoolPorts, type SpoolStats } from './spool/spool.js';
export { imbalance, type Stats } from './stats.js';
export { noStats, sumOfStats } from './stats-sum.js';
export { addressOf, type StreamAddress, type StreamSchemes, streamUrl } from './stream/address.js';
export { type DatagramDefinition, datagramTransport } from './stream/datagram.js';
export type { DatagramReply, DatagramWire } from './stream/datagram-sender.js';
export { confirmFields, type StreamOptions, streamFields } from './stream/options.js';
export { type Confirmation, plainProtocol, type StreamWire, type Taken } from './stream/plain.js';
export { QuietWatch } from './stream/quiet-watch.js';
export { type StreamDefinition, streamTransport } from './stream/transport.js';
export type { SessionContext, StreamProtocol, StreamSession } from './stream/types.js';
export type {
  AnyTransport,
  Idempotency,
  Limits,
  Recommended,
  Sender,
  SendSettings,
  Transport,
  Verdict,
} from './transport.js';
export { abortable, withPatience } from './waiting.js';
export { Warnings } from './warnings.js';
