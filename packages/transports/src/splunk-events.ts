// A batch as events for Splunk's HTTP Event Collector: JSON envelopes one after the other, no array, no commas.
// In: a batch and what is the same for all events. Out: one buffer; lines are copied as they are, as the event of an envelope.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { writeSeconds } from './encode/time.js';

/** What the envelopes say. */
export interface SplunkForm {
  readonly host: string | undefined;
  readonly source: string | undefined;
  readonly sourcetype: string | undefined;
  readonly index: string | undefined;
  /** Indexed fields of all events. */
  readonly fields: Readonly<Record<string, string>>;
  /** Name of an indexed field for the record's id. */
  readonly idField: string | undefined;
}

const writer = new LineWriter();
const timeHead = Buffer.from('{"time":');
const closing = Buffer.from('}\n');
/** Up to 12 digits, a dot and three decimals. */
const timeBytes = 16;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;

/** Most bytes that an envelope adds to a record. */
export function splunkOverhead(form: SplunkForm): number {
  const [before, after] = envelope(form);
  return timeHead.length + timeBytes + before.length + idBytes + after.length + closing.length;
}

/** The events of a batch. */
export function splunkEvents(batch: Batch, form: SplunkForm): Buffer {
  const [before, after] = envelope(form);
  writer.start(batch, splunkOverhead(form));
  for (let i = 0; i < batch.count; i++) {
    writer.bytes(timeHead);
    // Never an exponent: Splunk refuses one.
    writeSeconds(writer, batch.times[i]!);
    writer.bytes(before);
    if (form.idField !== undefined) writer.text(batch.recordId(i));
    writer.bytes(after);
    writer.lines(batch.offsets[i]!, batch.offsets[i + 1]! - 1);
    writer.bytes(closing);
  }
  return writer.finish();
}

/** What stands between the time and the line: up to the record's id, if there is one, and from there on. */
function envelope({ idField, fields, ...metadata }: SplunkForm): [before: Buffer, after: Buffer] {
  const { host, source, sourcetype, index } = metadata;
  const constant = Object.entries({ host, source, sourcetype, index })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join('');
  const pairs = Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  if (idField === undefined) {
    const all = pairs.length === 0 ? '' : `,"fields":{${pairs.join(',')}}`;
    return [Buffer.from(`${constant}${all},"event":`), Buffer.alloc(0)];
  }
  pairs.push(`${JSON.stringify(idField)}:"`);
  return [Buffer.from(`${constant},"fields":{${pairs.join(',')}`), Buffer.from('"},"event":')];
}
