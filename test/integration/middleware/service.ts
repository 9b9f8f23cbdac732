// A service in a process of its own, started by one command, as its users start it. In: the command, where, with which
// environment. Out: its lines, its address, and its end. Everything it starts ends with it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { delimiter, join } from 'node:path';

/** A parsed line of the service's stdout. */
export type Line = Record<string, unknown> & { msg: string };

/** A running service. */
export interface Service extends AsyncDisposable {
  readonly url: string;
  /** What it logged so far, whole lines. */
  lines(): readonly Line[];
  /** The records of requests, as soon as there are so many. */
  records(count: number): Promise<readonly Line[]>;
  /** Ends it as Kubernetes does, and waits for it. */
  stop(): Promise<void>;
}

/** Waits for a condition; fails with what was said meanwhile. */
export async function until<T>(
  find: () => T | undefined | false,
  explain: () => string,
  deadlineMs = 120_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = find();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`waited in vain: ${explain()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a service and waits until it says where it listens. */
export async function start(command: string, cwd: string, env: Record<string, string> = {}): Promise<Service> {
  const path = [join(cwd, 'node_modules', '.bin'), process.env.PATH].join(delimiter);
  const child = spawn(command, {
    cwd,
    shell: true,
    // A group of its own, so that the shell, the service and what it forks can be ended together.
    detached: true,
    env: { ...process.env, PATH: path, PORT: '0', NODE_ENV: 'production', NEXT_TELEMETRY_DISABLED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  let stdout = '';
  let stderr = '';
  let unfinished = '';
  const parsed: Line[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const whole = (unfinished + text).split('\n');
    unfinished = whole.pop()!;
    for (const line of whole) if (line.startsWith('{') && line.endsWith('}')) parsed.push(JSON.parse(line) as Line);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const said = () => `${command} in ${cwd}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`;
  const lines = () => parsed;
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, 'SIGTERM');
    await ended;
  };
  try {
    const url = await until(
      () => {
        if (child.exitCode !== null) throw new Error(`ended too early: ${said()}`);
        const port =
          lines().find(({ msg }) => msg === 'listening')?.port ??
          /Local:\s+http:\/\/\S+:(\d+)[\s\S]*Ready/.exec(stdout)?.[1];
        return port === undefined ? undefined : `http://127.0.0.1:${String(port)}`;
      },
      said,
      280_000,
    );
    const records = (count: number) =>
      until(
        () => {
          const found = lines().filter(({ kind }) => kind === 'access');
          return found.length >= count && found;
        },
        () => `${count} records of ${said()}`,
      );
    return { url, lines, records, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Sends one request and reads the whole answer. */
export function ask(
  url: string,
  options: http.RequestOptions = {},
): Promise<{ status: number; body: string; id: unknown }> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, body, id: response.headers['x-request-id'] }));
    });
    request.on('error', reject);
  });
}
