// A batch as Loki's push request: which record belongs to which stream, and the two encodings.
// In: a batch, labels, what to lift from the lines. Out: protobuf or JSON, not compressed yet.
// Lines are copied, never parsed, unless labels or metadata come from their fields.

import type { Batch } from '@spillway/core';
import { ByteWriter, varintSize } from './encode/byte-writer.js';
import { writeEscaped } from './encode/json.js';
import { labelName, labelSet } from './encode/labels.js';
import { bytesField, lengthTag, textField, varintTag } from './encode/protobuf.js';
import { levelName } from './encode/severity.js';

/** What decides how records are filed. */
export interface LokiFiling {
  readonly labels: Readonly<Record<string, string>>;
  readonly labelsFrom: readonly string[];
  readonly maxStreams: number;
  readonly structuredMetadata: readonly string[];
  readonly levelMetadata: boolean;
}

/** Records of one label set. */
interface LokiStream {
  readonly labels: Readonly<Record<string, string>>;
  /** Indices into the batch, ascending; undefined means all. */
  readonly records: readonly number[] | undefined;
}

/** Loki refuses labels beyond these sizes (limits_config, label value 2048 bytes). */
const maxLabelLength = 512;
/** Structured metadata beyond 64 KiB a line is refused; a lifted field is also in the line, so cut it. */
const maxMetadataLength = 1024;

/** Splits a batch into streams. With constant labels there is one. */
function streamsOf(batch: Batch, filing: LokiFiling): LokiStream[] {
  const { labels, labelsFrom, maxStreams } = filing;
  if (labelsFrom.length === 0) return [{ labels, records: undefined }];
  const streams = new Map<string, { labels: Record<string, string>; records: number[] }>();
  const onlyLevel = labelsFrom.every((field) => field === 'level');
  for (let i = 0; i < batch.count; i++) {
    const fields = onlyLevel ? {} : parsed(batch, i);
    const own: Record<string, string> = { ...labels };
    for (const field of labelsFrom) {
      const value = field === 'level' ? levelName(batch.levels[i]!) : textOf(fields[field]);
      if (value !== undefined && value !== '') own[labelName(field)] = value.slice(0, maxLabelLength);
    }
    let key = labelSet(own);
    // Beyond the cap records go to the stream of the constant labels: nothing is lost, and Loki's limit is not hit.
    if (!streams.has(key) && streams.size >= maxStreams) key = '';
    let stream = streams.get(key);
    if (!stream) {
      stream = { labels: key === '' ? { ...labels } : own, records: [] };
      streams.set(key, stream);
    }
    stream.records.push(i);
  }
  return [...streams.values()];
}

const writer = new ByteWriter();
// Field numbers of logproto's PushRequest, Stream, Entry and Timestamp.
const streamsTag = lengthTag(1);
const labelsField = 1;
const entriesTag = lengthTag(2);
const timestampTag = lengthTag(1);
const lineTag = lengthTag(2);
const metadataField = 3;
const secondsTag = varintTag(1);
const nanosTag = varintTag(2);

/** A push request in protobuf. The result lives until the next call. */
export function encodeProtobuf(batch: Batch, filing: LokiFiling): Buffer {
  writer.reset(batch.bytes.length + batch.count * 48);
  for (const { labels, records } of streamsOf(batch, filing)) {
    writer.byte(streamsTag);
    const stream = writer.openLength();
    writer.bytes(textField(labelsField, labelSet(labels)));
    const count = records?.length ?? batch.count;
    for (let n = 0; n < count; n++) writeEntry(batch, records ? records[n]! : n, filing);
    writer.closeLength(stream);
  }
  return writer.view();
}

