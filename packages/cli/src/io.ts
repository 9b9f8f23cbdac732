// Where a command's words go, and what it is told by its surroundings, so that commands can run inside tests.
// Human text goes to stderr; stdout carries only what was asked for as data.

/** The surroundings of one run. */
export interface Io {
  /** Resolves when more can be taken. */
  stdout(chunk: string | Uint8Array): Promise<void>;
  stderr(text: string): void;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Width of the terminal behind stderr. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the user wants it to end. */
  readonly signal: AbortSignal;
  /** Asks a question on the terminal; the answer without its newline, or nothing where nobody can answer. */
  ask(question: string): Promise<string | undefined>;
}

/** What a command ends with. Stable: scripts rely on them. */
export const exitCodes = {
  /** Everything is fine, or was done. */
  fine: 0,
  /** It was done, and something was found that needs attention. */
  problems: 1,
  /** The command was not understood; nothing was done. */
  usage: 2,
  /** It could not be done, or not to its end: what is on the disk stays there. */
  unfinished: 3,
  /** Ended by Ctrl-C, in order: what is on the disk stays there. */
  interrupted: 130,
} as const;

/** One of {@link exitCodes}. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
