// The contract between the pipeline and a destination.
// In: a sealed batch. Out: bytes on the wire, then a verdict about them.
// `encode` and `classify` are pure; `open` is the only member that does I/O. A destination never throws to say
// "no": it answers with a verdict, and a thrown error only ever means that no reply came (see `failure.ts`).

import type { Batch } from './batch.js';
import type { Runtime } from './runtime.js';

/** What a destination takes in one request. Sizes count uncompressed bytes unless the transport says otherwise. */
export interface Limits {
  /** Largest encoded request, in bytes, as {@link Transport.sizeOf} counts it. */
  readonly maxBytes: number;
  /** Most records in one request. */
  readonly maxRecords: number;
  /** Longest single line, in bytes, without its newline. Longer lines are rejected before they are sent. */
  readonly maxRecordBytes: number;
  /** Most bytes of framing that `encode` adds to a record, used to keep a batch under `maxBytes`. */
  readonly overheadBytes: number;
  /** Longest time between the oldest and the newest record of one request, in ms. Unset: any. */
  readonly maxSpanMs?: number;
}

/** What the destination said, in the words the pipeline acts on. */
export type Verdict =
  /** All records are stored. */
  | { readonly outcome: 'ack' }
  /** Nothing is wrong with the bytes: send the same ones later, not before `afterMs` if the destination asked so. */
  | { readonly outcome: 'retry'; readonly reason: string; readonly afterMs?: number }
  /** Too big, or one bad record spoils the rest: send it in halves; a single record ends as a reject. */
  | { readonly outcome: 'split'; readonly reason: string }
  /** These records can never be accepted. */
  | { readonly outcome: 'reject'; readonly reason: string }
  /** Credentials or configuration are wrong: keep the data, probe slowly, tell the operator. */
  | { readonly outcome: 'hold'; readonly reason: string }
  /** Some are stored. `reject` is a bare count where the destination does not say which; the rest are acked. */
  | {
      readonly outcome: 'partial';
      readonly retry: readonly number[];
      readonly reject: readonly number[] | number;
      readonly reason: string;
      readonly afterMs?: number;
    };

/** A connection to a destination. */
export interface Sender<Wire, Reply> {
  /** Loads code that `send` would load otherwise, without any I/O to the destination. Never rejects. */
  prepare?(): Promise<void>;
  /** Sends once. Rejects only when no reply came: the connection failed, timed out, or `signal` was aborted. */
  send(wire: Wire, signal: AbortSignal): Promise<Reply>;
  /**
   * Whether nothing refers any more to the wires whose `send` has resolved, so that the memory of their batches may be
   * used for new ones. Without it, that memory is left to the garbage collector.
   */
  letGo?(): boolean;
  /** Lets go of connections and timers. Idempotent. */
  close(): Promise<void>;
}

/** How far a replay of the same batch stays invisible at the destination. */
export type Idempotency = 'record' | 'batch' | 'none';

/** Sizes that suit this destination; the user's options win over them. */
export interface Recommended {
  readonly maxBytes?: number;
  readonly maxRecords?: number;
  readonly lingerMs?: number;
  readonly maxInFlight?: number;
  readonly timeoutMs?: number;
  /** 'oldestFirst' where the destination refuses records that are much older than those it has. */
  readonly drain?: 'liveFirst' | 'oldestFirst';
}

/** The pipeline's `send` options that concern a connection. */
export interface SendSettings {
  /** Batches that may be on their way at once: as many connections are useful. */
  readonly maxInFlight: number;
  /** 'auto' is what the destination takes best. A transport that cannot do what is asked for refuses it in `open`. */
  readonly compression: 'auto' | 'none' | 'gzip' | 'deflate' | 'zstd';
}

/** One destination: its codec and how to reach it. Made by a factory such as `loki(options)`. */
export interface Transport<Wire = unknown, Reply = unknown> {
  /** Short name for stats and events. Never holds a secret. */
  readonly name: string;
  /** Where it writes to, for people: host and path without credentials, query or fragment. */
  readonly destination: string;
  readonly limits: Limits;
  readonly idempotency: Idempotency;
  readonly recommended?: Recommended;
  /** Pure: the same batch gives the same bytes. Called once per batch and destination. */
  encode(batch: Batch): Wire;
  /** Size of a wire as `limits.maxBytes` counts it. */
  sizeOf(wire: Wire): number;
  /** Pure: what a reply means for this batch. */
  classify(reply: Reply, batch: Batch): Verdict;
  /** Takes back the memory of a wire that is not sent again and that nothing refers to any more ({@link Sender.letGo}). */
  recycle?(wire: Wire): void;
  /** The only member that does I/O, and it does none before the first `send`. */
  open(runtime: Runtime, settings: SendSettings): Sender<Wire, Reply>;
}

/** A transport whose wire and reply types do not matter to who holds it. */
// biome-ignore lint/suspicious/noExplicitAny: the pair is consistent inside one transport and opaque outside it
export type AnyTransport = Transport<any, any>;
