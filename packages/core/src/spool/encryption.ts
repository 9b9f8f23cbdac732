// Encryption at rest: AES-256-GCM over the stored bytes of a frame, after compression.
// Each segment has its own key, derived from the master key with the segment's random salt; the nonce is the frame's
// index. An index is never written twice with one key, because a segment is abandoned after any failed write.
// Segment header and frame header are authenticated, so that a frame cannot be moved. Numbers stay readable: counts,
// times and levels of frames are not secret to who can read the file.

import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto';
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.js';

/** A master key of 32 bytes and the id by which segments name it. */
export interface Key {
  readonly id: Buffer;
  readonly secret: Buffer;
}

const tagBytes = 16;
const keyBytes = 32;
/** What is authenticated of a frame's header: all but magic, checksums and slots. */
const headerRanges = [
  [8, 36],
  [40, 88],
] as const;

/** Reads a key as users write it: 64 hex digits or base64 of 32 bytes. Undefined for anything else. */
export function parseKey(text: string): Key | undefined {
  const trimmed = text.trim();
  const secret = /^[0-9a-f]{64}$/i.test(trimmed) ? Buffer.from(trimmed, 'hex') : Buffer.from(trimmed, 'base64');
  if (secret.length !== keyBytes) return undefined;
  return { secret, id: createHash('sha256').update(secret).digest().subarray(0, 16) };
}

/** Encrypts and decrypts the frames of one segment. */
export class SegmentCipher {
  readonly #key: Buffer;
  readonly #header: Buffer;

  constructor(key: Key, header: SegmentHeader) {
    const info = `spillway segment ${header.queueId} ${header.lane} ${header.number}`;
    this.#key = Buffer.from(hkdfSync('sha256', key.secret, header.keySalt, info, keyBytes));
    this.#header = encodeSegmentHeader(header).subarray(0, 120);
  }

  /** Bytes that encryption adds to a payload. */
  static readonly overhead = tagBytes;

  encrypt(frameHeader: Buffer, frameIndex: number, chunks: readonly Buffer[]): Buffer[] {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce(frameIndex));
    cipher.setAAD(this.#authenticated(frameHeader));
    const out = chunks.map((chunk) => cipher.update(chunk));
    // This mode of AES holds nothing back for the end: `final` only makes the tag.
    cipher.final();
    out.push(cipher.getAuthTag());
    return out;
  }

  /** Undefined where the bytes are not what was written. */
  decrypt(frameHeader: Buffer, frameIndex: number, stored: Buffer): Buffer | undefined {
    if (stored.length < tagBytes) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce(frameIndex));
    decipher.setAAD(this.#authenticated(frameHeader));
    decipher.setAuthTag(stored.subarray(stored.length - tagBytes));
    const plain = decipher.update(stored.subarray(0, stored.length - tagBytes));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }

  #authenticated(frameHeader: Buffer): Buffer {
    return Buffer.concat([this.#header, ...headerRanges.map(([from, to]) => frameHeader.subarray(from, to))]);
  }
}

function nonce(frameIndex: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(frameIndex, 8);
  return bytes;
}
