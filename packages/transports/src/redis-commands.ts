// A batch as Redis commands: an XADD for each record, or one RPUSH for all.
// In: a batch and the form of its commands. Out: RESP in one buffer; lines are copied, never looked at.

import type { Batch } from '@spillway/core';
import { LineWriter } from './encode/line-writer.js';
import { writeDecimal } from './encode/time.js';
import { redisCommand, redisWords } from './redis-resp.js';
import type { RedisWire } from './redis-session.js';

/** What the commands look like. */
export interface RedisForm {
  readonly type: 'stream' | 'list';
  readonly key: string;
  /** Entries to keep; older ones are removed. */
  readonly maxLength: number | undefined;
  /** Streams: name of the field that holds the line. */
  readonly field: string;
  /** Streams: name of the field that holds the record's id. */
  readonly idField: string | undefined;
  /** Streams: constant fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** Streams: lets Redis recognize repetitions. */
  readonly idempotent: boolean;
}

const writer = new LineWriter();
const crlf = Buffer.from('\r\n');
const dollar = 0x24;
/** `$<up to 10 digits>\r\n` before a word and `\r\n` behind it. */
const wordFraming = 15;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const writerIdLength = 27;
const idLength = writerIdLength + 1 + 16;

/** Most bytes that commands add to a record. */
export function redisOverhead(form: RedisForm): number {
  if (form.type === 'list') return wordFraming;
  const { start, middle, end } = streamHead(form, 'w'.repeat(writerIdLength));
  return start.length + middle.length + end.length + wordFraming + 2 * (wordFraming + idLength);
}

/** Most bytes that commands add to a batch. */
export function redisEnvelope(form: RedisForm): number {
  return form.type === 'list' ? Buffer.concat(listParts(form, 1_000_000)).length : 0;
}

/** The commands of a batch. */
export function redisCommands(batch: Batch, form: RedisForm): RedisWire {
  return form.type === 'list' ? listCommands(batch, form) : streamCommands(batch, form);
}

function streamCommands(batch: Batch, form: RedisForm): RedisWire {
  const { start, middle, end } = streamHead(form, batch.writer);
  writer.start(batch, redisOverhead(form));
  for (let i = 0; i < batch.count; i++) {
    writer.bytes(start);
    if (form.idempotent) writeText(String(batch.sequence(i)));
    writer.bytes(middle);
    if (form.idField !== undefined) writeText(batch.recordId(i));
    writer.bytes(end);
    writeLine(batch, i);
  }
  return { body: writer.finish(), commands: batch.count };
}

/**
 * The constant parts of XADD: up to the sequence number, up to the record's id, up to the line. In the order of the
 * command's syntax, redis.io/docs/latest/commands/xadd.
 */
function streamHead(form: RedisForm, writerId: string): { start: Buffer; middle: Buffer; end: Buffer } {
  const { key, field, idField, fields, idempotent, maxLength } = form;
  const start = ['XADD', key, ...(idempotent ? ['IDMP', writerId] : [])];
  const middle = [
    // Exact trimming costs a multiple of the approximate one, which removes whole nodes.
    ...(maxLength === undefined ? [] : ['MAXLEN', '~', String(maxLength)]),
    '*',
    ...Object.entries(fields).flat(),
    ...(idField === undefined ? [] : [idField]),
  ];
  const variable = 1 + (idempotent ? 1 : 0) + (idField === undefined ? 0 : 1);
  const count = start.length + middle.length + 1 + variable;
  return {
    start: Buffer.concat([Buffer.from(`*${count}\r\n`), redisWords(start)]),
    middle: redisWords(middle),
    end: redisWords([field]),
  };
}

function listCommands(batch: Batch, form: RedisForm): RedisWire {
  const [before, after] = listParts(form, batch.count);
  writer.start(batch, wordFraming, before.length + after.length);
  writer.bytes(before);
  for (let i = 0; i < batch.count; i++) writeLine(batch, i);
  writer.bytes(after);
  return { body: writer.finish(), commands: form.maxLength === undefined ? 1 : 2 };
}

/** What comes before and after the lines: RPUSH, and LTRIM if the list is to be trimmed. */
function listParts({ key, maxLength }: RedisForm, count: number): [before: Buffer, after: Buffer] {
  const push = Buffer.concat([Buffer.from(`*${count + 2}\r\n`), redisWords(['RPUSH', key])]);
  return [push, maxLength === undefined ? Buffer.alloc(0) : redisCommand(['LTRIM', key, String(-maxLength), '-1'])];
}

/**
 * What finds out, before anything is stored, whether the list may be trimmed: if that were told only afterwards, the
 * records would be there, and yet the answer a refusal. It keeps all elements.
 */
export function redisProbe({ type, key, maxLength }: RedisForm): readonly string[] | undefined {
  return type === 'list' && maxLength !== undefined ? ['LTRIM', key, '0', '-1'] : undefined;
}

function writeLine(batch: Batch, i: number): void {
  const from = batch.offsets[i]!;
  const to = batch.offsets[i + 1]! - 1;
  writer.byte(dollar);
  writeDecimal(writer, to - from);
  writer.bytes(crlf);
  writer.lines(from, to);
  writer.bytes(crlf);
}

function writeText(word: string): void {
  writer.byte(dollar);
  writeDecimal(writer, word.length);
  writer.bytes(crlf);
  writer.text(word);
  writer.bytes(crlf);
}
