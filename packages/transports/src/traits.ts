// What is worth knowing about a transport before choosing it. `docs/transports.md` is generated from this.

/** Facts for the table of all transports, in words. */
export interface Traits {
  /** Name of the system, as its makers write it. */
  readonly title: string;
  /** What happens to a line: sent as it is, framed, escaped or transcoded. */
  readonly body: 'raw' | 'framed' | 'escaped' | 'transcoded';
  readonly maxRequest: string;
  readonly maxRecord: string;
  /** How far a repeated batch stays invisible. */
  readonly idempotency: string;
  readonly compression: string;
  readonly auth: string;
  /** How it was proven: which real server, or else what. */
  readonly proven: string;
}
