// What OTLP receivers answer: partial success, and google.rpc.Status in errors, in protobuf or JSON.
// In: a reply and the batch. Out: a verdict, or undefined for what HTTP says already.
// Sources: opentelemetry-proto docs/specification.md (OTLP/HTTP response), collector/logs/v1/logs_service.proto, and
// receiver/otlpreceiver/internal/errors of the Collector.

import { type Batch, classifyReply, type HttpReply, plainReason, type Verdict } from '@spillway/core';

/** Code of google.rpc.Status with which the Collector says that an error is permanent. */
const internalCode = 13;

/** What a reply's body says. */
interface Said {
  readonly number: number;
  readonly text: string;
}

/** The answers of OTLP receivers. */
export function classifyOtlp(reply: HttpReply, batch: Batch): Verdict | undefined {
  const { status } = reply;
  if (status >= 200 && status < 300) {
    const said = partialSuccess(reply);
    // With nothing rejected the text is a warning: all is stored.
    return said && said.number > 0 ? partial(said, batch) : undefined;
  }
  const said = statusOf(reply);
  if (!said) return undefined;
  // The specification forbids to repeat what was answered with 500. Proxies answer 500 as well, and then it may pass:
  // only a receiver's own word is final, and by halves it is found out for which records.
  if (status === 500 && said.number === internalCode)
    return { outcome: 'split', reason: plainReason(`500: ${said.text}`) };
  return classifyReply({ ...reply, body: Buffer.from(said.text) });
}

/** The specification forbids to send any of it again: the others are stored, and nobody knows which were not. */
function partial({ number, text }: Said, batch: Batch): Verdict {
  const reason = plainReason(text === '' ? 'some records were rejected' : text) || 'some records were rejected';
  if (number >= batch.count) return { outcome: 'reject', reason };
  return { outcome: 'partial', retry: [], reject: number, reason };
}

function partialSuccess({ body }: HttpReply): Said | undefined {
  if (!isJson(body)) return saidIn(fieldOf(body, 1));
  const { partialSuccess: part } = parsed(body) as { partialSuccess?: unknown };
  const { rejectedLogRecords, errorMessage } = objectOf(part);
  return { number: countOf(rejectedLogRecords), text: String(errorMessage ?? '') };
}

function statusOf({ body, headers }: HttpReply): Said | undefined {
  if (isJson(body)) {
    const { code, message } = parsed(body);
    return typeof message === 'string' && message !== '' ? { number: countOf(code), text: message } : undefined;
  }
  if (!/protobuf/.test(headers['content-type'] ?? '')) return undefined;
  const said = saidIn(body);
  return said?.text ? said : undefined;
}

/** 64-bit integers are text in the JSON of protobuf, and numbers by some receivers. */
function countOf(value: unknown): number {
  const count = Number(value);
  return Number.isFinite(count) ? Math.floor(count) : 0;
}

function isJson(body: Buffer): boolean {
  return /^\s*\{/.test(body.toString('latin1', 0, 64));
}

function parsed(body: Buffer): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(body.toString('utf8')));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Both messages that matter have a number as field 1 and a text as field 2. */
function saidIn(message: Buffer | undefined): Said | undefined {
  if (!message) return undefined;
  let number = 0;
  let text = '';
  for (const { field, value } of fieldsOf(message)) {
    // Negative numbers are the upper half of 64 bits; as a count they say nothing.
    if (field === 1 && typeof value === 'number') number = value < 2 ** 63 ? value : 0;
    if (field === 2 && typeof value === 'object') text = value.toString('utf8', 0, 800);
  }
  return { number, text };
}

function fieldOf(message: Buffer, wanted: number): Buffer | undefined {
  for (const { field, value } of fieldsOf(message)) if (field === wanted && typeof value === 'object') return value;
  return undefined;
}

interface Field {
  readonly field: number;
  readonly value: number | Buffer;
}

/** The fields of a message, as far as it can be read. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < message.length && fields.length < 64) {
    const tag = varint();
    const kind = tag % 8;
    const field = Math.floor(tag / 8);
    if (kind === 0) fields.push({ field, value: varint() });
    else if (kind === 2) {
      const size = varint();
      if (!(size <= message.length - at)) break;
      fields.push({ field, value: message.subarray(at, at + size) });
      at += size;
    } else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else break;
  }
  return fields;
}
