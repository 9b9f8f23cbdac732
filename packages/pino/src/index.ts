// The public API of @spillway/pino. The default export is for pino alone, which loads it by this package's name.

export type { FlushReport, Stats } from '@spillway/core';
export { type InProcessStream, spillway } from './in-process.js';
export type { StreamOptions, TargetOptions } from './options.js';
export { type Closable, closeOnSignal } from './signals.js';
export { flush, stats, type WorkerTransport } from './worker-questions.js';
export { default } from './worker-target.js';
