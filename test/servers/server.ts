// The port that every real server of the integration tests has: obtained once, started on free ports in a folder of its
// own, stopped, killed, paused and restarted at will. Always true: what was started dies with the process that started it.

/** A server that can be had on this machine. */
export interface Server<Running extends RunningServer = RunningServer, Options extends StartOptions = StartOptions> {
  readonly name: string;
  readonly version: string;
  /** Builds or unpacks the server when the cache lacks it; throws when it cannot be had. May take minutes, see {@link OBTAIN_TIMEOUT_MS}. */
  obtain(): Promise<Installation>;
  /** Obtains and starts it; resolves once it answers. */
  start(options?: Options): Promise<Running>;
}

/** Where the program of a server lies. */
export interface Installation {
  readonly version: string;
  /** The folder in the cache. */
  readonly directory: string;
}

export interface StartOptions {
  /** Folder of its data, configuration and log. @default a new temporary folder, removed by `dispose` */
  readonly dir?: string;
}

/** A server that runs, or ran and can be restarted. */
export interface RunningServer<Port extends string = string> {
  readonly name: string;
  /** What a client is given, such as `http://127.0.0.1:21345`; the same after a restart. */
  readonly url: string;
  /** The ports on 127.0.0.1 by purpose; the same after a restart. */
  readonly ports: Readonly<Record<Port, number>>;
  /** Folder of its data, configuration and log. */
  readonly dir: string;
  readonly logPath: string;
  /** Process id; undefined while stopped. */
  readonly pid: number | undefined;
  /** Asks it to end (SIGTERM), insists after 20 s (SIGKILL); keeps the data. Works on a paused server and twice. */
  stop(): Promise<void>;
  /** SIGKILL; keeps the data. */
  kill(): Promise<void>;
  /** SIGSTOP: connections are accepted by the kernel, nothing answers. Resolves once it stands still. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
  /** Stops it if it runs, then starts it on the same ports with the same data; resolves once it answers. */
  restart(): Promise<void>;
  /** Stops it and removes its folder if the harness made it. */
  dispose(): Promise<void>;
}

/** For the hooks that start a server: a cold cache means a build, of ten minutes at worst on two cores. */
export const OBTAIN_TIMEOUT_MS = 30 * 60_000;
