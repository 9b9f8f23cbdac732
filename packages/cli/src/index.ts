// The public API of @spillway/cli: the command line as a function.

export { type ExitCode, exitCodes, type Io } from './io.js';
export { run } from './run.js';
