// The public API of @spillway/core, one screen.

export { Batch, type BatchParts } from './batch.js';
export { type ErrorCode, SpillwayError } from './errors.js';
export { parseOptions } from './options/parse.js';
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
export { type Runtime, sleep, systemRuntime, type Timer } from './runtime.js';
export type {
  AnyTransport,
  Idempotency,
  Limits,
  Recommended,
  Sender,
  Transport,
  Verdict,
} from './transport.js';
