// A destination for load and faults: any HTTP log protocol, counted by record number, in a process of its own so
// that it neither disturbs what is measured nor dies with it. For tests of one protocol's details, see the recording
// server instead. Needs the package to be built, because a child process cannot run TypeScript.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ReceiverStats } from './receiver/ledger.js';
import type { TimedMode } from './receiver/mode.js';

export type { ReceiverStats } from './receiver/ledger.js';
export type { ReceiverMode, TimedMode } from './receiver/mode.js';

/** A running receiver. */
export interface Receiver extends AsyncDisposable {
  /** Base URL; every path below it is taken. */
  readonly url: string;
  readonly pid: number;
  /** Changes how requests are answered, from the next one on. */
  mode(mode: TimedMode): Promise<void>;
  stats(): Promise<ReceiverStats>;
  /** Resolves with the counts as soon as `unique` numbers have arrived, or after `timeoutMs` with what there is. */
  received(unique: number, timeoutMs: number): Promise<ReceiverStats>;
  /** When each number arrived first, in ms of `process.hrtime`, which all processes share; 0 for those that did not. */
  arrivals(): Promise<Float64Array>;
  /** Starts counting from zero. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a receiver on a free port of the loopback interface. */
export async function receiver(): Promise<Receiver> {
  const file = fileURLToPath(new URL('../dist/receiver-process.js', import.meta.url));
  const child = fork(file, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const { url, controlUrl } = await addresses(child);
  const order = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(controlUrl + path, { method, body: body === undefined ? null : JSON.stringify(body) });
    if (!response.ok) throw new Error(`the receiver answered ${response.status} to ${method} ${path}`);
    return response;
  };
  const json = async (method: string, path: string, body?: unknown) => (await order(method, path, body)).json();
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return {
    url,
    pid: child.pid!,
    mode: async (mode) => void (await json('POST', '/mode', mode)),
    stats: () => json('GET', '/stats') as Promise<ReceiverStats>,
    received: (unique, timeoutMs) =>
      json('GET', `/wait?unique=${unique}&timeoutMs=${timeoutMs}`) as Promise<ReceiverStats>,
    arrivals: async () => new Float64Array(await (await order('GET', '/arrivals')).arrayBuffer()),
    clear: async () => void (await json('POST', '/clear')),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function addresses(child: ChildProcess): Promise<{ url: string; controlUrl: string }> {
  const gone = once(child, 'exit').then(([code]) => {
    throw new Error(`the receiver ended with code ${code} before it listened; is packages/testing built?`);
  });
  const [message] = await Promise.race([once(child, 'message'), gone]);
  gone.catch(() => {});
  return message as { url: string; controlUrl: string };
}
