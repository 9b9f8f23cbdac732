// A batch as OTLP's ExportLogsServiceRequest in JSON: lowerCamelCase names, 64-bit integers as text, ids in
// hexadecimal, enumerations as numbers (opentelemetry-proto, docs/specification.md).
// In: a batch and what is known about its source. Out: JSON, not compressed.

import type { Batch } from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { levelName, severityNumber } from './encode/severity.js';
import { writeNanos } from './encode/time.js';
import { conventions } from './otlp-fields.js';
import { type OtlpForm, type ResourceValue, scopeName } from './otlp-form.js';
import { JsonRecordWriter } from './otlp-json-record.js';
import { type Origin, Origins } from './otlp-origin.js';
import { Traces } from './otlp-traces.js';
import { uidJson } from './otlp-uid.js';

const close = 0x7d;

/** Bytes around a record whose line is its body; escaping may double the line itself. */
export const jsonOverhead = 320;

/** Encodes batches for one destination. */
export class JsonEncoder {
  readonly #form: OtlpForm;
  readonly #writer = new ByteWriter();
  readonly #records: JsonRecordWriter;

  constructor(form: OtlpForm) {
    this.#form = form;
    this.#records = new JsonRecordWriter(this.#writer, form.roles);
  }

  /** The body of a request. It belongs to the caller. */
  encode(batch: Batch): Buffer {
    const writer = this.#writer.reset(batch.bytes.length * 2 + batch.count * jsonOverhead);
    const traces = this.#form.body === 'line' ? new Traces(batch) : undefined;
    const origins = new Origins(batch);
    writer.text('{"resourceLogs":[');
    for (let i = 0; i < batch.count; i++) {
      const begins = origins.next(i);
      if (begins) {
        writer.text(`${i > 0 ? ']}]},' : ''}{"resource":{"attributes":${this.#resource(origins.current)}},`);
        writer.text(`"scopeLogs":[{"scope":{"name":"${scopeName}"},"logRecords":[`);
      }
      writer.text(begins ? '{"timeUnixNano":"' : ',{"timeUnixNano":"');
      this.#times(batch, i);
      if (traces) this.#line(batch, i, traces);
      else this.#typed(batch, i, origins.rest);
      writer.byte(close);
    }
    writer.text(']}]}]}');
    return writer.finish();
  }

  #resource(origin: Origin | undefined): string {
    const { resource } = this.#form;
    const own: [string, ResourceValue][] = Object.entries(resource);
    if (origin && !Object.hasOwn(resource, conventions.pid)) own.push([conventions.pid, Number(origin.pid)]);
    if (origin && !Object.hasOwn(resource, conventions.host)) own.push([conventions.host, origin.host]);
    return JSON.stringify(own.map(([key, value]) => ({ key, value: anyValue(value) })));
  }

  #times(batch: Batch, i: number): void {
    const writer = this.#writer;
    writeNanos(writer, batch.times[i]!, batch.nanosecond(i));
    writer.text('","observedTimeUnixNano":"');
    writeNanos(writer, batch.times[i]!, batch.nanosecond(i));
    writer.text('"');
  }

  #typed(batch: Batch, i: number, rest: number): void {
    const writer = this.#writer;
    const severity = severityNumber(batch.levels[i]!);
    const start = writer.length;
    const uid = this.#form.recordIds ? uidJson(batch.recordId(i)) : '';
    writer.text(',');
    if (!this.#records.fields(batch.bytes, rest, batch.offsets[i + 1]! - 1, uid)) {
      // No JSON object after all: it travels as text.
      writer.length = start;
      this.#severity(batch.levels[i]!);
      this.#body(batch, i);
      return;
    }
    const { level } = this.#records;
    if (!level) {
      this.#severity(batch.levels[i]!);
      return;
    }
    if (severity > 0) writer.text(`,"severityNumber":${severity}`);
    writer.text(',"severityText":');
    writer.bytes(level);
  }

  #line(batch: Batch, i: number, traces: Traces): void {
    const writer = this.#writer;
    this.#severity(batch.levels[i]!);
    traces.read(i);
    const { hasTrace, hasSpan, flags } = traces;
    if (hasTrace) writer.text(`,"traceId":"${Buffer.from(traces.traceId).toString('hex')}"`);
    if (hasSpan) writer.text(`,"spanId":"${Buffer.from(traces.spanId).toString('hex')}"`);
    if (flags !== undefined) writer.text(`,"flags":${flags}`);
    this.#body(batch, i);
  }

  /** The line as text. */
  #body(batch: Batch, i: number): void {
    const { bytes, offsets } = batch;
    if (this.#form.recordIds) this.#writer.text(`,"attributes":[${uidJson(batch.recordId(i))}]`);
    this.#writer.text(',"body":{"stringValue":"');
    writeEscaped(this.#writer, bytes, offsets[i]!, offsets[i + 1]! - 1);
    this.#writer.text('"}');
  }

  #severity(level: number): void {
    const name = levelName(level);
    if (name) this.#writer.text(`,"severityNumber":${severityNumber(level)},"severityText":"${name.toUpperCase()}"`);
  }
}

function anyValue(value: ResourceValue): object {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
