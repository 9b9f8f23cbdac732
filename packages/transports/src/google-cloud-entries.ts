// A batch as the request of Google Cloud Logging's entries.write, in JSON.
// In: a batch and what is the same for all entries. Out: one buffer; lines are the payloads of their entries, as they
// are, but that the name of the message becomes `message`, which is what the console shows.
// Time and insert id follow from the record alone: a repetition is the same entry.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { lastTextMember, memberValues, recordsWith } from './encode/members.js';
import { googleSeverity, levelNames } from './encode/severity.js';
import { writeDecimal, writeIsoNanos } from './encode/time.js';
import { Traces } from './otlp-traces.js';

/** What the request says beside its entries. */
export interface EntriesForm {
  readonly logName: string;
  readonly projectId: string;
  readonly resource: { readonly type: string; readonly labels: Readonly<Record<string, string>> };
  readonly labels: Readonly<Record<string, string>>;
  /** Field whose name becomes `message`. */
  readonly messageField: string;
}

const writer = new LineWriter();
const comma = 0x2c;
const quote = 0x22;
const colon = 0x3a;
const close = 0x7d;
const timeHead = Buffer.from('","timestamp":"');
const payloadHead = Buffer.from(',"jsonPayload":');
const spanHead = Buffer.from('","spanId":"');
const sampled = Buffer.from(',"traceSampled":true');
const message = Buffer.from('"message"');
const severities = new Map(
  levelNames.map((_, i) => {
    const name = googleSeverity((i + 1) * 10);
    return [name, Buffer.from(`","severity":"${name}"`)];
  }),
);
const noSeverity = Buffer.from('"');
const hex = Buffer.from('0123456789abcdef');
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;
/** Everything else around a line that does not depend on names: braces, keys, a time, a severity, ids of a trace. */
const constantBytes = 240;

/** Most bytes that an entry adds to its line. */
export function entryOverhead({ projectId }: Pick<EntriesForm, 'projectId'>): number {
  return constantBytes + idBytes + Buffer.byteLength(projectId) + message.length;
}

/** Everything before the entries. */
export function requestHead({ logName, resource, labels }: EntriesForm): Buffer {
  const common = JSON.stringify({ logName, resource, labels, partialSuccess: true });
  return Buffer.from(`${common.slice(0, -1)},"entries":[`);
}

/** The body of a request that begins with `head`. */
export function encodeEntries(batch: Batch, form: EntriesForm, head: Buffer): Buffer {
  const { times, levels, offsets, count } = batch;
  writer.start(batch, entryOverhead(form) + batch.writer.length, head.length + 2);
  writer.bytes(head);
  const idHead = Buffer.from(`{"insertId":"${batch.writer}-`);
  const traceHead = Buffer.from(`,"trace":"projects/${form.projectId}/traces/`);
  const traces = new Traces(batch);
  const names = new MessageNames(batch, form.messageField);
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.byte(comma);
    writer.bytes(idHead);
    writeDecimal(writer, batch.sequence(i));
    writer.bytes(timeHead);
    writeIsoNanos(writer, times[i]!, batch.nanosecond(i));
    writer.bytes(severities.get(googleSeverity(levels[i]!)) ?? noSeverity);
    traces.read(i);
    if (traces.hasTrace) writeTrace(traces, traceHead);
    writer.bytes(payloadHead);
    const name = names.at(i);
    if (name >= 0) {
      writer.lines(offsets[i]!, name);
      writer.bytes(message);
      writer.lines(name + names.size, offsets[i + 1]! - 1);
    } else writer.lines(offsets[i]!, offsets[i + 1]! - 1);
    writer.byte(close);
  }
  writer.text(']}');
  return writer.finish();
}

function writeTrace({ traceId, hasSpan, spanId, flags = 0 }: Traces, head: Buffer): void {
  writer.bytes(head);
  writeHex(traceId);
  if (hasSpan) {
    writer.bytes(spanHead);
    writeHex(spanId);
  }
  writer.byte(quote);
  if (flags & 1) writer.bytes(sampled);
}

function writeHex(bytes: Uint8Array): void {
  writer.reserve(bytes.length * 2);
  const { buffer, length: at } = writer;
  for (let i = 0; i < bytes.length; i++) {
    buffer[at + 2 * i] = hex[bytes[i]! >>> 4]!;
    buffer[at + 2 * i + 1] = hex[bytes[i]! & 15]!;
  }
  writer.length = at + bytes.length * 2;
}

/** Finds the names that become `message`. */
class MessageNames {
  /** Bytes of the name, quotes included. */
  readonly size: number;
  readonly #batch: Batch;
  readonly #field: string;
  readonly #name: Buffer;
  /** A record that has a `message` as well keeps both: a name must not come twice. */
  readonly #taken: Uint8Array | undefined;
  #values: Uint32Array | undefined;
  #searched = false;

  constructor(batch: Batch, field: string) {
    this.#batch = batch;
    this.#field = field;
    this.#name = Buffer.from(`"${field}"`);
    this.size = this.#name.length;
    this.#taken = field === 'message' ? undefined : recordsWith(batch, 'message');
  }

  /** Where the name begins in record `i`, with its quote; -1 where it stays what it is. */
  at(i: number): number {
    if (this.#field === 'message' || this.#taken?.[i]) return -1;
    const { bytes, offsets } = this.#batch;
    const last = lastTextMember(bytes, [offsets[i]!, offsets[i + 1]! - 1], this.#name);
    return last < 0 ? this.#elsewhere(i) : last;
  }

  /** Not the last member: all records are searched, once. */
  #elsewhere(i: number): number {
    if (!this.#searched) this.#values = memberValues(this.#batch, this.#field);
    this.#searched = true;
    const value = this.#values?.[i];
    return value ? nameBefore(this.#batch.bytes, value) - this.size : -1;
  }
}

/** The position after the name whose value begins at `value`. */
function nameBefore(bytes: Buffer, value: number): number {
  let at = value - 1;
  while (bytes[at] !== colon) at--;
  at--;
  while (bytes[at] !== quote) at--;
  return at + 1;
}
