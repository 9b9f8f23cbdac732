// The options that all transports over a stream share, written once.
// Out: schema fields to spread into a transport's own schema. How many batches are on their way at a time and how long one
// may take are the pipeline's `send` options.

import { tlsOptions } from '../http/options.js';
import { choice, milliseconds, optional, type Parsed } from '../options/schema.js';

/** Schema fields of a stream transport, to spread into its own schema. */
export function streamFields() {
  return {
    tls: optional(tlsOptions),
    connectTimeoutMs: milliseconds({
      default: 5000,
      min: 1,
      doc: 'Longest wait for a connection, with its TLS and protocol handshakes.',
    }),
    keepAliveMs: milliseconds({
      default: 60_000,
      min: 1,
      doc: 'A connection that was idle for longer is not used again.',
    }),
    maxConnectionAgeMs: milliseconds({
      default: 300_000,
      min: 1000,
      doc: 'After about this time (±20 %) the connection is made anew, so that DNS and load balancers can move us.',
    }),
  } as const;
}

/** What {@link streamFields} parse to. */
export type StreamOptions = {
  readonly [K in keyof ReturnType<typeof streamFields>]: Parsed<ReturnType<typeof streamFields>[K]>;
};

/** Schema fields for destinations that confirm nothing: what an ack is then worth. */
export function confirmFields() {
  return {
    confirm: choice(['written', 'read'], {
      default: 'written',
      doc: "The destination confirms nothing. 'written': a batch counts when the operating system took it and nothing went wrong for `confirmMs`. 'read': each batch has a connection of its own and counts when the destination has read to its end and closed.",
    }),
    confirmMs: milliseconds({
      default: 500,
      max: 60_000,
      doc: 'How long to watch for an error or a close after a batch was written.',
    }),
  } as const;
}
