// A push becomes entries, or a refusal: nothing reaches the database before the whole body has been read.

import { counted, type Emit, type Entry } from '../decode/entry.js';
import { decodeLokiJson } from '../decode/loki-json.js';
import { decodeLokiProtobuf } from '../decode/loki-protobuf.js';
import { decodeJson, decodeNdjson } from '../decode/ndjson.js';
import { Refusal } from '../decode/refusal.js';
import { unsnappy } from '../decode/snappy.js';
import { limits } from '../limits.js';
import type { Push } from './model.js';

/** Entries to store, and for Loki the reason why others of the same body are not. */
export interface Decoded {
  readonly entries: readonly Entry[];
  readonly refused: string | undefined;
}

/** Reads a push. @throws Refusal */
export function decode({ format, body }: Push): Decoded {
  const entries: Entry[] = [];
  let tooLong = 0;
  const emit = counted((entry) => {
    if (entry.line.length > limits.lineBytes) tooLong = Math.max(tooLong, entry.line.length);
    else entries.push(entry);
  });
  run(format, Buffer.from(body.buffer, body.byteOffset, body.byteLength), emit);
  if (tooLong === 0) return { entries, refused: undefined };
  const text = `max entry size '${limits.lineBytes}' bytes exceeded: an entry has ${tooLong} bytes`;
  // Loki keeps the valid entries of such a request. For /ingest nothing is kept, so that a sender that splits the batch
  // to find the long record does not store the others twice.
  if (format === 'ndjson' || format === 'json') throw new Refusal(400, text);
  return { entries, refused: text };
}

function run(format: Push['format'], body: Buffer, emit: Emit): void {
  if (format === 'loki-json') decodeLokiJson(body, emit);
  else if (format === 'loki-protobuf') decodeLokiProtobuf(unsnappy(body, limits.decodedBytes), emit);
  else if (format === 'json') decodeJson(body, emit);
  else decodeNdjson(body, emit);
}
