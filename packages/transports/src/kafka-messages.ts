// A batch as messages for Kafka: one for each record, the line as its value.
// In: a batch and the form of messages. Out: messages with their partition, of which the client takes the remainder by the
// number of partitions. Values are views of the batch's bytes.
// Without keys a batch goes to one partition as a whole: one request, and order within it.

import type { Batch } from '@spillway/core';
import { fieldsOf } from './encode/fields.js';
import { positiveMurmur2 } from './encode/murmur2.js';

/** What messages look like. */
export interface KafkaForm {
  readonly topic: string;
  /** Key of all messages. */
  readonly key: string | undefined;
  /** Top-level field whose value is the key. */
  readonly keyFrom: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Name of a header for the record's id. */
  readonly idHeader: string | undefined;
}

/** A message, as the client takes it. */
export interface KafkaMessage {
  readonly topic: string;
  readonly key?: Buffer;
  readonly value: Buffer;
  readonly headers?: Map<Buffer, Buffer>;
  readonly partition: number;
  readonly timestamp: bigint;
}

/** A batch for Kafka. */
export interface KafkaWire {
  /** The same for the same records, whoever encodes them. */
  readonly id: string;
  readonly messages: readonly KafkaMessage[];
  /** Bytes before compression, at most. */
  readonly size: number;
}

/** Keys are cut to this many bytes. */
const maxKeyBytes = 256;
/** Length, attributes, time and offset deltas, and the lengths of key, value and headers, each at its longest. */
const recordBytes = 36;
/** The head of a record batch (61 bytes), and of a request. */
const requestBytes = 200;
/** A writer's id has 27 characters, a sequence number up to 16 digits. */
const idBytes = 44;

/** Most bytes that a record grows by. */
export function kafkaOverhead(form: KafkaForm): number {
  const key = form.keyFrom === undefined ? Buffer.byteLength(form.key ?? '') : maxKeyBytes;
  const headers = Object.entries(form.headers).flat();
  if (form.idHeader !== undefined) headers.push(form.idHeader, 'x'.repeat(idBytes));
  return recordBytes + key + headers.reduce((sum, text) => sum + Buffer.byteLength(text) + 5, 0) + requestBytes;
}

/** The messages of a batch. */
export function kafkaMessages(batch: Batch, form: KafkaForm): KafkaWire {
  const { topic, keyFrom, idHeader } = form;
  const constant = Object.entries(form.headers).map(([name, value]): [Buffer, Buffer] => [
    Buffer.from(name),
    Buffer.from(value),
  ]);
  const shared = constant.length > 0 && idHeader === undefined ? new Map(constant) : undefined;
  const idName = Buffer.from(idHeader ?? '');
  const key = form.key === undefined ? undefined : Buffer.from(form.key);
  const partition = positiveMurmur2(key ?? Buffer.from(batch.id));
  const messages: KafkaMessage[] = [];
  for (let i = 0; i < batch.count; i++) {
    const own = keyFrom === undefined ? key : keyOf(batch, i, keyFrom);
    const headers =
      idHeader === undefined ? shared : new Map([...constant, [idName, Buffer.from(batch.recordId(i))] as const]);
    messages.push({
      topic,
      ...(own && { key: own }),
      value: batch.line(i),
      ...(headers && { headers }),
      partition: own && keyFrom !== undefined ? positiveMurmur2(own) : partition,
      timestamp: BigInt(Math.max(0, Math.floor(batch.times[i]!))),
    });
  }
  return { id: batch.id, messages, size: batch.bytes.length + batch.count * (kafkaOverhead(form) - requestBytes) };
}

function keyOf(batch: Batch, i: number, field: string): Buffer | undefined {
  const value = fieldsOf(batch, i)[field];
  if (value === undefined || value === null) return undefined;
  const key = Buffer.from(typeof value === 'object' ? JSON.stringify(value) : String(value));
  return key.subarray(0, maxKeyBytes);
}
