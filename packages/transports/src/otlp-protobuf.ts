// A batch as OTLP's ExportLogsServiceRequest in protobuf (opentelemetry-proto, collector/logs/v1, logs/v1, resource/v1).
// In: a batch and what is known about its source. Out: protobuf, not compressed.
// One ResourceLogs for each group of neighbours of one process; lines become records with typed attributes, or the
// bodies of records as they are.

import type { Batch } from '@spillway/core';
import { anyValueBound } from './encode/any-value.js';
import { ByteWriter, varintSize } from './encode/byte-writer.js';
import { LineWriter } from './encode/line-writer.js';
import {
  bytesField,
  closeMessage,
  fixed32Tag,
  fixed64Tag,
  lengthTag,
  openMessage,
  textField,
  varintTag,
} from './encode/protobuf.js';
import { levelName, severityNumber } from './encode/severity.js';
import { putNanos64 } from './encode/time.js';
import { conventions } from './otlp-fields.js';
import { type OtlpForm, type ResourceValue, scopeName } from './otlp-form.js';
import { maxGroups, type Origin, Origins } from './otlp-origin.js';
import { bodyField, bodyTag, RecordWriter } from './otlp-record.js';
import { Traces } from './otlp-traces.js';
import { uidOverhead, uidSize, writeUid } from './otlp-uid.js';

const resourceLogsTag = lengthTag(1);
const resourceField = 1;
const scopeLogsTag = lengthTag(2);
const recordsTag = lengthTag(2);
const timeTag = fixed64Tag(1);
const severityNumberTag = varintTag(2);
const severityTextField = 3;
const flagsTag = fixed32Tag(8);
const traceIdTag = lengthTag(9);
const spanIdTag = lengthTag(10);
const observedTag = fixed64Tag(11);
const stringValueTag = lengthTag(1);

/** `InstrumentationScope { name }` as field 1 of ScopeLogs. */
const scope = bytesField(1, textField(1, scopeName));

/** Bytes that two times take. */
const timeBytes = 18;
/** A record's framing: tags and lengths (16), times (18), severity (9), ids and flags (33). */
export const protobufOverhead = 80;
/** Room for what a record has besides what its line becomes. */
const recordBytes = 256;

/** The ResourceLogs and ScopeLogs that records go to. */
class OpenGroup {
  readonly #writer: ByteWriter;
  readonly #width: number;
  #resourceLogs = 0;
  #scopeLogs = 0;

  /** `width`: bytes that the length of a group takes. */
  constructor(writer: ByteWriter, width: number) {
    this.#writer = writer;
    this.#width = width;
  }

  /** Begins a group, after the one before it, if this is not the first. */
  open(resource: Buffer, first: boolean): void {
    if (!first) this.close();
    const writer = this.#writer;
    writer.byte(resourceLogsTag);
    this.#resourceLogs = openMessage(writer, this.#width);
    writer.bytes(resource);
    writer.byte(scopeLogsTag);
    this.#scopeLogs = openMessage(writer, this.#width);
    writer.bytes(scope);
  }

