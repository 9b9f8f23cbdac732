// A batch as the request of PutLogEvents: JSON with the lines as strings, in the order of their times.
// In: a batch, and the names of its group and stream. Out: one buffer. CloudWatch refuses a whole request whose events are
// out of order, and speaks of events by their place in it: `timeOrder` gives the same order to who reads its answer.

import type { Batch } from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { plainMs, writeDecimal } from './encode/time.js';

/** What is the same for all events. */
export interface EventsForm {
  readonly logGroup: string;
  readonly logStream: string;
  readonly entity:
    | {
        readonly keyAttributes: Readonly<Record<string, string>>;
        readonly attributes: Readonly<Record<string, string>>;
      }
    | undefined;
}

/** What CloudWatch counts for an event beside its message. */
export const eventBytes = 26;

const writer = new ByteWriter();
const comma = 0x2c;
const timeHead = Buffer.from('{"timestamp":');
const messageHead = Buffer.from(',"message":"');
const eventEnd = Buffer.from('"}');
/** What stands around a message, a time of 15 digits included. */
const framingBytes = timeHead.length + messageHead.length + eventEnd.length + 16;

/** The size of a batch as CloudWatch counts it: the messages, not their form in JSON, and 26 bytes for each. */
export function countedBytes({ bytes, count }: Batch): number {
  return bytes.length - count + count * eventBytes;
}

/** The body of a request. */
export function encodeEvents(batch: Batch, form: EventsForm): Buffer {
  const { bytes, offsets, times, count } = batch;
  const { logGroup, logStream, entity } = form;
  const order = timeOrder(batch);
  // Quotes and backslashes make a line about a tenth longer.
  writer.reset(Math.ceil(bytes.length * 1.15) + count * framingBytes + 4096);
  const names = `{"logGroupName":${JSON.stringify(logGroup)},"logStreamName":${JSON.stringify(logStream)}`;
  writer.text(entity ? `${names},"entity":${JSON.stringify(entity)},"logEvents":[` : `${names},"logEvents":[`);
  for (let place = 0; place < count; place++) {
    const i = order ? order[place]! : place;
    if (place > 0) writer.byte(comma);
    writer.bytes(timeHead);
    writeDecimal(writer, plainMs(times[i]!));
    writer.bytes(messageHead);
    writeEscaped(writer, bytes, offsets[i]!, offsets[i + 1]! - 1);
    writer.bytes(eventEnd);
  }
  writer.text(']}');
  return writer.copy();
}

/** The records by time, those of the same time as they came; undefined where they are in that order already. */
export function timeOrder({ times, count }: Batch): Uint32Array | undefined {
  let sorted = true;
  for (let i = 1; i < count && sorted; i++) sorted = plainMs(times[i]!) >= plainMs(times[i - 1]!);
  if (sorted) return undefined;
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => plainMs(times[a]!) - plainMs(times[b]!));
}
