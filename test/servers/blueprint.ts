// Completes a server from what is particular to it. In: a blueprint (ports, command, readiness, read-back helpers).
// Out: a `Server`. Always true: a start either answers or throws with the end of the server's log; a restart keeps ports
// and data; a port that somebody took meanwhile only costs another try.
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Daemon } from './daemon.js';
import { freePorts } from './free-ports.js';
import { install, type ServerName, versionOf } from './installation.js';
import type { RunningServer, Server, StartOptions } from './server.js';
import { until } from './wait.js';

/** All that the particular parts of a server may need to know. */
interface Site<Port extends string, Options> {
  /** Where its program lies. */
  readonly directory: string;
  /** Where its data lies. */
  readonly dir: string;
  readonly ports: Readonly<Record<Port, number>>;
  readonly options: Options;
}

export interface Blueprint<Port extends string, Options extends StartOptions, Extra extends object> {
  readonly name: ServerName;
  readonly ports: readonly Port[];
  /** Writes what the server reads from its folder and tells how to start it; called for each start. */
  command(site: Site<Port, Options>): Command | Promise<Command>;
  /** True once it answers; a throw means "not yet". */
  ready(site: Site<Port, Options>): Promise<boolean>;
  url(site: Site<Port, Options>): string;
  /** What the server offers beyond the common: further addresses, read-back helpers. */
  extend(site: Site<Port, Options>): Extra;
  /** @default 120_000 ms */
  readonly readyDeadlineMs?: number;
}

const startAttempts = 3;
const ownFolders = new Set<string>();

process.on('exit', () => {
  for (const folder of ownFolders) rmSync(folder, { recursive: true, force: true });
});

export function serverOf<Port extends string, Extra extends object, Options extends StartOptions = StartOptions>(
  blueprint: Blueprint<Port, Options, Extra>,
): Server<RunningServer<Port> & Extra, Options> {
  const { name } = blueprint;
  return {
    name,
    version: versionOf(name),
    obtain: () => install(name),
    async start(options) {
      const { directory } = await install(name);
      const dir = options?.dir ?? ownFolder(name);
      mkdirSync(dir, { recursive: true });
      for (let attempt = 1; ; attempt += 1) {
        const site = { directory, dir, ports: await choosePorts(blueprint.ports), options: options ?? ({} as Options) };
        const running = new Running(blueprint, site);
        try {
          await running.restart();
          return Object.assign(running, blueprint.extend(site));
        } catch (error) {
          if (attempt < startAttempts && /address already in use/i.test(String(error))) continue;
          await running.dispose();
          throw error;
        }
      }
    },
  };
}

class Running<Port extends string, Options extends StartOptions> implements RunningServer<Port> {
  readonly name: string;
  readonly url: string;
  readonly ports: Readonly<Record<Port, number>>;
  readonly dir: string;
  readonly logPath: string;
  readonly #blueprint: Blueprint<Port, Options, object>;
  readonly #site: Site<Port, Options>;
  #daemon: Daemon | undefined;

  constructor(blueprint: Blueprint<Port, Options, object>, site: Site<Port, Options>) {
    this.#blueprint = blueprint;
    this.#site = site;
    this.name = blueprint.name;
    this.url = blueprint.url(site);
    this.ports = site.ports;
    this.dir = site.dir;
    this.logPath = join(site.dir, `${blueprint.name}.log`);
  }

  get pid(): number | undefined {
    return this.#daemon?.pid;
  }

  async restart(): Promise<void> {
    await this.stop();
    const command = await this.#blueprint.command(this.#site);
    const daemon = new Daemon(command, { dir: this.dir, logPath: this.logPath });
    this.#daemon = daemon;
    const answered = await until(
      async () => daemon.failure !== undefined || (await this.#blueprint.ready(this.#site)),
      {
        what: `${this.name} to answer`,
        deadlineMs: this.#blueprint.readyDeadlineMs ?? 120_000,
      },
    ).catch((error: Error) => error);
    if (daemon.failure === undefined && answered === true) return;
    await daemon.kill();
    const why = answered === true ? `${this.name} ${daemon.failure}` : answered.message;
    throw new Error(
      `${why}; the end of its log:\n${daemon.tail()}`,
      answered === true ? {} : { cause: answered.cause },
    );
  }

  async stop(): Promise<void> {
    await this.#daemon?.stop();
  }

  async kill(): Promise<void> {
    await this.#daemon?.kill();
  }

  async pause(): Promise<void> {
    await this.#daemon?.pause();
  }

  resume(): void {
    this.#daemon?.signal('SIGCONT');
  }

  async dispose(): Promise<void> {
    await this.stop();
    if (ownFolders.delete(this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }
}

async function choosePorts<Port extends string>(names: readonly Port[]): Promise<Record<Port, number>> {
  const ports = await freePorts(names.length);
  return Object.fromEntries(names.map((name, i) => [name, ports[i]])) as Record<Port, number>;
}

function ownFolder(name: string): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), `spillway-${name}-`));
  ownFolders.add(folder);
  return folder;
}
