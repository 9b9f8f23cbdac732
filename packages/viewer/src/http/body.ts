// Reads a request body within the limits, and unpacks it as it comes.
// In: a stream from anyone. Out: at most `limits.decodedBytes` bytes in memory that the budget has counted, or a Refusal.
import type { IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import { Refusal } from '../decode/refusal.js';
import { limits } from '../limits.js';
import type { Account } from './budget.js';

// zstd came with Node.js 22.15 and 23.8; the types are those of Node.js 20.
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

/** Codings a body may have; `deflate` is zlib or raw, told apart by the first bytes. */
const codings: Readonly<Record<string, (() => Transform) | undefined>> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  br: () => zlib.createBrotliDecompress(),
  zstd: createZstdDecompress && (() => createZstdDecompress()),
};

/** The codings this Node.js can read, for the Accept-Encoding header of a 415. */
export const readableCodings = ['gzip', 'deflate', 'br', ...(codings.zstd === undefined ? [] : ['zstd'])].join(', ');

/** Reads and unpacks the body. @throws Refusal 400, 411, 413, 415 or 429 */
export async function readBody(request: IncomingMessage, coding: string, account: Account): Promise<Uint8Array> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bodyBytes) throw tooLarge();
  const packed = await collect(request, account, limits.bodyBytes);
  if (coding === '' || coding === 'identity' || packed.length === 0) return packed;
  return unpack(packed, unpacker(coding, packed), account);
}

/** True when {@link readBody} can read the coding. */
export function isReadable(coding: string): boolean {
  if (coding === '' || coding === 'identity' || coding === 'deflate') return true;
  return Object.hasOwn(codings, coding) && codings[coding] !== undefined;
}

// Events, because an async iterator that is left early destroys the socket, and the sender would never see the answer.
function collect(request: IncomingMessage, account: Account, max: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size > max) refuse(tooLarge());
      else if (!account.take(chunk.length)) refuse(busy());
      else chunks.push(chunk);
    };
    const refuse = (error: Error) => {
      request.off('data', take);
      chunks.length = 0;
      reject(error);
    };
    request.on('data', take);
    request.on('end', () => resolve(join(chunks, size)));
    request.on('error', refuse);
    request.on('close', () => refuse(new Error('the sender went away')));
  });
}

async function unpack(packed: Uint8Array, transform: Transform, account: Account): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  const keep = async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > limits.decodedBytes) throw tooLarge();
      if (!account.take(chunk.length)) throw busy();
      chunks.push(chunk);
    }
  };
  try {
    await pipeline([packed], transform, keep);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(400, 'the body is not valid in its Content-Encoding');
  }
  return join(chunks, size);
}

function unpacker(coding: string, packed: Uint8Array): Transform {
  if (coding === 'deflate') return isZlib(packed) ? zlib.createInflate() : zlib.createInflateRaw();
  return codings[coding]!();
}

// RFC 1950: method 8 in the low bits, and the first two bytes are a multiple of 31. Loki means raw deflate, others zlib.
function isZlib(packed: Uint8Array): boolean {
  return (
    packed.length > 1 && (packed[0]! & 0x0f) === 8 && packed[0]! >> 4 <= 7 && (packed[0]! * 256 + packed[1]!) % 31 === 0
  );
}

// A buffer of its own, not a slice of Node's pool, so that it can move to the store's thread without a copy.
function join(chunks: readonly Buffer[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function tooLarge(): Refusal {
  return new Refusal(
    413,
    `request body too large: the limit is ${limits.bodyBytes} bytes, ${limits.decodedBytes} unpacked`,
  );
}

function busy(): Refusal {
  return new Refusal(429, 'the viewer is behind; send this again later');
}