  close(): void {
    closeMessage(this.#writer, this.#scopeLogs, this.#width);
    closeMessage(this.#writer, this.#resourceLogs, this.#width);
  }
}

/** Encodes batches for one destination. */
export class ProtobufEncoder {
  readonly #form: OtlpForm;
  readonly #attributes: Buffer;
  readonly #fields: RecordWriter;
  readonly #writer = new ByteWriter();
  readonly #lines = new LineWriter();

  constructor(form: OtlpForm) {
    this.#form = form;
    this.#attributes = Buffer.concat(Object.entries(form.resource).map(([key, value]) => attribute(key, value)));
    this.#fields = new RecordWriter(form.roles);
  }

  /** The body of a request. It belongs to the caller. */
  encode(batch: Batch): Buffer {
    if (this.#form.body === 'line') {
      const around = protobufOverhead + (this.#form.recordIds ? uidOverhead.protobuf : 0);
      this.#lines.start(batch, around, maxGroups * (this.#attributes.length + 512));
      const traces = new Traces(batch);
      this.#groups(batch, this.#lines, (i) => this.#lineRecord(batch, i, traces));
      return this.#lines.finish();
    }
    this.#writer.reset(batch.bytes.length + batch.count * protobufOverhead);
    this.#groups(batch, this.#writer, (i, rest) => this.#typedRecord(batch, i, rest));
    return this.#writer.finish();
  }

  #groups(batch: Batch, writer: ByteWriter, record: (i: number, rest: number) => void): void {
    const group = new OpenGroup(writer, varintSize(batch.bytes.length + batch.count * protobufOverhead));
    this.#records(batch, group, record);
    group.close();
  }

  // A loop with nothing behind it, so that what is compiled while the first batch is in it stays good.
  #records(batch: Batch, group: OpenGroup, record: (i: number, rest: number) => void): void {
    const origins = new Origins(batch);
    const { count } = batch;
    for (let i = 0; i < count; i++) {
      if (origins.next(i)) group.open(this.#resource(origins.current), i === 0);
      record(i, origins.rest);
    }
  }

  #resource(origin: Origin | undefined): Buffer {
    const { resource } = this.#form;
    const own = [this.#attributes];
    if (origin && !Object.hasOwn(resource, conventions.pid)) own.push(attribute(conventions.pid, Number(origin.pid)));
    if (origin && !Object.hasOwn(resource, conventions.host)) own.push(attribute(conventions.host, origin.host));
    return bytesField(resourceField, Buffer.concat(own));
  }

  /** The line as the record's body. All sizes are known beforehand. */
  #lineRecord(batch: Batch, i: number, traces: Traces): void {
    const writer = this.#lines;
    const from = batch.offsets[i]!;
    const to = batch.offsets[i + 1]! - 1;
    const severity = severities[severityNumber(batch.levels[i]!)]!;
    traces.read(i);
    const { hasTrace, hasSpan, flags } = traces;
    const value = 1 + varintSize(to - from) + (to - from);
    const traced = (hasTrace ? 18 : 0) + (hasSpan ? 10 : 0) + (flags === undefined ? 0 : 5);
    const uid = this.#form.recordIds ? batch.recordId(i) : undefined;
    const named = uid === undefined ? 0 : uidSize(uid);
    const size = timeBytes + severity.length + 1 + varintSize(value) + value + traced + named;
    writer.byte(recordsTag);
    writer.varint(size);
    writeTimes(writer, batch, i);
    writeShort(writer, severity);
    if (uid !== undefined) writeUid(writer, uid);
    if (hasTrace) writeId(writer, traceIdTag, traces.traceId);
    if (hasSpan) writeId(writer, spanIdTag, traces.spanId);
    if (flags !== undefined) writeShort(writer, Buffer.from([flagsTag, flags, 0, 0, 0]));
    writer.byte(bodyTag);
    writer.varint(value);
    writer.byte(stringValueTag);
    writer.varint(to - from);
    writer.lines(from, to);
  }

  #typedRecord(batch: Batch, i: number, rest: number): void {
    const writer = this.#writer;
    const from = batch.offsets[i]!;
    const to = batch.offsets[i + 1]! - 1;
    writer.reserve(anyValueBound(to - from) + recordBytes);
    writer.byte(recordsTag);
    const width = varintSize(to - from + protobufOverhead);
    const start = openMessage(writer, width);
    writeTimes(writer, batch, i);
    if (this.#form.recordIds) writeUid(writer, batch.recordId(i));
    const fields = this.#fields;
    fields.source = batch.bytes;
    fields.at = rest;
    fields.end = to;
    fields.buffer = writer.buffer;
    fields.length = writer.length;
    const severity = severityNumber(batch.levels[i]!);
    if (fields.fields()) {
      writer.length = fields.length;
      if (fields.levelWritten) {
        writer.byte(severityNumberTag);
        writer.byte(severity);
      } else writeShort(writer, severities[severity]!);
    } else {
      // No JSON object after all: it travels as text.
      writeShort(writer, severities[severity]!);
      writer.bytes(bytesField(bodyField, bytesField(1, batch.bytes.subarray(from, to))));
    }
    closeMessage(writer, start, width);
  }
}

/** Both times of a record: when it was written, and when we saw it, which is the same here. */
function writeTimes(writer: ByteWriter, batch: Batch, i: number): void {
  writer.reserve(timeBytes);
  const { buffer, length: at } = writer;
  buffer[at] = timeTag;
  putNanos64(buffer, at + 1, batch.times[i]!, batch.nanosecond(i));
  buffer[at + 9] = observedTag;
  for (let n = 1; n < 9; n++) buffer[at + 9 + n] = buffer[at + n]!;
  writer.length = at + timeBytes;
}

/** Severity number and text, pre-encoded, by number. */
const severities = Array.from({ length: 25 }, (_, number) => {
  if (number === 0) return Buffer.alloc(0);
  const text = levelName((Math.floor((number - 1) / 4) + 1) * 10)!.toUpperCase();
  return Buffer.concat([Buffer.from([severityNumberTag, number]), textField(severityTextField, text)]);
});

function writeId(writer: ByteWriter, tag: number, id: Uint8Array): void {
  writer.byte(tag);
  writer.byte(id.length);
  writeShort(writer, id);
}

/** A few bytes: a loop is faster than a view and a copy of it. */
function writeShort(writer: ByteWriter, bytes: Uint8Array): void {
  writer.reserve(bytes.length);
  const { buffer, length: at } = writer;
  for (let n = 0; n < bytes.length; n++) buffer[at + n] = bytes[n]!;
  writer.length = at + bytes.length;
}

/** A resource's attribute: `KeyValue { key, AnyValue }`. */
function attribute(key: string, value: ResourceValue): Buffer {
  const pair = Buffer.concat([textField(1, key), bytesField(2, anyValue(value))]);
  return bytesField(1, pair);
}

function anyValue(value: ResourceValue): Buffer {
  if (typeof value === 'string') return textField(1, value);
  if (typeof value === 'boolean') return Buffer.from([varintTag(2), Number(value)]);
  if (Number.isSafeInteger(value)) {
    const bytes = [varintTag(3)];
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    return Buffer.from([...bytes, Number(rest)]);
  }
  const double = Buffer.alloc(9);
  double[0] = fixed64Tag(4);
  double.writeDoubleLE(value, 1);
  return double;
}
