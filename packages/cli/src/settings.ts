// Options of the application that a command needs as well: the spool's directory and keys, the destination, how to send.
// In: --config or SPILLWAY_CONFIG, SPILLWAY_* variables, then what the command line says. Out: the same plain data that
// the application gets; checked where it is used.

import {
  gatherOptions,
  layOver,
  parseOptions,
  pipelineOptions,
  routesOf,
  spoolOptions,
  structured,
  withoutMatch,
} from '@spillway/core';
import { type Keys, spoolKeys } from '@spillway/core/spool';
import { Failure, type OptionSpec, type Run, UsageError } from './command.js';

type Raw = Record<string, unknown>;

/** Options about where the application's own options are. */
export const configOptions = {
  config: { value: '<file>', doc: "the application's options as JSON (default: SPILLWAY_CONFIG, then SPILLWAY_*)" },
  route: { value: '<number>', doc: 'which of the routes in these options, counted from 1' },
} as const satisfies Record<string, OptionSpec>;

/** Options about keys. */
export const keyOptions = {
  ...configOptions,
  'key-file': { value: '<file>', doc: 'file with the key of an encrypted spool' },
  'key-env': { value: '<name>', doc: 'environment variable with the key' },
} as const satisfies Record<string, OptionSpec>;

/** What the file and the environment say: of one route, or else for all of them.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 * @throws UsageError
 */
export function gather({ io, values }: Pick<Run, 'io' | 'values'>): Raw {
  const config = values.text('config');
  const environment = { ...io.env, ...(config !== undefined && { SPILLWAY_CONFIG: config }) };
  const options = gatherOptions({}, ['to', 'routes', ...Object.keys(pipelineOptions.fields)], environment);
  const number = values.whole('route');
  const { routes: _, ...all } = options;
  return number === undefined ? all : routeOf(options, number);
}

function routeOf(options: Raw, number: number): Raw {
  const routes = routesOf(options);
  const route: unknown = Array.isArray(routes) ? routes[number - 1] : undefined;
  if (typeof route === 'object' && route !== null) return withoutMatch(route as Raw);
  const count = Array.isArray(routes) ? routes.length : 0;
  throw new UsageError(`--route takes one of the routes in the options, of which there are ${count}, got ${number}`);
}

/** The paths to work on: those that were given, else the spool directory of the options.
 * @throws UsageError
 */
export function pathsOf(run: Run): readonly string[] {
  if (run.paths.length > 0) return run.paths;
  const { directory } = objectAt(gather(run), 'spool');
  if (directory === undefined) {
    throw new UsageError(
      'Name a spool directory, or give --config with `spool.directory` (and --route, where it is a route that has it), ' +
        'or SPILLWAY_SPOOL__DIRECTORY',
    );
  }
  return [parseOptions(spoolOptions.fields.directory, directory, 'spool.directory')];
}

/** What the options and the command line say about keys, checked.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function encryptionOf(run: Pick<Run, 'io' | 'values'>): object {
  const keyFile = run.values.text('key-file');
  const keyEnv = run.values.text('key-env');
  if (keyFile !== undefined && keyEnv !== undefined) throw new UsageError('Give --key-file or --key-env, not both');
  const said = { ...(keyFile !== undefined && { keyFile }), ...(keyEnv !== undefined && { keyEnv }) };
  const given = layOver(objectAt(objectAt(gather(run), 'spool'), 'encryption'), said);
  const checked = parseOptions(spoolOptions.fields.encryption, given, 'spool.encryption');
  return Object.fromEntries(Object.entries(checked).filter(([, value]) => value !== undefined));
}

/** The keys to read with.
 * @throws Failure where the key file cannot be read
 */
export async function keysOf(run: Pick<Run, 'io' | 'values'>): Promise<Keys> {
  try {
    return await spoolKeys(encryptionOf(run), run.io.env);
  } catch (error) {
    if ((error as { code?: string }).code !== 'KEY_MISSING') throw error;
    throw new Failure('The key file holds no key of 32 bytes, as 64 hex digits or in base64');
  }
}

/** The options under a name; none where there are none. */
export function objectAt(from: Raw, key: string): Raw {
  const value = structured(from[key]);
  return typeof value === 'object' && value !== null ? (value as Raw) : {};
}
