// Time for tools: a library's timers let the process end, a command's timers keep it alive until it is done.

import { type Runtime, systemRuntime } from '@spillway/core';

/** The system's clock, with timers that are waited for. */
export const awake: Runtime = {
  ...systemRuntime,
  after: (ms, callback) => systemRuntime.after(ms, callback, { keepsAlive: true }),
};
