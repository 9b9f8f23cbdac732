// A batch as the entries of the forward protocol: `[EventTime, record]`, one after the other.
// In: a batch. Out: MessagePack, and the id that the destination acknowledges.
// A record is the line's own fields, transcoded byte by byte, or the line as one field, copied.

import { createHash } from 'node:crypto';
import type { Batch } from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeEventTime, writeMapHeader, writeString, writeStringHeader } from './encode/msgpack.js';
import { writeJsonObject } from './encode/msgpack-json.js';
import { plainMs } from './encode/time.js';

/** What decides how records look. */
export interface FluentForm {
  readonly record: 'fields' | 'line';
  /** The field that holds a line. */
  readonly lineField: string;
  /** The field that holds the record's id. */
  readonly idField: string | undefined;
}

/** A batch on its way. */
export interface FluentWire {
  /** Entries, not compressed. */
  readonly body: Buffer;
  readonly count: number;
  /** What an acknowledgement names: 16 bytes in base64, the same for the same records. */
  readonly chunk: string;
}

const pair = 0x92;
/** EventTime has 32 bits for seconds: until February 2106. */
const lastSecond = 0xffff_ffff;
const writer = new ByteWriter();

/** Most bytes that are added to a record, its numbers aside. */
export function entryOverhead({ lineField, idField }: FluentForm): number {
  const id = idField === undefined ? 0 : Buffer.byteLength(idField) + 5 + 100;
  return 1 + 10 + 1 + 5 + Buffer.byteLength(lineField) + 5 + id;
}

/** An encoder of batches. */
export function entriesEncoder(form: FluentForm): (batch: Batch) => FluentWire {
  const { record, idField } = form;
  const extra = idField === undefined ? 0 : 1;
  const lineHead = piece(() => {
    writeMapHeader(writer, 1 + extra);
    writeString(writer, form.lineField);
  });
  const idHead = idField === undefined ? undefined : piece(() => writeString(writer, idField));
  const overhead = entryOverhead(form);
  return (batch) => {
    const { bytes, offsets, times, count } = batch;
    writer.reset(bytes.length + count * overhead);
    for (let i = 0; i < count; i++) {
      const ms = plainMs(times[i]!);
      const second = Math.floor(ms / 1000);
      const from = offsets[i]!;
      const to = offsets[i + 1]! - 1;
      writer.byte(pair);
      writeEventTime(writer, Math.min(second, lastSecond), (ms % 1000) * 1_000_000 + batch.nanosecond(i));
      if (record === 'line' || !writeJsonObject(writer, bytes, from, to, extra)) {
        writer.bytes(lineHead);
        writeStringHeader(writer, to - from);
        writer.bytes(bytes, from, to);
      }
      if (!idHead) continue;
      writer.bytes(idHead);
      writeString(writer, batch.recordId(i));
    }
    const digest = createHash('sha256').update(batch.id).digest();
    return { body: writer.copy(), count, chunk: digest.toString('base64', 0, 16) };
  };
}

/** What is the same in every entry, written once. */
function piece(write: () => void): Buffer {
  writer.reset();
  write();
  return writer.copy();
}
