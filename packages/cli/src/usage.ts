// Help, from the tables of the commands.

import { type Command, commonOptions, type OptionSpec } from './command.js';

const width = 26;

/** The help of one command. */
export function commandHelp({ name, summary, takes, options, notes = [] }: Command): string {
  const rows = Object.entries({ ...options, ...commonOptions } as Record<string, OptionSpec>).map(([option, spec]) => {
    const left = `${spec.short ? `-${spec.short}, ` : ''}--${option}${spec.value ? ` ${spec.value}` : ''}`;
    return left.length < width ? `  ${left.padEnd(width)}${spec.doc}` : `  ${left}\n  ${' '.repeat(width)}${spec.doc}`;
  });
  const more = notes.length > 0 ? `\n${notes.join('\n')}\n` : '';
  return `Usage: spillway ${name}${takes ? ` ${takes}` : ''} [options]\n\n${summary}\n${more}\nOptions\n${rows.join('\n')}\n`;
}

/** The help of all. */
export function generalHelp(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`);
  return `Usage: spillway <command> [options]

Looks into the spools of Spillway, verifies them, and empties them. Safe beside a running application.

Commands
${rows.join('\n')}

spillway <command> --help tells more; spillway --version prints the version.

Exit codes: 0 fine, 1 problems found, 2 not understood, 3 could not be done or finished, 130 interrupted.
`;
}
