// A batch as GELF messages, version 1.1: one JSON object a record.
// In: a batch and what is the same in all messages. Out: one buffer, and where each message ends.
// The message is `short_message`, which must not be blank: a record without one is its own message. The rest of the line
// is additional fields, or the line is `full_message`, escaped.

import type { Batch } from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { afterJsonValue } from './encode/json-strict.js';
import { memberValues } from './encode/members.js';
import { syslogSeverity } from './encode/severity.js';
import { writeSeconds } from './encode/time.js';
import { copy, GelfFields, type Span } from './gelf-fields.js';

/** What all messages share. */
export interface GelfForm {
  readonly host: string;
  readonly body: 'fields' | 'line';
  readonly messageField: string;
  /** Additional fields of all messages. */
  readonly fields: Readonly<Record<string, string>>;
  /** Name of an additional field for the record's id. */
  readonly idField: string | undefined;
}

/** Messages one after the other. */
export interface GelfMessages {
  readonly body: Buffer;
  /** Where each message ends, the byte after it included. */
  readonly ends: Uint32Array;
}

const quote = 0x22;
const backslash = 0x5c;
const space = 0x20;
const close = 0x7d;
const levelHead = Buffer.from(',"level":');
const shortHead = Buffer.from(',"short_message":');
const fullHead = Buffer.from(',"full_message":');
/** Up to 12 digits, a dot and three decimals. */
const timeBytes = 16;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;

const writer = new ByteWriter();

/** Most bytes that are added to a record, escapes and the names of nested fields aside. */
export function gelfOverhead(form: GelfForm): number {
  const [before, after] = constants(form);
  return before.length + timeBytes + levelHead.length + 1 + after.length + idBytes + 64;
}

/** An encoder of batches. `separator`: the byte after each message, if any. */
export function gelfEncoder(form: GelfForm, separator: number | undefined): (batch: Batch) => GelfMessages {
  const [before, after] = constants(form);
  const fields = new GelfFields(writer, form.messageField);
  const overhead = gelfOverhead(form);
  const line = form.body === 'line';
  return (batch) => {
    const { bytes, offsets, times, levels, count } = batch;
    const ends = new Uint32Array(count);
    const found = line ? memberValues(batch, form.messageField) : undefined;
    writer.reset(bytes.length * (line ? 2 : 1) + count * overhead);
    for (let i = 0; i < count; i++) {
      const from = offsets[i]!;
      const to = offsets[i + 1]! - 1;
      writer.bytes(before);
      writeSeconds(writer, times[i]!);
      writer.bytes(levelHead);
      writer.byte(0x30 + syslogSeverity(levels[i]!));
      writer.bytes(after);
      if (form.idField !== undefined) {
        writer.text(batch.recordId(i));
        writer.byte(quote);
      }
      if (line) writeLine(bytes, from, to, messageAt(bytes, found?.[i] ?? 0, to));
      else writeShort(bytes, from, to, fields.write(bytes, from, to) ? fields.message : undefined);
      writer.byte(close);
      if (separator !== undefined) writer.byte(separator);
      ends[i] = writer.length;
    }
    return { body: writer.copy(), ends };
  };
}

/** What stands before the time, and between the level and the record's id. */
function constants({ host, fields, idField }: GelfForm): [before: Buffer, after: Buffer] {
  const given = Object.entries(fields).map(([name, value]) => `,"_${name}":${JSON.stringify(value)}`);
  const id = idField === undefined ? '' : `,"_${idField}":"`;
  return [
    Buffer.from(`{"version":"1.1","host":${JSON.stringify(host)},"timestamp":`),
    Buffer.from(`${given.join('')}${id}`),
  ];
}

function messageAt(bytes: Buffer, from: number, to: number): Span | undefined {
  if (from === 0) return undefined;
  const after = afterJsonValue(bytes, from, to);
  return after < 0 ? undefined : { from, to: after };
}

/** Writes the message; the line itself where it has none that is text and not blank. Whether it had one. */
function writeShort(bytes: Buffer, from: number, to: number, message: Span | undefined): boolean {
  writer.bytes(shortHead);
  if (message && bytes[message.from] === quote && !isBlank(bytes, message)) {
    copy(writer, bytes, message.from, message.to);
    return true;
  }
  writeText(bytes, from, to);
  return false;
}

function writeLine(bytes: Buffer, from: number, to: number, message: Span | undefined): void {
  if (!writeShort(bytes, from, to, message)) return;
  writer.bytes(fullHead);
  writeText(bytes, from, to);
}

function writeText(bytes: Buffer, from: number, to: number): void {
  writer.byte(quote);
  writeEscaped(writer, bytes, from, to);
  writer.byte(quote);
}

/** Whether a string is nothing but white space, which Graylog refuses. */
function isBlank(bytes: Buffer, { from, to }: Span): boolean {
  const first = bytes[from + 1]!;
  if (first > space && first < 0x80 && first !== quote && first !== backslash) return false;
  // Rare. Characters that are written by their numbers count as blank, whatever they are.
  const written = bytes.toString('utf8', from + 1, to - 1);
  return written.replace(/\\(?:u.{4}|[bfnrt])/g, '').trim() === '';
}
