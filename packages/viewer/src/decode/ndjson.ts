// POST /ingest: newline-separated lines, or one JSON array of records.
// Lines are taken as they are; what is not JSON is kept as text, for a viewer must show what was sent. CRLF is tolerated,
// empty lines are skipped.
import { asUtf8, checkJsonParts, type Emit } from './entry.js';
import { Refusal } from './refusal.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const OPEN_BRACKET = 0x5b;

/** Emits one entry per line, or per element when the body is a JSON array. @throws Refusal 413 */
export function decodeNdjson(body: Uint8Array, emit: Emit): void {
  const bytes = asUtf8(body);
  if (bytes[firstInk(bytes)] === OPEN_BRACKET) {
    const elements = parseArray(bytes);
    if (elements !== undefined) {
      for (const element of elements) emitLine(elementBytes(element), emit);
      return;
    }
  }
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const next = newline === -1 ? bytes.length : newline;
    const end = next > start && bytes[next - 1] === RETURN ? next - 1 : next;
    if (end > start) emitLine(bytes.subarray(start, end), emit);
    start = next + 1;
  }
}

/** As {@link decodeNdjson}, for `application/json`: a single value that spans lines is one record. @throws Refusal 400 or 413 */
export function decodeJson(body: Uint8Array, emit: Emit): void {
  const bytes = asUtf8(body);
  const value = tryParse(bytes);
  if (value !== undefined && !Array.isArray(value)) {
    emitLine(elementBytes(value), emit);
    return;
  }
  // Many senders label NDJSON as JSON; it is only refused when its first line is not JSON either.
  const newline = bytes.indexOf(NEWLINE);
  if (value === undefined && (newline === -1 || tryParse(bytes.subarray(0, newline)) === undefined)) {
    throw new Refusal(400, 'the body is neither valid JSON nor newline-separated JSON');
  }
  decodeNdjson(bytes, emit);
}

function emitLine(line: Buffer, emit: Emit): void {
  emit({ line, time: undefined, labels: undefined, metadata: undefined });
}

function parseArray(bytes: Buffer): unknown[] | undefined {
  const value = tryParse(bytes);
  return Array.isArray(value) ? value : undefined;
}

function tryParse(bytes: Buffer): unknown {
  checkJsonParts(bytes);
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function elementBytes(element: unknown): Buffer {
  if (typeof element === 'string') return Buffer.from(element);
  try {
    return Buffer.from(JSON.stringify(element));
  } catch {
    // Parsing is iterative but serializing recurses: nesting far beyond `limits.depth` ends here.
    throw new Refusal(400, 'the JSON is nested too deeply');
  }
}

function firstInk(bytes: Buffer): number {
  let at = 0;
  while (at < bytes.length && bytes[at]! <= 0x20) at++;
  return at;
}
