// GELF messages as datagrams: compressed if wanted, and in chunks where they are longer than one.
// In: messages. Out: the datagrams of each. A message has at most 128 chunks (GELF 1.1, "Chunking"): one that would need more
// makes its wire larger than any limit, so that the pipeline finds it and rejects it alone.

import { createHash } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import type { Batch, DatagramWire } from '@spillway/core';
import type { GelfMessages } from './gelf-messages.js';

/** How datagrams are made. */
export interface DatagramForm {
  /** Longest datagram, bytes. */
  readonly chunkBytes: number;
  /** auto: gzip for what would not fit into one datagram. */
  readonly compress: 'auto' | 'none' | 'gzip' | 'zlib';
}

/** Datagrams, and their size as the limit counts it. */
export interface GelfDatagrams extends DatagramWire {
  readonly size: number;
}

/** Two magic bytes, eight of the message's id, the chunk's number and how many there are. */
export const chunkHeadBytes = 12;
export const maxChunks = 128;

/** The datagrams of a batch. */
export function datagramsOf(batch: Batch, { body, ends }: GelfMessages, form: DatagramForm): GelfDatagrams {
  let size = 0;
  const records = Array.from(ends, (end, i) => {
    const message = compressed(body.subarray(i === 0 ? 0 : ends[i - 1], end), form);
    size += message.length;
    return chunks(message, form.chunkBytes, () => messageId(batch.recordId(i)));
  });
  return { records, size: records.some(({ length }) => length > maxChunks) ? Number.MAX_SAFE_INTEGER : size };
}

function compressed(message: Buffer, { chunkBytes, compress }: DatagramForm): Buffer {
  if (compress === 'zlib') return deflateSync(message);
  if (compress === 'gzip' || (compress === 'auto' && message.length > chunkBytes))
    return gzipSync(message, { level: 1 });
  return message;
}

function chunks(message: Buffer, chunkBytes: number, id: () => Buffer): Buffer[] {
  if (message.length <= chunkBytes) return [message];
  const room = chunkBytes - chunkHeadBytes;
  const count = Math.ceil(message.length / room);
  const known = id();
  return Array.from({ length: count }, (_, i) => {
    const part = message.subarray(i * room, (i + 1) * room);
    return Buffer.concat([Buffer.from([0x1e, 0x0f]), known, Buffer.from([i, count]), part]);
  });
}

/** The same for the same record, and for no other. */
function messageId(recordId: string): Buffer {
  return createHash('sha256').update(recordId).digest().subarray(0, 8);
}
