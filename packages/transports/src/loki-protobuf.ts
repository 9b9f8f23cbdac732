// A batch as Loki's push request in protobuf (loki pkg/push/push.proto).
// In: a batch and how its records are filed. Out: protobuf, not compressed. Lines are copied, with a length before them.

import type { Batch } from '@spillway/core';
import { ByteWriter, varintSize } from './encode/byte-writer.js';
import { labelName, labelSet } from './encode/labels.js';
import { LineWriter } from './encode/line-writer.js';
import { bytesField, lengthTag, textField, varintTag } from './encode/protobuf.js';
import { levelName, levelNames } from './encode/severity.js';
import { type LokiFiling, liftedFields, streamsOf, timeOf } from './loki-streams.js';

/** For lines that go out in their order, framed. */
const lineWriter = new LineWriter();
/** For all else. */
const entryWriter = new ByteWriter();
// Field numbers of logproto's PushRequest, Stream, Entry, LabelPair and Timestamp.
const streamsTag = lengthTag(1);
const labelsField = 1;
const entriesTag = lengthTag(2);
const timestampTag = lengthTag(1);
const lineTag = lengthTag(2);
const metadataField = 3;
const metadataTag = lengthTag(metadataField);
const nameField = 1;
const valueField = 2;
const valueTag = lengthTag(valueField);
const secondsTag = varintTag(1);
const nanosTag = varintTag(2);

/** Bytes that an entry takes besides its line and its lifted fields: tags and lengths (16), its time (14), its level (18). */
const framingBytes = 48;

/** A push request in protobuf, behind `room` bytes for what goes before it. It belongs to the caller. */
export function encodeProtobuf(batch: Batch, filing: LokiFiling, room: number): Buffer {
  const streams = streamsOf(batch, filing);
  const sets = streams.map(({ labels }) => textField(labelsField, labelSet(labels)));
  const envelope = sets.reduce((sum, set) => sum + set.length + 16, room);
  const inOrder = streams.length === 1 && filing.structuredMetadata.length === 0;
  const writer = inOrder
    ? lineWriter.start(batch, framingBytes, envelope)
    : entryWriter.reset(batch.bytes.length + batch.count * framingBytes + envelope);
  writer.skip(room);
  for (const [s, { records }] of streams.entries()) {
    writer.byte(streamsTag);
    const stream = writer.openLength();
    writer.bytes(sets[s]!);
    writeEntries(writer, batch, records, filing);
    writer.closeLength(stream);
  }
  return writer.finish();
}

// A loop with nothing behind it, so that what is compiled while the first batch is in it stays good.
function writeEntries(
  writer: ByteWriter,
  batch: Batch,
  records: readonly number[] | undefined,
  filing: LokiFiling,
): void {
  const count = records?.length ?? batch.count;
  for (let n = 0; n < count; n++) writeEntry(writer, batch, records ? records[n]! : n, filing);
}

function writeEntry(writer: ByteWriter, batch: Batch, i: number, filing: LokiFiling): void {
  const ms = timeOf(batch, i);
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms % 1000) * 1_000_000 + batch.nanosecond(i);
  const from = batch.offsets[i]!;
  const to = batch.offsets[i + 1]! - 1;
  const level = levelPair(batch, i, filing);
  const pairs = filing.structuredMetadata.length === 0 ? noPairs : liftedFields(batch, i, filing).map(pairOf);
  const timestampSize = 2 + varintSize(seconds) + varintSize(nanos);
  let size = 2 + timestampSize + 1 + varintSize(to - from) + (to - from) + (level?.length ?? 0);
  for (const pair of pairs) size += 1 + varintSize(pair.size) + pair.size;
  writer.byte(entriesTag);
  writer.varint(size);
  writer.byte(timestampTag);
  writer.byte(timestampSize);
  writer.byte(secondsTag);
  writer.varint(seconds);
  writer.byte(nanosTag);
  writer.varint(nanos);
  writer.byte(lineTag);
  writer.varint(to - from);
  if (writer === lineWriter) lineWriter.lines(from, to);
  else writer.bytes(batch.bytes, from, to);
  if (level) writer.bytes(level);
  for (const pair of pairs) writePair(writer, pair);
}

/** `level` as structured metadata, pre-encoded: Loki does not recognize numbers as levels by itself. */
const levelPairs = new Map(
  levelNames.map((name) => [
    name,
    bytesField(metadataField, Buffer.concat([textField(nameField, 'level'), textField(valueField, name)])),
  ]),
);

function levelPair(batch: Batch, i: number, filing: LokiFiling): Buffer | undefined {
  const name = filing.levelMetadata ? levelName(batch.levels[i]!) : undefined;
  return name && levelPairs.get(name);
}

/** A LabelPair that is about to be written. */
interface Pair {
  /** The name, pre-encoded. */
  readonly name: Buffer;
  readonly value: string;
  readonly valueBytes: number;
  readonly size: number;
}

const noPairs: readonly Pair[] = [];
/** As many names as options list. */
const encodedNames = new Map<string, Buffer>();

function pairOf([field, value]: readonly [field: string, value: string]): Pair {
  const name = encodedNames.get(field) ?? textField(nameField, labelName(field));
  encodedNames.set(field, name);
  const valueBytes = Buffer.byteLength(value);
  return { name, value, valueBytes, size: name.length + 1 + varintSize(valueBytes) + valueBytes };
}

function writePair(writer: ByteWriter, { name, value, valueBytes, size }: Pair): void {
  writer.byte(metadataTag);
  writer.varint(size);
  writer.bytes(name);
  writer.byte(valueTag);
  writer.varint(valueBytes);
  writer.text(value);
}
