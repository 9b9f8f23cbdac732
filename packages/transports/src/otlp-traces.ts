// Trace and span ids of lines that are not walked through: found by one search through a batch.
// In: a batch. Out: for each record its ids, as bytes, where it has them at its top level.

import type { Batch } from '@spillway/core';
import { memberValues } from './encode/members.js';
import { readFlags, readId } from './otlp-fields.js';

/** Reads the ids of one record after the other. */
export class Traces {
  readonly traceId = new Uint8Array(16);
  readonly spanId = new Uint8Array(8);
  hasTrace = false;
  hasSpan = false;
  flags: number | undefined;
  readonly #bytes: Buffer;
  readonly #traceIds: Uint32Array | undefined;
  readonly #spanIds: Uint32Array | undefined;
  readonly #flags: Uint32Array | undefined;

  constructor(batch: Batch) {
    this.#bytes = batch.bytes;
    this.#traceIds = memberValues(batch, 'trace_id');
    // Spans are parts of traces: where there is no trace, two searches are saved.
    if (!this.#traceIds) return;
    this.#spanIds = memberValues(batch, 'span_id');
    this.#flags = memberValues(batch, 'trace_flags');
  }

  /** Reads record `i`. */
  read(i: number): void {
    const traceAt = this.#traceIds?.[i];
    const spanAt = this.#spanIds?.[i];
    const flagsAt = this.#flags?.[i];
    this.hasTrace = !!traceAt && readId(this.#bytes, traceAt, this.traceId);
    this.hasSpan = !!spanAt && readId(this.#bytes, spanAt, this.spanId);
    this.flags = flagsAt ? readFlags(this.#bytes, flagsAt) : undefined;
  }
}
