// Finds the command, reads its arguments, runs it, and turns whatever goes wrong into one line and an exit code.

import { readFileSync } from 'node:fs';
import { nearest } from '@spillway/core';
import { type Command, Failure, readArguments, UsageError } from './command.js';
import { cat } from './commands/cat.js';
import * as deadLetters from './commands/dead-letters.js';
import { retry } from './commands/dead-letters-retry.js';
import { doctor } from './commands/doctor.js';
import { drain } from './commands/drain.js';
import { inspect } from './commands/inspect.js';
import { ls } from './commands/ls.js';
import { verify } from './commands/verify.js';
import { type ExitCode, exitCodes, type Io } from './io.js';
import { plain } from './text/plain.js';
import { commandHelp, generalHelp } from './usage.js';

/** All commands, in the order in which help shows them. */
export const commands: readonly Command[] = [
  ls,
  inspect,
  verify,
  cat,
  drain,
  deadLetters.list,
  deadLetters.show,
  retry,
  deadLetters.purge,
  doctor,
];

/** Runs a command line, without the program's own name. Never rejects. */
export async function run(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    const { message, code } = error as { message?: string; code?: string };
    if (error instanceof UsageError) {
      io.stderr(`${message}\nTry spillway --help\n`);
      return exitCodes.usage;
    }
    if (code === 'EPIPE') return exitCodes.fine;
    const lines = String(message ?? error).split('\n');
    const known = error instanceof Failure || code?.startsWith('SPILLWAY_');
    io.stderr(`${lines.map(plain).join('\n')}${known || code === undefined ? '' : ` (${code})`}\n`);
    return code === 'SPILLWAY_OPTIONS_INVALID' || code === 'SPILLWAY_TRANSPORT_UNKNOWN'
      ? exitCodes.usage
      : exitCodes.unfinished;
  }
}

async function dispatch(args: readonly string[], io: Io): Promise<ExitCode> {
  const [first] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    const about = first === 'help' ? args.slice(1) : [];
    await io.stdout(about.length > 0 ? commandHelp(find(about).command) : generalHelp(commands));
    return first === undefined ? exitCodes.usage : exitCodes.fine;
  }
  if (first === '--version') {
    await io.stdout(`${version()}\n`);
    return exitCodes.fine;
  }
  const { command, rest } = find(args);
  const { values, paths } = readArguments(command, rest);
  if (values.has('help')) {
    await io.stdout(commandHelp(command));
    return exitCodes.fine;
  }
  return command.run({ io, values, paths });
}

function find(args: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const words of [2, 1]) {
    const command = commands.find(({ name }) => name === args.slice(0, words).join(' '));
    if (command) return { command, rest: args.slice(words) };
  }
  const names = commands.map(({ name }) => name);
  const group = names.filter((name) => name.startsWith(`${args[0]} `));
  if (group.length > 0) {
    throw new UsageError(`Say which: ${group.join(', ')}`);
  }
  const near = nearest(args[0]!, names);
  throw new UsageError(`Unknown command ${args[0]}${near ? `: did you mean ${near}?` : ''}`);
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
