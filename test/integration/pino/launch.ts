// Runs an application of `app.mjs` in a process of its own, against the built packages.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const file = fileURLToPath(new URL('app.mjs', import.meta.url));
const DEADLINE_MS = 60_000;
/** What makes a process the first of a namespace of process ids; wants the rights of root. */
const FIRST = ['unshare', '--pid', '--fork', '--kill-child'] as const;

/** An application that runs. */
export interface Application {
  readonly child: ChildProcess;
  /** The next thing that it tells; rejects when it ends instead. */
  told<T = unknown>(): Promise<T>;
  /** How it ended. */
  readonly ended: Promise<Ending>;
}

/** How a process ended. */
interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** What differs from launch to launch. */
interface LaunchOptions {
  readonly records?: number;
  /** Starts it as the first process of a namespace, as in a container; the child is then what waits for it. */
  readonly first?: boolean;
  /** Arguments of Node. */
  readonly node?: readonly string[];
}

/** Starts a scenario with Spillway options. */
export function launch(
  scenario: string,
  options: unknown,
  { records = 1000, first = false, node = [] }: LaunchOptions = {},
): Application {
  const command: readonly string[] = first ? [...FIRST, process.execPath] : [process.execPath];
  const child = spawn(command[0]!, [...command.slice(1), ...node, file, scenario], {
    env: { ...process.env, OPTIONS: JSON.stringify(options), RECORDS: String(records) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const messages: unknown[] = [];
  let arrived = () => {};
  let over = false;
  child.on('message', (message) => {
    messages.push(message);
    arrived();
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  const ended = once(child, 'close').then(([code, signal]) => {
    clearTimeout(timer);
    over = true;
    arrived();
    return { code, signal, stderr } as Ending;
  });
  const told = async <T>() => {
    while (messages.length === 0) {
      if (over) throw new Error(`${scenario}: ended without a word\n${(await ended).stderr}`);
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
    }
    return messages.shift() as T;
  };
  return { child, told, ended };
}
