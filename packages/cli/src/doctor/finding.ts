// What a check says.

/** How much it matters: fine, worth knowing, will hurt under some conditions, does not work. */
export type Level = 'fine' | 'hint' | 'warning' | 'error';

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** Stable name of the check. */
  readonly check: string;
  /** The spool directory it is about; unset where it is about the host. */
  readonly path?: string;
  readonly found: string;
  /** What to do. */
  readonly advice?: string;
}

/** The options that matter to the checks, with their defaults. */
export interface Wanted {
  readonly maxBytes: number;
  readonly minFreeBytes: number;
  readonly sync: 'none' | 'interval' | 'always';
  readonly durability: string;
  readonly deadlineMs: number;
  /** Time between SIGTERM and SIGKILL, in seconds. */
  readonly graceSeconds: number;
  readonly keyFile?: string;
}
