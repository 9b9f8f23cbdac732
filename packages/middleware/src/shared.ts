// State that exists once a process, whatever the number of copies of this package in it: as ESM and as CommonJS, bundled
// and not, in two compatible versions. Found through the registry of symbols on `globalThis`.
// Invariant: a context opened by one copy is seen by all others; a warning is given once, not once a copy.

import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestContext } from './context/request-context.js';

interface Shared {
  readonly storage: AsyncLocalStorage<RequestContext>;
  readonly warned: Set<string>;
}

const SHARED = Symbol.for('@spillway/middleware:1');

/** What hangs on a request or its logger: the request's context. */
export const CONTEXT = Symbol.for('@spillway/middleware:context:1');

/** Marks the hooks that put the context into lines, so that it is not put there twice. */
export const CONTEXT_HOOK = Symbol.for('@spillway/middleware:hook:1');

function shared(): Shared {
  const registry = globalThis as unknown as Record<symbol, Shared | undefined>;
  registry[SHARED] ??= { storage: new AsyncLocalStorage(), warned: new Set() };
  return registry[SHARED];
}

/** The storage that carries the context of the running request. */
export const storage: AsyncLocalStorage<RequestContext> = shared().storage;

/**
 * Warns once a process through `process.emitWarning`, never through the logs.
 * @internal
 */
export function warnOnce(code: string, message: string): void {
  const { warned } = shared();
  if (warned.has(code)) return;
  warned.add(code);
  const host = globalThis.process as NodeJS.Process | undefined;
  if (typeof host?.emitWarning === 'function') host.emitWarning(message, { type: 'SpillwayWarning', code });
}