function writeEntry(batch: Batch, i: number, filing: LokiFiling): void {
  const ms = timeOf(batch, i);
  const seconds = Math.floor(ms / 1000);
  const nanos = (ms % 1000) * 1_000_000 + batch.nanosecond(i);
  const from = batch.offsets[i]!;
  const to = batch.offsets[i + 1]! - 1;
  const metadata = levelPair(batch, i, filing);
  const lifted = filing.structuredMetadata.length === 0 ? undefined : liftedPairs(batch, i, filing);
  const timestampSize = 2 + varintSize(seconds) + varintSize(nanos);
  const entrySize =
    2 + timestampSize + 1 + varintSize(to - from) + (to - from) + (metadata?.length ?? 0) + (lifted?.length ?? 0);
  writer.byte(entriesTag);
  writer.varint(entrySize);
  writer.byte(timestampTag);
  writer.byte(timestampSize);
  writer.byte(secondsTag);
  writer.varint(seconds);
  writer.byte(nanosTag);
  writer.varint(nanos);
  writer.byte(lineTag);
  writer.varint(to - from);
  writer.bytes(batch.bytes, from, to);
  if (metadata) writer.bytes(metadata);
  if (lifted) writer.bytes(lifted);
}

/** `level` as structured metadata, pre-encoded: Loki does not recognize numbers as levels by itself. */
const levelPairs = new Map(
  (['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const).map((name) => [name, pair('level', name)]),
);

function levelPair(batch: Batch, i: number, filing: LokiFiling): Buffer | undefined {
  const name = filing.levelMetadata ? levelName(batch.levels[i]!) : undefined;
  return name && levelPairs.get(name);
}

function liftedPairs(batch: Batch, i: number, filing: LokiFiling): Buffer {
  return Buffer.concat(lifted(batch, i, filing).map(([name, value]) => pair(name, value)));
}

function pair(name: string, value: string): Buffer {
  return bytesField(metadataField, Buffer.concat([textField(1, name), textField(2, value)]));
}

/** A push request in JSON. The result lives until the next call. */
export function encodeJson(batch: Batch, filing: LokiFiling): Buffer {
  writer.reset(batch.bytes.length * 2);
  writer.text('{"streams":[');
  streamsOf(batch, filing).forEach(({ labels, records }, s) => {
    writer.text(`${s === 0 ? '' : ','}{"stream":${JSON.stringify(labels)},"values":[`);
    const count = records?.length ?? batch.count;
    for (let n = 0; n < count; n++) writeValue(batch, records ? records[n]! : n, filing, n === 0 ? '' : ',');
    writer.text(']}');
  });
  writer.text(']}');
  return writer.view();
}

function writeValue(batch: Batch, i: number, filing: LokiFiling, separator: string): void {
  // Nanoseconds since the epoch exceed what a number holds exactly: text, digit by digit.
  const nanos = String(batch.nanosecond(i)).padStart(6, '0');
  writer.text(`${separator}["${timeOf(batch, i)}${nanos}","`);
  writeEscaped(writer, batch.bytes, batch.offsets[i]!, batch.offsets[i + 1]! - 1);
  const metadata = lifted(batch, i, filing);
  const level = filing.levelMetadata ? levelName(batch.levels[i]!) : undefined;
  if (level) metadata.unshift(['level', level]);
  writer.text(metadata.length === 0 ? '"]' : `",${JSON.stringify(Object.fromEntries(metadata))}]`);
}

function lifted(batch: Batch, i: number, { structuredMetadata }: LokiFiling): [string, string][] {
  if (structuredMetadata.length === 0) return [];
  const fields = parsed(batch, i);
  return structuredMetadata.flatMap((field): [string, string][] => {
    const value = textOf(fields[field]);
    return value === undefined ? [] : [[labelName(field), value.slice(0, maxMetadataLength)]];
  });
}

/** Loki takes times from the epoch on; in whole milliseconds, as the fraction comes from `nanosecond`. */
function timeOf(batch: Batch, i: number): number {
  return Math.max(0, Math.floor(batch.times[i]!));
}

/** Lines that are not JSON objects have no fields. */
function parsed(batch: Batch, i: number): Record<string, unknown> {
  try {
    const fields: unknown = batch.fields(i);
    return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
