// A batch as syslog messages (RFC 5424), in the framing of the connection they go over.
// In: a batch and what is the same in all messages. Out: one buffer, and where each message ends.
// The line is the message's text as it is; it is only parsed when fields of it become structured data.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { syslogSeverity } from './encode/severity.js';
import { writeDecimal, writeIso } from './encode/time.js';
import { type DataElements, maxDataBytes, structuredData } from './syslog-data.js';

/** What all messages share. */
export interface SyslogForm {
  readonly facility: number;
  readonly hostname: string;
  readonly appName: string;
  readonly processId: string;
  readonly messageId: string;
  readonly elements: DataElements;
  /** What stands before the line, such as `@cee: `. */
  readonly cookie: string;
  readonly maxMessageBytes: number;
}

/** How messages are told apart on their way. */
export type SyslogFraming = 'octetCounting' | 'newline' | 'none';

/** Messages one after the other. */
export interface SyslogMessages {
  readonly body: Buffer;
  /** Where each message ends, its framing included. */
  readonly ends: Uint32Array;
}

/** Bytes of `2023-11-14T22:13:20.123Z`. */
const timeBytes = 24;
/** Digits of a message's length and the space after it. */
const countBytes = 8;
const space = 0x20;
const newline = 0x0a;

/** Most bytes that stand around a line in a message, its framing aside. */
export function maxHeaderBytes(form: SyslogForm): number {
  const { hostname, appName, processId, messageId, elements, cookie } = form;
  const fields = [hostname, appName, processId, messageId, cookie].join(' ');
  return '<191>1 '.length + timeBytes + 2 + Buffer.byteLength(fields) + 1 + maxDataBytes(elements);
}

/** Most bytes that are sent for a record besides its line. */
export function overheadBytes(form: SyslogForm): number {
  return maxHeaderBytes(form) + countBytes;
}

/** An encoder of batches. */
export function syslogEncoder(form: SyslogForm, framing: SyslogFraming): (batch: Batch) => SyslogMessages {
  const { facility, hostname, appName, processId, messageId, elements, cookie, maxMessageBytes } = form;
  // PRI and version by severity, and everything between the time and the line.
  const heads = Array.from({ length: 8 }, (_, severity) => Buffer.from(`<${facility * 8 + severity}>1 `));
  const middle = ` ${hostname} ${appName} ${processId} ${messageId} `;
  const data = structuredData(elements);
  const constant = data.constant === undefined ? undefined : Buffer.from(`${middle}${data.constant} ${cookie}`);
  const framingBytes = overheadBytes(form);
  const writer = new LineWriter();
  return (batch) => {
    const { offsets, times, levels, count } = batch;
    const ends = new Uint32Array(count);
    writer.start(batch, framingBytes);
    for (let i = 0; i < count; i++) {
      const head = heads[syslogSeverity(levels[i]!)]!;
      const tail = constant ?? Buffer.from(`${middle}${data.of(batch, i)} ${cookie}`);
      const from = offsets[i]!;
      const around = head.length + timeBytes + tail.length;
      const to = cutAt(batch.bytes, from, offsets[i + 1]! - 1, maxMessageBytes - around);
      if (framing === 'octetCounting') {
        writeDecimal(writer, around + to - from);
        writer.byte(space);
      }
      writer.bytes(head);
      writeIso(writer, times[i]!);
      writer.bytes(tail);
      writer.lines(from, to);
      if (framing === 'newline') writer.byte(newline);
      ends[i] = writer.length;
    }
    return { body: writer.finish(), ends };
  };
}

/** Where a line of at most `room` bytes ends: not within a character. */
function cutAt(bytes: Buffer, from: number, to: number, room: number): number {
  if (to - from <= room) return to;
  let end = from + Math.max(room, 0);
  while (end > from && (bytes[end]! & 0xc0) === 0x80) end--;
  return end;
}
