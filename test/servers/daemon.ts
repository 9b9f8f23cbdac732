// One child process that is a server. In: a command. Out: a handle to end, pause and resume it.
// Always true: it dies with this process, even when this process is killed (Linux: the parent-death signal); its output
// goes to a file, so that a full pipe can never stop it.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from './wait.js';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const stopGraceMs = 20_000;
const logTailLines = 30;
const setpriv = '/usr/bin/setpriv';
const alive = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});
// The test runner ends its workers by this signal, which alone would skip the `exit` handlers, here and elsewhere.
process.once('SIGTERM', () => process.exit(143));

export class Daemon {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #logPath: string;
  #failure: string | undefined;

  constructor(command: Command, options: { readonly dir: string; readonly logPath: string }) {
    this.#logPath = options.logPath;
    const output = openSync(options.logPath, 'a');
    const { file, args } = boundToParent(command);
    this.#child = spawn(file, args, {
      cwd: options.dir,
      env: { ...process.env, ...command.env },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    alive.add(this.#child);
    this.#exited = new Promise((resolve) => {
      const gone = (failure: string): void => {
        alive.delete(this.#child);
        this.#failure ??= failure;
        resolve();
      };
      this.#child.once('error', (error) => gone(error.message));
      this.#child.once('exit', (code, signal) => gone(`ended with ${signal ?? code}`));
    });
  }

  get pid(): number | undefined {
    return this.#failure === undefined ? this.#child.pid : undefined;
  }

  /** Why it does not run any more; undefined while it runs. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** The last lines of its log, for errors. */
  tail(): string {
    if (!existsSync(this.#logPath)) return '';
    return readFileSync(this.#logPath, 'utf8').trimEnd().split('\n').slice(-logTailLines).join('\n');
  }

  signal(name: NodeJS.Signals): void {
    if (this.#failure === undefined) this.#child.kill(name);
  }

  /** Resolves once every thread stands still: the signal itself returns before they do. */
  async pause(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) return;
    this.signal('SIGSTOP');
    if (process.platform === 'linux') {
      await until(() => this.failure !== undefined || standsStill(pid), {
        what: 'the process to stand still',
        everyMs: 5,
      });
    }
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM');
    this.signal('SIGCONT');
    const grace = new AbortController();
    const late = delay(stopGraceMs, 'late' as const, { signal: grace.signal, ref: false }).catch(() => undefined);
    if ((await Promise.race([this.#exited, late])) === 'late') this.signal('SIGKILL');
    grace.abort();
    await this.#exited;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }
}

function standsStill(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).every((task) => {
    const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
    // The state follows the name, which is in brackets and may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}

function boundToParent({ file, args }: Command): { file: string; args: string[] } {
  if (!existsSync(setpriv)) return { file, args: [...args] };
  return { file: setpriv, args: ['--pdeathsig', 'KILL', '--', file, ...args] };
}
