// The id of a request: the caller's `x-request-id` if it is harmless, else the trace id, else a new UUIDv7.
// Invariant: an id is 1 to 128 of `A-Z a-z 0-9 . _ -`; whatever else a caller sends never reaches a log or a header.

const HARMLESS = /^[A-Za-z0-9._-]{1,128}$/;
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const BYTES_PER_ID = 10;
// Random bytes are drawn for many ids at once: one call an id costs more than the rest of the id.
const pool = new Uint8Array(BYTES_PER_ID * 256);
let used = pool.length;
let prefixMs = 0;
let prefix = '';

/** The id if a caller may choose it, else `undefined`. */
export function harmlessId(id: unknown): string | undefined {
  return typeof id === 'string' && HARMLESS.test(id) ? id : undefined;
}

function byte(at: number): string {
  return HEX[pool[used + at]!]!;
}

/** A new UUID of version 7 (RFC 9562): sortable by the millisecond of its making. */
export function uuidv7(): string {
  if (used === pool.length) {
    globalThis.crypto.getRandomValues(pool);
    used = 0;
  }
  const now = Date.now();
  if (now !== prefixMs) {
    const hex = now.toString(16).padStart(12, '0');
    prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
    prefixMs = now;
  }
  const versioned = HEX[pool[used]! & 0x0f]![1]! + byte(1);
  const variant = HEX[(pool[used + 2]! & 0x3f) | 0x80]! + byte(3);
  const id = `${prefix}${versioned}-${variant}-${byte(4)}${byte(5)}${byte(6)}${byte(7)}${byte(8)}${byte(9)}`;
  used += BYTES_PER_ID;
  return id;
}
