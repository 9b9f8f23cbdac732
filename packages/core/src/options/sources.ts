// Where options come from besides code: a JSON file named by SPILLWAY_CONFIG, then environment variables.
// In: what the code says and the environment. Out: one plain value, in the order code < file < environment.
// `SPILLWAY_QUEUE__MAX_BYTES=64mb` is `queue.maxBytes`: two underscores for each dot, one for each capital.
// `SPILLWAY_TO=loki` names the transport and `SPILLWAY_TO__URL=…` is its option `url`.

import { readFileSync } from 'node:fs';
import { SpillwayError } from '../errors.js';
import { EnvironmentText, structured } from './environment-text.js';
import { otherForms } from './secret-forms.js';

/** Options as they come, not checked yet. */
type Raw = Record<string, unknown>;

/** A config file is written by people; anything larger is a mistake. */
const MAX_FILE_BYTES = 1 << 20;
const PREFIX = 'SPILLWAY_';

/** Lays the file and the environment over what the code says.
 * @param known names of the top-level options; variables for others belong to somebody else and are left alone
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` when the file cannot be read or is not a JSON object
 */
export function gatherOptions(code: Raw, known: readonly string[], environment = process.env): Raw {
  const file = environment.SPILLWAY_CONFIG;
  const base = file ? overlaid(code, readConfig(file)) : code;
  const { to: own, ...rest } = fromEnvironment(environment, known);
  const name = environment.SPILLWAY_TO || undefined;
  const to = name === undefined && own === undefined ? {} : { to: destination(base.to, name, own) };
  return overlaid(base, { ...rest, ...to });
}

/** What the variables say, in whatever order they come; of `to` only the transport's own options. */
function fromEnvironment(environment: NodeJS.ProcessEnv, known: readonly string[]): Raw {
  const variables = Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX) || name === 'SPILLWAY_TO' || value === undefined || value === '') return [];
    const path = name.slice(PREFIX.length).split('__').map(camelCase);
    return known.includes(path[0]!) ? [{ path, value }] : [];
  });
  // An option as a whole comes before its parts, which are laid over it.
  variables.sort((a, b) => a.path.length - b.path.length);
  return variables.reduce<Raw>((layer, { path, value }) => withValue(layer, path, value), {});
}

/**
 * The options of each route: its own, over those that are said for all of them. Undefined where there are no routes; what is
 * no list of objects is left for the schema to refuse.
 */
export function routesOf({ routes, ...all }: Raw): unknown {
  const given = structured(routes);
  if (!Array.isArray(given)) return given;
  return given.map((route: unknown) => (isObject(route) ? layOver(all, route) : route));
}

/** One place for all records or several routes: who says the one takes back the other. */
function overlaid(under: Raw, over: Raw): Raw {
  const takenBack = 'routes' in over ? 'to' : 'to' in over ? 'routes' : '';
  const { [takenBack]: _, ...kept } = under;
  return layOver(kept, over);
}

function readConfig(file: string): Raw {
  try {
    const text = readFileSync(file);
    if (text.length > MAX_FILE_BYTES) throw new Error(`larger than ${MAX_FILE_BYTES} bytes`);
    const config = parsed(text.toString());
    if (!isObject(config)) throw new Error('not a JSON object');
    return config;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    const message = `Expected \`SPILLWAY_CONFIG\` to name a JSON file with options, got ${file}: ${why}`;
    throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', message);
  }
}

/** Node's own errors quote the text, and there may be secrets in it: only the place is told, where it is known. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = / at position \d+( \(line \d+ column \d+\))?$/.exec((error as Error).message)?.[0] ?? '';
    throw new Error(`not valid JSON${place}`);
  }
}

/** `to` is a name and its options: a new name starts with no options, options alone change those that are there. */
function destination(to: unknown, name: string | undefined, over: unknown): [unknown, Raw] {
  const [given, own] = Array.isArray(to) ? (to as unknown[]) : [to];
  const kept = isObject(own) && (name === undefined || name === given) ? own : {};
  return [name ?? given, isObject(over) ? layOver(kept, over) : kept];
}

function withValue(layer: Raw, [key, ...path]: readonly string[], value: string): Raw {
  const below = structured(layer[key!]);
  const inner = path.length > 0 ? withValue(isObject(below) ? below : {}, path, value) : new EnvironmentText(value);
  return { ...layer, [key!]: inner };
}

/**
 * Lays options over others: objects key by key; all else is replaced, and so is a secret by another form of it, and a header by
 * the same in different case, as names of variables have none.
 */
export function layOver(under: Raw, over: Raw, headers = false): Raw {
  const name = (key: string) => (headers ? key.toLowerCase() : key);
  const replaced = new Set(Object.keys(over).flatMap(headers ? name : otherForms));
  const result = Object.fromEntries(Object.entries(under).filter(([key]) => !replaced.has(name(key))));
  for (const [key, value] of Object.entries(over)) {
    const below = structured(result[key]);
    result[key] = isObject(below) && isObject(value) ? layOver(below, value, key === 'headers') : value;
  }
  return result;
}

function isObject(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function camelCase(part: string): string {
  return part.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
