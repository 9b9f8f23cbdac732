// From an entry to a row: time, level, searchable text, and bytes that can be embedded in an answer.
// In: what a decoder emitted. Out: always a row; a line that is not a JSON object, or nested too deeply, becomes text.
import type { Entry, Pairs } from '../decode/entry.js';
import { cutMark, fold } from './fold.js';
import { levelKeys, readLevel } from './level.js';
import { walk } from './text.js';
import { inRange, readTime, timeKeys } from './time.js';

/** A record ready to be stored. */
export interface Row {
  /** Epoch milliseconds; the arrival time when the record has none. */
  readonly time: number;
  /** Pino's number; 0 when the record has none. */
  readonly level: number;
  /** The line: a JSON object without line breaks when `json`, else plain text. */
  readonly line: Buffer;
  readonly json: boolean;
  readonly text: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an entry. `now` is the arrival time in epoch milliseconds. */
export function describe(entry: Entry, now: number): Row {
  const fields = parseObject(entry.line);
  const found = walk(fields ?? entry.line.toString('utf8'), entry.labels, entry.metadata);
  const json = fields !== undefined && !found.tooDeep;
  return {
    time: (entry.time === undefined ? timeOf(fields) : inRange(entry.time)) ?? now,
    level: levelOf(fields) || levelOf(entry.metadata) || levelOf(entry.labels),
    line: json ? withoutBreaks(entry.line, fields) : entry.line,
    json,
    text: found.cut ? `${fold(found.text)} ${cutMark}` : fold(found.text),
  };
}

function parseObject(line: Buffer): Fields | undefined {
  if (line[0] !== 0x7b && !/^\s*\{/.test(line.toString('latin1', 0, 100))) return undefined;
  try {
    return JSON.parse(line.toString('utf8')) as Fields;
  } catch {
    return undefined;
  }
}

function timeOf(fields: Fields | undefined): number | undefined {
  if (fields === undefined) return undefined;
  for (const key of timeKeys) {
    const value = fields[key];
    const time = value === undefined ? undefined : readTime(value);
    if (time !== undefined) return time;
  }
  return undefined;
}

function levelOf(fields: Fields | Pairs | undefined): number {
  if (fields === undefined) return 0;
  for (const key of levelKeys) {
    const value = fields[key];
    const level = value === undefined ? 0 : readLevel(value);
    if (level !== 0) return level;
  }
  return 0;
}

// Pretty-printed JSON is legal as a Loki line, but a line break would end an event of the live tail.
function withoutBreaks(line: Buffer, fields: Fields): Buffer {
  if (!line.includes(0x0a) && !line.includes(0x0d)) return line;
  return Buffer.from(JSON.stringify(fields));
}
