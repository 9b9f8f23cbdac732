// From what users write after `to` to a transport.
// In: a name, a name with options, a module of one's own, or a transport. Out: a transport, or an error that says what
// would have been right. Modules are loaded, so they need the asynchronous form.

// As a whole: bundles for ESM often declare a `createRequire` of their own, which must not be declared twice.
import nodeModule from 'node:module';
import { isAbsolute, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AnyTransport, nearest, SpillwayError } from '@spillway/core';
import { registry } from './registry.js';

/** What users write after `to`. */
export type TransportTarget = string | readonly [name: string, options?: unknown] | AnyTransport;

/** The transport that is meant.
 * @throws SpillwayError `SPILLWAY_TRANSPORT_UNKNOWN`, `SPILLWAY_OPTIONS_INVALID`
 */
export function resolveTransport(target: TransportTarget): AnyTransport {
  if (isTransport(target)) return target;
  const [name, options] = parts(target);
  const found = Object.hasOwn(registry, name) ? registry[name] : undefined;
  if (found) return found.factory(options);
  const near = nearest(name, Object.keys(registry));
  const hint = isModule(name) ? ' Modules are loaded with `await loadTransport(…)`.' : '';
  throw unknown(`There is no transport '${name.slice(0, 100)}'${near ? `: did you mean '${near}'?` : '.'}${hint}`);
}

/** Like {@link resolveTransport}, and also takes modules: './my-transport.js', 'file:…', '@acme/transport'. Their default
 * export is a factory of transports. Relative paths start at the working directory.
 * @throws SpillwayError `SPILLWAY_TRANSPORT_UNKNOWN`, `SPILLWAY_OPTIONS_INVALID`
 */
export async function loadTransport(target: TransportTarget): Promise<AnyTransport> {
  if (isTransport(target)) return target;
  const [name, options] = parts(target);
  if (!isModule(name)) return resolveTransport(target);
  const factory = defaultOf(await load(name));
  const made: unknown = typeof factory === 'function' ? await factory(options ?? {}) : undefined;
  if (isTransport(made)) return made;
  throw unknown(`The default export of '${name}' is no function that returns a transport.`);
}

function parts(target: unknown): [name: string, options: unknown] {
  const [name, options] = Array.isArray(target) ? target : [target, undefined];
  if (typeof name === 'string' && name !== '') return [name, options];
  throw unknown("Expected `to` to be a transport's name, [name, options], or a transport.");
}

function unknown(message: string, options?: ErrorOptions): SpillwayError {
  const known = Object.keys(registry).join(', ');
  return new SpillwayError('SPILLWAY_TRANSPORT_UNKNOWN', `${message} Known are: ${known}`, options);
}

function isModule(name: string): boolean {
  return name.includes('/') || name.startsWith('.') || name.startsWith('file:') || isAbsolute(name);
}

async function load(name: string): Promise<unknown> {
  try {
    return await import(/* webpackIgnore: true */ locate(name));
  } catch (cause) {
    throw unknown(`The module '${name.slice(0, 200)}' cannot be loaded.`, { cause });
  }
}

function locate(name: string): string {
  if (name.startsWith('file:')) return name;
  if (name.startsWith('.') || isAbsolute(name)) return pathToFileURL(resolve(name)).href;
  // The application's packages, not ours: with strict package managers we would not see them.
  return pathToFileURL(nodeModule.createRequire(join(process.cwd(), 'package.json')).resolve(name)).href;
}

/** CommonJS modules come as the default of a module, and may have a default of their own in it. */
function defaultOf(module: unknown): unknown {
  const outer = (module as { default?: unknown }).default;
  return typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer;
}

function isTransport(value: unknown): value is AnyTransport {
  if (typeof value !== 'object' || value === null) return false;
  const { encode, classify, open } = value as Partial<AnyTransport>;
  return [encode, classify, open].every((member) => typeof member === 'function');
}
