// A batch as events for Logstash: lines for its `json_lines` codec, or one JSON array for its `json` codec.
// In: a batch and what is added to the lines. Out: one buffer; the logger's own bytes, with `@timestamp` before them
// where they have none, so that Logstash does not take the time of arrival.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { recordsWith, writeMembers } from './encode/members.js';
import { writeIso } from './encode/time.js';

/** What the encoder adds. */
export interface LogstashForm {
  /** Adds `@timestamp`. */
  readonly timestamp: boolean;
  /** Name of the field for the record's id. */
  readonly idField: string | undefined;
}

const writer = new LineWriter();
const quote = 0x22;
const comma = 0x2c;
const newline = 0x0a;
const open = 0x7b;
const openList = 0x5b;
const closeList = 0x5d;
const timestampHead = Buffer.from('"@timestamp":"');
/** Bytes of `2023-11-14T22:13:20.123Z`. */
const timeBytes = 24;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;

/** Most bytes that are added to a record. */
export function logstashOverhead({ idField }: LogstashForm): number {
  // A brace, two members with their commas, and a newline, or what is around and between the items of an array.
  return timestampHead.length + timeBytes + idHead(idField).length + idBytes + 8;
}

/** The events of a batch, a line each. */
export function logstashLines(batch: Batch, form: LogstashForm): Buffer {
  writer.start(batch, logstashOverhead(form));
  writeEvents(batch, form, newline);
  return writer.finish();
}

/** The events of a batch, in an array. */
export function logstashArray(batch: Batch, form: LogstashForm): Buffer {
  writer.start(batch, logstashOverhead(form));
  writer.byte(openList);
  writeEvents(batch, form, comma);
  // In the place of the last comma.
  writer.length--;
  writer.byte(closeList);
  return writer.finish();
}

function writeEvents(batch: Batch, { timestamp, idField }: LogstashForm, after: number): void {
  const { bytes, offsets, times, count } = batch;
  const stamped = timestamp ? recordsWith(batch, '@timestamp') : undefined;
  const head = idHead(idField);
  for (let i = 0; i < count; i++) {
    const from = offsets[i]!;
    const to = offsets[i + 1]! - 1;
    const stamp = timestamp && !stamped?.[i];
    if (!stamp && idField === undefined) writer.lines(from, to);
    else {
      writer.byte(open);
      if (stamp) {
        writer.bytes(timestampHead);
        writeIso(writer, times[i]!);
        writer.byte(quote);
      }
      if (idField !== undefined) {
        if (stamp) writer.byte(comma);
        writer.bytes(head);
        writer.text(batch.recordId(i));
        writer.byte(quote);
      }
      writeMembers(writer, bytes, from, to);
    }
    writer.byte(after);
  }
}

function idHead(idField: string | undefined): Buffer {
  return Buffer.from(idField === undefined ? '' : `${JSON.stringify(idField)}:"`);
}
