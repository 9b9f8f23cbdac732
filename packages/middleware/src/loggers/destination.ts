// What the bridges from other loggers have in common: where their lines go, and what is on all of them.
// In: options. Out: a writer of lines and the JSON of the fields of every line. Invariant: wrong options are an error at start-up.

import type { Destination } from '../context/fingers-crossed.js';
import { option, optionError } from '../option-error.js';
import { createRedaction, type RedactOptions } from '../redaction/redaction.js';
import { LineWriter } from './line-writer.js';

/** Where lines go, and how they are made. */
export interface LineOptions {
  /**
   * Where lines go: a stream, a pino destination, the in-process stream of `@spillway/pino`.
   * @default process.stdout
   */
  readonly destination?: Destination;
  /**
   * Fields of every line; `null`: none.
   * @default { pid, hostname }
   */
  readonly base?: object | null;
  /**
   * What is hidden; `false`: nothing.
   * @default true
   */
  readonly redact?: RedactOptions | boolean;
}

/** The keys of `LineOptions`. */
export const LINE_OPTIONS: readonly string[] = ['destination', 'base', 'redact'];

/** A writer, and the JSON of the fields of every line. */
export interface Lines {
  readonly writer: LineWriter;
  readonly bindings: string;
}

/** Prepares to write lines. */
export function linesTo(options: LineOptions, path: string): Lines {
  const destination = options.destination ?? standardDestination();
  if (typeof destination?.write !== 'function') {
    throw optionError(`${path}.destination`, 'a stream with `write()`', destination);
  }
  const base = options.base === undefined ? standardBase() : options.base;
  if (typeof base !== 'object') throw optionError(`${path}.base`, 'an object or `null`', base);
  const writer = new LineWriter({ destination, redaction: createRedaction(options.redact ?? true, `${path}.redact`) });
  return { writer, bindings: base === null ? '' : writer.fieldsJson(base) };
}

/** A map of names of levels to numbers, checked. */
export function levelNumbers(levels: Readonly<Record<string, number>>, path: string): Readonly<Record<string, number>> {
  for (const [name, number] of Object.entries(levels)) option.integer(number, `${path}.${name}`, 1, 1000);
  return levels;
}

function standardBase(): object {
  const host = globalThis.process as NodeJS.Process | undefined;
  const os = host?.getBuiltinModule?.('node:os');
  return os === undefined ? {} : { pid: host?.pid, hostname: os.hostname() };
}

function standardDestination(): Destination {
  const host = globalThis.process as NodeJS.Process | undefined;
  if (host?.stdout !== undefined) return host.stdout;
  // Runtimes without streams have a console. The one of this moment: it may be captured later.
  const { log } = console;
  return { write: (line) => log.call(console, line.trimEnd()) };
}
