// All of the public API that has a name: what `require` gives, beside the default, which is for pino alone (require.cjs).

export type { FlushReport, Stats } from '@spillway/core';
export { type InProcessStream, spillway } from './in-process.js';
export type {
  OneDestination,
  RouteOptions,
  Routes,
  StreamOnlyOptions,
  StreamOptions,
  TargetOptions,
} from './options.js';
export { type Closable, closeOnSignal } from './signals.js';
export { flush, stats, type WorkerTransport } from './worker-questions.js';
