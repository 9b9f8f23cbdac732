// Where to send: a transport by its name, with options from the command line, a file and the environment.

import { type AnyTransport, layOver } from '@spillway/core';
import { loadTransport } from '@spillway/transports';
import { type OptionSpec, type Run, UsageError } from './command.js';
import { gather, keyOptions } from './settings.js';

type Raw = Record<string, unknown>;

/** Options about the destination. */
export const destinationOptions = {
  ...keyOptions,
  to: { value: '<transport>', doc: 'where to send: loki, http, … or a module; its options with --set' },
  set: {
    value: '<path=value>',
    many: true,
    doc: 'an option of the transport: url=http://…, labels.app=shop; := takes JSON: timeoutMs:=3000',
  },
} as const satisfies Record<string, OptionSpec>;

/** Where to send, as users write it after `to`, and the pipeline's options.
 * @throws UsageError
 */
export function destinationOf(run: Run): { to: readonly [string, Raw]; pipeline: Raw } {
  // How the application's stream ends and where it runs is no business of ours.
  const { to, shutdown: _, worker: __, ...pipeline } = gather(run);
  const [configured, own] = Array.isArray(to) ? (to as unknown[]) : [to];
  const name = run.values.text('to') ?? configured;
  if (typeof name !== 'string') {
    throw new UsageError(
      'Say where to: --to <transport> with --set, or `to` in --config (with --route, where that has routes), or SPILLWAY_TO',
    );
  }
  const set: Raw = {};
  for (const setting of run.values.all('set')) assign(set, setting);
  const options = name === configured ? layOver((own ?? {}) as Raw, set) : set;
  return { to: [name, options], pipeline };
}

/** The transport to send with.
 * @throws UsageError where its lines would be mixed with the result of the command
 */
export async function transportOf(run: Run, to: readonly [string, Raw]): Promise<AnyTransport> {
  const transport = await loadTransport(to);
  if (run.values.has('json') && transport.name === 'stdout' && transport.destination === 'stdout') {
    throw new UsageError('--json and --to stdout both write to stdout: leave one out');
  }
  return transport;
}

/** `a.b=text` or `a.b:=json`. */
function assign(target: Raw, setting: string): void {
  const match = /^([^=:]+)(:?=)([\s\S]*)$/.exec(setting);
  if (!match) throw new UsageError('--set takes path=value, as in --set url=http://127.0.0.1:3100');
  const path = match[1]!.split('.');
  const last = path.pop()!;
  let at = target;
  for (const key of path) {
    const below = Object.hasOwn(at, key) ? at[key] : undefined;
    at[key] = typeof below === 'object' && below !== null ? { ...below } : {};
    at = at[key] as Raw;
  }
  Object.defineProperty(at, last, {
    value: match[2] === '=' ? match[3] : json(match[1]!, match[3]!),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** The value is not repeated in the error: it may be a secret. */
function json(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`--set ${path}:=… takes JSON`);
  }
}
