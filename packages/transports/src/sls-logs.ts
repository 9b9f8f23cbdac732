// A batch as a LogGroup of Alibaba Cloud Log Service, in protobuf (sls.proto of its clients).
// In: a batch and what is the same for all logs. Out: one buffer, not compressed. Each record is a log, whose contents are
// the fields of its line, text unescaped and everything else as it is written; or one content that is the line.
// Keys and values are text: numbers keep their digits, nested values are JSON.

import { createHash } from 'node:crypto';
import type { Batch } from '@spillway/core';
import { AnyValueWriter } from './encode/any-value.js';
import { afterValue } from './encode/json-scan.js';
import { bytesField, fixed32Tag, lengthTag, putLength, textField, varintTag } from './encode/protobuf.js';
import { levelName, levelNames } from './encode/severity.js';
import { plainMs } from './encode/time.js';

/** How batches are written. */
export interface SlsForm {
  /** 'fields': a content for each field. 'line': one content, the line. */
  readonly body: 'fields' | 'line';
  /** Name of the content that holds the line, also of lines that have no fields. */
  readonly lineField: string;
  /** Name of a content for the record's id. */
  readonly idField: string | undefined;
  readonly topic: string | undefined;
  readonly source: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

// Fields of LogGroup.
const logsTag = lengthTag(1);
const topicField = 3;
const sourceField = 4;
const tagsField = 6;
// Fields of Log.
const timeTag = varintTag(1);
const contentsField = 2;
const contentsTag = lengthTag(contentsField);
const nanosTag = fixed32Tag(4);
// Fields of Content and of LogTag.
const keyTag = lengthTag(1);
const valueTag = lengthTag(2);

const quote = 0x22;
const open = 0x7b;
const close = 0x7d;
const underscore = 0x5f;
/** The last second that 32 bits hold. */
const lastSecond = 4_294_967_295;
/** Bytes of a length that is not known yet: most logs have from 128 to 16,383. */
const widthOfLog = 2;
/** A log's tags, time and nanoseconds, and a level beside a line. */
const logBytes = 48;

/** Most bytes that a record takes besides its line; fields take two or three each, which lines mostly make up for. */
export function slsOverhead({ lineField, idField }: SlsForm): number {
  return logBytes + Buffer.byteLength(lineField) + (idField === undefined ? 0 : Buffer.byteLength(idField) + 64);
}

/** Encodes batches for one destination. */
export class SlsEncoder extends AnyValueWriter {
  readonly #form: SlsForm;
  readonly #constant: Buffer;
  readonly #lineKey: Buffer;

  constructor(form: SlsForm) {
    super();
    this.#form = form;
    const { topic, source, tags, lineField } = form;
    this.#constant = Buffer.concat([
      ...(topic === undefined ? [] : [textField(topicField, topic)]),
      ...(source === undefined ? [] : [textField(sourceField, source)]),
      ...Object.entries(tags).map(([key, value]) => pairField(tagsField, key, value)),
    ]);
    this.#lineKey = textField(1, lineField);
  }

  /** The body of a request. It belongs to the caller. */
  encode(batch: Batch): Buffer {
    const { bytes, offsets, times, levels, count } = batch;
    const pack = pairField(tagsField, '__pack_id__', packId(batch));
    const ends = this.#constant.length + pack.length;
    // The shortest field, `"":1,`, becomes eight bytes.
    this.buffer = Buffer.allocUnsafe(bytes.length * 2 + count * (slsOverhead(this.#form) + 16) + ends);
    this.length = 0;
    this.source = bytes;
    const ids = this.#form.idField;
    for (let i = 0; i < count; i++) {
      this.buffer[this.length++] = logsTag;
      const start = this.length;
      this.length += widthOfLog;
      this.#time(plainMs(times[i]!), batch.nanosecond(i));
      this.#contents(offsets[i]!, offsets[i + 1]! - 1, levels[i]!);
      if (ids !== undefined) this.#put(pairField(contentsField, ids, batch.recordId(i)));
      this.length = putLength(this.buffer, start, widthOfLog, this.length);
    }
    for (const field of [this.#constant, pack]) this.length += field.copy(this.buffer, this.length);
    const body = Buffer.from(this.buffer.subarray(0, this.length));
    this.buffer = this.source = nothing;
    return body;
  }

  #time(ms: number, nanos: number): void {
    const { buffer } = this;
    const second = Math.floor(ms / 1000);
    buffer[this.length++] = timeTag;
    this.#varint(Math.min(second, lastSecond));
    buffer[this.length++] = nanosTag;
    this.length = buffer.writeUInt32LE((ms - second * 1000) * 1_000_000 + nanos, this.length);
  }

  #contents(from: number, to: number, level: number): void {
    const start = this.length;
    this.at = from;
    this.end = to;
    if (this.#form.body === 'fields' && this.#fields() && this.length > start) return;
    // A line without fields must have a content all the same, and one that is no object after all loses nothing.
    this.length = start;
    this.#line(from, to);
    const name = this.#form.body === 'line' ? levelName(level) : undefined;
    if (name) this.#put(levelFields.get(name)!);
  }

  /** The fields of the line; false where it is no JSON object. */
  #fields(): boolean {
    this.space();
    if (this.source[this.at] !== open) return false;
    this.at++;
    this.space();
    while (this.source[this.at] !== close) {
      if (!this.#field() || !this.separated(close)) return false;
    }
    this.at++;
    this.space();
    return this.at === this.end;
  }

  #field(): boolean {
    this.buffer[this.length++] = contentsTag;
    const pair = this.length++;
    this.buffer[this.length++] = keyTag;
    const key = this.length;
    if (!this.string()) return false;
    // A key must not be empty.
    if (this.length === key + 1) {
      this.buffer[key] = 1;
      this.buffer[this.length++] = underscore;
    }
    if (!this.colon()) return false;
    this.buffer[this.length++] = valueTag;
    if (this.source[this.at] === quote ? !this.string() : !this.#asItIs()) return false;
    this.finish(pair);
    return true;
  }

  /** Numbers, words and nested values. */
  #asItIs(): boolean {
    const to = afterValue(this.source, this.at, this.end);
    if (to < 0) return false;
    const slot = this.length++;
    this.length += this.source.copy(this.buffer, this.length, this.at, to);
    this.finish(slot);
    this.at = to;
    return true;
  }

  #line(from: number, to: number): void {
    this.buffer[this.length++] = contentsTag;
    const pair = this.length++;
    this.#put(this.#lineKey);
    this.buffer[this.length++] = valueTag;
    this.#varint(to - from);
    this.length += this.source.copy(this.buffer, this.length, from, to);
    this.finish(pair);
  }

  /** Short: a loop is quicker than a call. */
  #put(bytes: Buffer): void {
    const { buffer, length: at } = this;
    for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i]!;
    this.length = at + bytes.length;
  }

  #varint(value: number): void {
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.buffer[this.length++] = (rest % 128) | 128;
    this.buffer[this.length++] = rest;
  }
}

const nothing = Buffer.alloc(0);
const levelFields = new Map(levelNames.map((name) => [name, pairField(contentsField, 'level', name)]));

/** A Content or a LogTag, pre-encoded. */
function pairField(field: number, key: string, value: string): Buffer {
  return bytesField(field, Buffer.concat([textField(1, key), textField(2, value)]));
}

/** Who wrote the batch, and where it stands among that writer's: readers see neighbours of a record by it. */
function packId(batch: Batch): string {
  const writer = createHash('md5').update(batch.writer).digest('hex').slice(0, 16).toUpperCase();
  return `${writer}-${batch.firstSequence.toString(16).toUpperCase()}`;
}
