// A batch as one array of logs for Datadog's intake.
// In: a batch and what is the same in all logs. Out: one buffer. Lines are not parsed: members that Datadog knows are put
// before the logger's own where a line has none of that name, and the name of the message becomes `message` in its place.

import type { Batch } from '@spillway/core';
import { KnownMembers } from './encode/known-members.js';
import { LineWriter } from './encode/line-writer.js';
import { writeMembers } from './encode/members.js';
import { levelName } from './encode/severity.js';
import { plainMs, writeDecimal } from './encode/time.js';

/** What the encoder adds. */
export interface DatadogForm {
  /** Members of all logs: `ddsource`, `ddtags`, `hostname`, `service`. */
  readonly constants: Readonly<Record<string, string>>;
  readonly messageField: string;
  /** Name of a member for the record's id. */
  readonly idField: string | undefined;
}

const writer = new LineWriter();
const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const open = 0x7b;
const openList = 0x5b;
const closeList = 0x5d;
const message = Buffer.from('message');
const noMessage = Buffer.from('"message":""');
const timestampHead = Buffer.from('"timestamp":');
/** Milliseconds, up to the year 9999. */
const timeBytes = 15;
const statusBytes = '"status":"critical"'.length;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;

/** Datadog's words; those of pino's levels that it would take for something else are said in its own. */
const statuses: Readonly<Record<string, string>> = { trace: 'debug', fatal: 'critical' };

/** Most bytes that are added to a record. */
export function datadogOverhead({ constants, idField }: DatadogForm): number {
  const members = Object.entries(constants).reduce((sum, pair) => sum + member(...pair).length + 1, 0);
  const id = idField === undefined ? 0 : member(idField, '').length + idBytes + 1;
  return members + timestampHead.length + timeBytes + statusBytes + id + noMessage.length + 8;
}

/** An encoder of batches. */
export function datadogEncoder(form: DatadogForm): (batch: Batch) => Buffer {
  const { messageField, idField } = form;
  const overhead = datadogOverhead(form);
  const constants = Object.entries(form.constants).map((pair) => member(...pair));
  const idHead = idField === undefined ? undefined : member(idField, '').subarray(0, -1);
  const nameBytes = Buffer.byteLength(messageField);
  const heads = statusHeads();
  const known = new KnownMembers([messageField, 'message', 'timestamp', 'status', ...Object.keys(form.constants)]);
  return (batch) => {
    const { bytes, offsets, times, levels, count } = batch;
    writer.start(batch, overhead);
    writer.byte(openList);
    for (let i = 0; i < count; i++) {
      const from = offsets[i]!;
      const to = offsets[i + 1]! - 1;
      const values = known.read(bytes, from, to);
      const first = writer.length;
      writer.byte(open);
      for (let c = 0; c < constants.length; c++) if (values[4 + c] === 0) follow(first, constants[c]!);
      if (values[2] === 0) {
        follow(first, timestampHead);
        writeDecimal(writer, plainMs(times[i]!));
      }
      const head = values[3] === 0 ? heads.get(levelName(levels[i]!)) : undefined;
      if (head) follow(first, head);
      if (idHead) {
        follow(first, idHead);
        writer.text(batch.recordId(i));
        writer.byte(quote);
      }
      if (values[0] === 0 && values[1] === 0) follow(first, noMessage);
      if (values[0] !== 0 && values[1] === 0) {
        const name = nameEnd(bytes, values[0]!) - nameBytes;
        writeRest(first, bytes, from, name);
        writer.bytes(message);
        writer.lines(name + nameBytes, to);
      } else writeRest(first, bytes, from, to);
      writer.byte(comma);
    }
    // In the place of the last comma.
    writer.length--;
    writer.byte(closeList);
    return writer.finish();
  };
}

function member(name: string, value: string): Buffer {
  return Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`);
}

/** A member of the object that began at `first`, with a comma before it unless it is the first. */
function follow(first: number, bytes: Buffer): void {
  if (writer.length > first + 1) writer.byte(comma);
  writer.bytes(bytes);
}

/** The logger's own members. An object that has none of ours yet starts anew. */
function writeRest(first: number, bytes: Buffer, from: number, to: number): void {
  if (writer.length > first + 1) writeMembers(writer, bytes, from, to);
  else {
    writer.length = first;
    writer.lines(from, to);
  }
}

/** Where the name ends whose value begins at `value`. */
function nameEnd(bytes: Buffer, value: number): number {
  let at = value - 1;
  while (bytes[at] !== colon) at--;
  while (bytes[at] !== quote) at--;
  return at;
}

function statusHeads(): Map<string | undefined, Buffer> {
  const names = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];
  return new Map(names.map((name) => [name, member('status', statuses[name] ?? name)]));
}
