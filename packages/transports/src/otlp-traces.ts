// Trace and span ids of lines that are not walked through: found by one search through a batch.
// In: a batch. Out: for each record its ids, as bytes, where it has them at its top level: `trace_id`, and right after
// it, as everybody writes them, `span_id` and `trace_flags`.

import type { Batch } from '@spillway/core';
import { memberValues } from './encode/members.js';
import { readFlags, readId, spells } from './otlp-fields.js';

const spanHead = Buffer.from(',"span_id":');
const flagsHead = Buffer.from(',"trace_flags":');

/** Reads the ids of one record after the other. */
export class Traces {
  readonly traceId = new Uint8Array(16);
  readonly spanId = new Uint8Array(8);
  hasTrace = false;
  hasSpan = false;
  flags: number | undefined;
  readonly #bytes: Buffer;
  readonly #traceIds: Uint32Array | undefined;

  constructor(batch: Batch) {
    this.#bytes = batch.bytes;
    this.#traceIds = memberValues(batch, 'trace_id', 'trace'.length);
  }

  /** Reads record `i`. */
  read(i: number): void {
    this.hasTrace = this.hasSpan = false;
    this.flags = undefined;
    const bytes = this.#bytes;
    let at = this.#traceIds?.[i];
    if (!at || !readId(bytes, at, this.traceId)) return;
    this.hasTrace = true;
    at += 2 + 2 * this.traceId.length;
    if (!spells(bytes, at, spanHead)) return;
    at += spanHead.length;
    this.hasSpan = readId(bytes, at, this.spanId);
    if (!this.hasSpan) return;
    at += 2 + 2 * this.spanId.length;
    if (spells(bytes, at, flagsHead)) this.flags = readFlags(bytes, at + flagsHead.length);
  }
}
