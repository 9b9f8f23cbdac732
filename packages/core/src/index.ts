// The public API of @spillway/core, one screen.

export { Batch, type BatchParts } from './batch.js';
export { type ErrorCode, SpillwayError } from './errors.js';
export type { EventName, Events } from './events.js';
export type { DropReason, Tally } from './ledger.js';
export { parseOptions } from './options/parse.js';
export { type PipelineInput, pipelineOptions } from './options/pipeline-options.js';
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
  type ObjectSchema,
  type OptionDoc,
  object,
  type Parsed,
  required,
  type Schema,
  size,
  text,
  url,
} from './options/schema.js';
export { type FlushReport, type Pipeline, pipeline } from './pipeline.js';
export { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js';
export { imbalance, type Stats } from './stats.js';
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
