// The public API of @spillway/cli: the command line as a function.

export type { Command, OptionSpec } from './command.js';
export { type ExitCode, exitCodes, type Io } from './io.js';
export { commands, run } from './run.js';
