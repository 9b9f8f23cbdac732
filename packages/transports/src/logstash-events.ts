// A batch as events for Logstash: lines for its `json_lines` codec, or one JSON array for its `json` codec.
// In: a batch and what is added to the lines. Out: one buffer; the logger's own bytes, with `@timestamp` before them
// where they have none, so that Logstash does not take the time of arrival.
// Invariant: an array is valid JSON whatever the lines are, since of a body that it cannot parse Logstash makes one event
// and answers that it took it. A line by itself is an event by itself over there, too.

import type { Batch } from '@spillway/core';
import { writeEscaped } from './encode/json.js';
import { isJsonObject } from './encode/json-strict.js';
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
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;
const timestampHead = Buffer.from('"@timestamp":"');
/** The field in which Logstash, too, puts a line that it cannot parse. */
const messageHead = Buffer.from('"message":"');
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
  const texts = textsIn(batch);
  writer.start(batch, logstashOverhead(form), texts.room);
  writer.byte(openList);
  writeEvents(batch, form, comma, texts.lines);
  // In the place of the last comma.
  writer.length--;
  writer.byte(closeList);
  return writer.finish();
}

/** The lines that are no JSON objects, by their numbers, and what they may take more as the text of a field. */
function textsIn({ bytes, offsets, count }: Batch): { lines: ReadonlySet<number>; room: number } {
  const lines = new Set<number>();
  let room = 0;
  for (let i = 0; i < count; i++) {
    const from = offsets[i]!;
    const to = offsets[i + 1]! - 1;
    if (isJsonObject(bytes, from, to)) continue;
    lines.add(i);
    // A byte that is written by its number has five more.
    room += messageHead.length + 5 * (to - from);
  }
  return { lines, room };
}

const none: ReadonlySet<number> = new Set();

function writeEvents(batch: Batch, { timestamp, idField }: LogstashForm, after: number, texts = none): void {
  const { bytes, offsets, times, count } = batch;
  const stamped = timestamp ? recordsWith(batch, '@timestamp') : undefined;
  const head = idHead(idField);
  for (let i = 0; i < count; i++) {
    const from = offsets[i]!;
    const to = offsets[i + 1]! - 1;
    const text = texts.has(i);
    const stamp = timestamp && (text || !stamped?.[i]);
    if (!stamp && idField === undefined && !text) writer.lines(from, to);
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
      if (!text) writeMembers(writer, bytes, from, to);
      else {
        if (stamp || idField !== undefined) writer.byte(comma);
        writeMessage(bytes, from, to);
      }
    }
    writer.byte(after);
  }
}

/** Ends an object with a line as the text of a field. */
function writeMessage(bytes: Buffer, from: number, to: number): void {
  writer.bytes(messageHead);
  writeEscaped(writer, bytes, from, to);
  writer.byte(quote);
  writer.byte(close);
}

function idHead(idField: string | undefined): Buffer {
  return Buffer.from(idField === undefined ? '' : `${JSON.stringify(idField)}:"`);
}
