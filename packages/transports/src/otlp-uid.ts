// The id of a record as its attribute `log.record.uid`, by which whoever reads can tell repetitions
// (OpenTelemetry semantic conventions, general log attributes).
// In: an id, which is ASCII. Out: the attribute, in either encoding.

import type { ByteWriter } from './encode/byte-writer.js';
import { bytesField, textField } from './encode/protobuf.js';

const key = 'log.record.uid';
const attributesField = 6;
const valueField = 2;

/** What stands before an id in protobuf, by the id's length: lengths come before what they count. */
const heads: Buffer[] = [];

/** Most bytes that it takes: a writer's id has 27 characters, a sequence number up to 16 digits. */
export const uidOverhead = { protobuf: 80, json: 128 } as const;

function headOf(length: number): Buffer {
  const known = heads[length];
  if (known) return known;
  const value = bytesField(valueField, textField(1, ' '.repeat(length)));
  const whole = bytesField(attributesField, Buffer.concat([textField(1, key), value]));
  const head = whole.subarray(0, whole.length - length);
  heads[length] = head;
  return head;
}

/** Bytes of the attribute in protobuf. */
export function uidSize(id: string): number {
  return headOf(id.length).length + id.length;
}

/** Writes the attribute in protobuf. */
export function writeUid(writer: ByteWriter, id: string): void {
  writer.bytes(headOf(id.length));
  writer.text(id);
}

/** The attribute in JSON. */
export function uidJson(id: string): string {
  return `{"key":"${key}","value":{"stringValue":"${id}"}}`;
}
