// What every decoder hands on: one entry per record, in the order of the body, and the checks that all formats share.
import { isUtf8 } from 'node:buffer';
import { limits } from '../limits.js';
import { Refusal } from './refusal.js';

/** Label or metadata pairs. The object of a stream is shared by its entries, so that it can be recognized by identity. */
export type Pairs = Readonly<Record<string, string>>;

/** One record as it was received. */
export interface Entry {
  /** The record's own bytes, valid UTF-8. */
  readonly line: Buffer;
  /** Time given beside the line (Loki), in milliseconds; undefined when the line's own time counts. */
  readonly time: number | undefined;
  readonly labels: Pairs | undefined;
  readonly metadata: Pairs | undefined;
}

/** Receives entries; what it throws ends the decoding. */
export type Emit = (entry: Entry) => void;

/** A name-to-value table without a prototype, so that no name a sender chooses is special. */
export function pairs(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

/** The bytes with invalid UTF-8 replaced, because they are later embedded in JSON answers. */
export function asUtf8(bytes: Uint8Array): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(buffer) ? buffer : Buffer.from(buffer.toString('utf8'));
}

/** Counts records and refuses more than one request may hold. */
export function counted(emit: Emit): Emit {
  let count = 0;
  return (entry) => {
    if (++count > limits.recordsPerRequest) {
      throw new Refusal(413, `request body too large: more than ${limits.recordsPerRequest} records`);
    }
    emit(entry);
  };
}

/** Refuses JSON that would become far more objects than its bytes suggest. */
export function checkJsonParts(body: Uint8Array): void {
  let parts = 0;
  for (let i = 0; i < body.length; i++) {
    const byte = body[i];
    // , [ { are what starts another value.
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) parts++;
  }
  if (parts > limits.jsonParts)
    throw new Refusal(413, `request body too large: more than ${limits.jsonParts} JSON values`);
}
