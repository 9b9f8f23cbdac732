// The slower reader for lines without pino's own prefix: other key names or order, label levels, ISO and nano times,
// other loggers' JSON. Walks the top level of one object byte by byte and stops at what it needs.
// In: bytes of one line. Out: level and time where the line has them, and whether it is one JSON object at all.
// Invariant: never throws, whatever the bytes; a line that it accepts starts with `{`, ends with its `}` and balances.

import { type Instant, instantOfNumber, instantOfText, STANDARD_LEVELS } from './time.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COLON = 0x3a;
const COMMA = 0x2c;

/** Which keys hold what. */
export interface LineKeys {
  readonly level: readonly string[];
  readonly time: readonly string[];
  /** Labels beyond the standard ones, lower case, with their numeric levels. */
  readonly levels: Readonly<Record<string, number>>;
  /** The key that says what kind of record it is, for those who ask. */
  readonly kind?: string;
}

/** The keys that pino and the common loggers use. */
export const COMMON_KEYS: LineKeys = {
  level: ['level', 'severity', 'lvl', 'log.level', 'levelname', 'severityText'],
  time: ['time', 'timestamp', '@timestamp', 'ts', 'date', 'datetime'],
  levels: {},
};

/** Level, time and kind as last read; `level` and `time` are 0, `kind` is empty where the line has none. */
export class GeneralReader {
  level = 0;
  time = 0;
  nanos = 0;
  kind = '';
  private readonly keys: LineKeys;
  private bytes: Uint8Array = new Uint8Array(0);
  private end = 0;

  constructor(keys: LineKeys) {
    this.keys = keys;
  }

  /** Whether the bytes [start, end) are one JSON object. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.level = this.time = this.nanos = 0;
    this.kind = '';
    this.bytes = bytes;
    this.end = end;
    let at = this.space(start);
    if (bytes[at] !== OPEN) return false;
    at = this.space(at + 1);
    if (bytes[at] === CLOSE) return this.space(at + 1) === end;
    for (;;) {
      const key = at;
      at = this.string(at);
      if (at < 0) return false;
      const keyEnd = at - 1;
      at = this.space(at);
      if (bytes[at] !== COLON) return false;
      const value = this.space(at + 1);
      at = this.value(value);
      if (at < 0) return false;
      this.note(key + 1, keyEnd, value, at);
      at = this.space(at);
      if (bytes[at] === COMMA) at = this.space(at + 1);
      else return bytes[at] === CLOSE && this.space(at + 1) === end;
    }
  }

  private note(keyStart: number, keyEnd: number, start: number, end: number): void {
    const length = keyEnd - keyStart;
    if (length > 64) return;
    const { kind } = this.keys;
    // Of a name that comes twice the last one counts, as for whoever parses the line.
    if (kind?.length === length && this.spells(kind, keyStart)) this.kind = this.textOf(start, end);
    if (this.level === 0 && this.named(this.keys.level, keyStart, length)) this.level = this.levelOf(start, end);
    else if (this.time === 0 && this.named(this.keys.time, keyStart, length)) this.readTime(start, end);
  }

  private named(names: readonly string[], start: number, length: number): boolean {
    for (const name of names) if (name.length === length && this.spells(name, start)) return true;
    return false;
  }

  private spells(name: string, start: number): boolean {
    for (let i = 0; i < name.length; i++) if (this.bytes[start + i] !== name.charCodeAt(i)) return false;
    return true;
  }

  private levelOf(start: number, end: number): number {
    if (end - start > 34) return 0;
    const raw = this.slice(start, end);
    const number = Number(raw.startsWith('"') ? raw.slice(1, -1) : raw);
    if (Number.isInteger(number)) return number > 0 && number <= 0xffff ? number : 0;
    const label = raw.slice(1, -1).toLowerCase();
    return this.keys.levels[label] ?? STANDARD_LEVELS[label] ?? 0;
  }

  private readTime(start: number, end: number): void {
    if (end - start > 48) return;
    const raw = this.slice(start, end);
    const instant: Instant | undefined = raw.startsWith('"') ? instantOfText(raw.slice(1, -1)) : instantOfNumber(raw);
    if (!instant) return;
    this.time = instant.ms;
    this.nanos = instant.nanos;
  }

  /** A short text as it stands in the line; empty for anything else. */
  private textOf(start: number, end: number): string {
    return this.bytes[start] === QUOTE && end - start <= 130 ? this.slice(start + 1, end - 1) : '';
  }

  private slice(start: number, end: number): string {
    return String.fromCharCode(...this.bytes.subarray(start, end));
  }

  private space(at: number): number {
    while (at < this.end && (this.bytes[at] === 0x20 || this.bytes[at] === 0x09 || this.bytes[at] === 0x0d)) at++;
    return at;
  }

  /** The position after the string that starts at `at`, or -1. */
  private string(at: number): number {
    if (this.bytes[at] !== QUOTE) return -1;
    for (at++; at < this.end; at++) {
      const byte = this.bytes[at];
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) return at + 1;
    }
    return -1;
  }

  /** The position after the value that starts at `at`, or -1. Nested values only have to balance. */
  private value(at: number): number {
    const first = this.bytes[at];
    if (at >= this.end) return -1;
    if (first === QUOTE) return this.string(at);
    if (first === OPEN || first === OPEN_LIST) return this.nested(at);
    const start = at;
    while (at < this.end && this.bytes[at] !== COMMA && this.bytes[at] !== CLOSE && this.bytes[at]! > 0x20) at++;
    return at > start && isScalar(this.bytes, start, at) ? at : -1;
  }

  private nested(at: number): number {
    let depth = 0;
    for (; at < this.end; at++) {
      const byte = this.bytes[at];
      if (byte === QUOTE) {
        at = this.string(at) - 1;
        if (at < 0) return -1;
      } else if (byte === OPEN || byte === OPEN_LIST) depth++;
      else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return at + 1;
    }
    return -1;
  }
}

/** Numbers, true, false and null, without looking further than their alphabet. */
function isScalar(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start]!;
  if (first === 0x74) return spellsAll(bytes, start, end, 'true');
  if (first === 0x66) return spellsAll(bytes, start, end, 'false');
  if (first === 0x6e) return spellsAll(bytes, start, end, 'null');
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    const digit = byte >= 0x30 && byte <= 0x39;
    if (!digit && byte !== 0x2d && byte !== 0x2b && byte !== 0x2e && byte !== 0x65 && byte !== 0x45) return false;
  }
  return first === 0x2d || (first >= 0x30 && first <= 0x39);
}

function spellsAll(bytes: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[start + i] !== word.charCodeAt(i)) return false;
  return true;
}
