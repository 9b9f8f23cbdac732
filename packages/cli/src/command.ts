// What a command is, and how its arguments are read: strict, with the nearest known name where one is wrong.
// The same table makes the help text and the documentation.

import { parseArgs } from 'node:util';
import { nearest } from '@spillway/core';
import type { ExitCode, Io } from './io.js';

/** An option of a command. */
export interface OptionSpec {
  /** What the value is; unset for switches. */
  readonly value?: string;
  /** Can be given more than once. */
  readonly many?: boolean;
  readonly short?: string;
  readonly doc: string;
}

/** The values of options, by name. */
export class Values {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }
  has(name: string): boolean {
    return this.#values.has(name);
  }
  /** The last one wins. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }
  /** A whole number that is not negative.
   * @throws UsageError
   */
  whole(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw new UsageError(`--${name} takes a whole number, got '${text}'`);
    return Number(text);
  }
}

/** What a command works with. */
export interface Run {
  readonly io: Io;
  readonly values: Values;
  /** Arguments that are no options. */
  readonly paths: readonly string[];
}

/** One command. */
export interface Command {
  /** One word or two, as typed. */
  readonly name: string;
  readonly summary: string;
  /** Arguments that are no options, as help shows them. */
  readonly takes: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** What else there is to know, in lines for the terminal. */
  readonly notes?: readonly string[];
  run(run: Run): Promise<ExitCode>;
}

/** The command was not understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command was understood and could not be carried out. */
export class Failure extends Error {
  override readonly name = 'Failure';
}

/** Options of every command. */
export const commonOptions = {
  json: { doc: 'print the result as JSON on stdout' },
  help: { short: 'h', doc: 'print this' },
} as const satisfies Record<string, OptionSpec>;

/** Reads the arguments of a command.
 * @throws UsageError
 */
export function readArguments(command: Command, args: readonly string[]): { values: Values; paths: string[] } {
  const specs: Readonly<Record<string, OptionSpec>> = { ...command.options, ...commonOptions };
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value ? ('string' as const) : ('boolean' as const), multiple: true, ...(short && { short }) },
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const values = new Map<string, string[]>();
  const paths: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') paths.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (!spec) throw unknownOption(token.rawName, Object.keys(specs));
    checkValue(spec, token);
    const seen = values.get(token.name) ?? [];
    if (seen.length > 0 && spec.value && !spec.many) throw new UsageError(`${token.rawName} was given twice`);
    values.set(token.name, [...seen, token.value ?? '']);
  }
  return { values: new Values(values), paths };
}

function unknownOption(name: string, known: readonly string[]): UsageError {
  const near = name.startsWith('--') ? nearest(name.slice(2), known) : undefined;
  return new UsageError(`Unknown option ${name}${near ? `: did you mean --${near}?` : ''}`);
}

function checkValue(
  { value }: OptionSpec,
  token: { rawName: string; value: string | undefined; inlineValue: boolean | undefined },
): void {
  const swallowed = token.inlineValue === false && token.value?.startsWith('--');
  if (value && (token.value === undefined || token.value === '' || swallowed)) {
    throw new UsageError(`${token.rawName} needs a value: ${value}`);
  }
  if (!value && token.value !== undefined) throw new UsageError(`${token.rawName} takes no value`);
}
