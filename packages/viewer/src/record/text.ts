// The searchable text of a record: its values, those of its labels and its metadata, without keys, times and levels,
// which would match everything. Bounded in depth and length.
import type { Pairs } from '../decode/entry.js';
import { limits } from '../limits.js';
import { timeKeys } from './time.js';

/** What a walk over a record found. */
export interface Walk {
  text: string;
  /** True when the record has more text than `limits.indexedChars`. */
  cut: boolean;
  /** True when the record is nested deeper than `limits.depth`; it is then kept as text. */
  tooDeep: boolean;
}

/** Top-level keys whose values are not in the text. */
export const unindexedKeys: ReadonlySet<string> = new Set(['level', ...timeKeys]);

/** Collects the values of a parsed record and of what came with it. */
export function walk(record: unknown, labels: Pairs | undefined, metadata: Pairs | undefined): Walk {
  const found: Walk = { text: '', cut: false, tooDeep: false };
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) {
    const fields = record as Record<string, unknown>;
    for (const key in fields) if (!unindexedKeys.has(key)) collect(fields[key], 1, found);
  } else collect(record, 0, found);
  for (const key in metadata) collect(metadata[key], 0, found);
  for (const key in labels) collect(labels[key], 0, found);
  return found;
}

function collect(value: unknown, depth: number, found: Walk): void {
  if (typeof value === 'string') append(value, found);
  else if (typeof value === 'number') append(String(value), found);
  else if (typeof value === 'boolean') append(value ? 'true' : 'false', found);
  else if (value !== null && typeof value === 'object') {
    if (depth >= limits.depth) {
      found.tooDeep = true;
      return;
    }
    if (Array.isArray(value)) for (const element of value) collect(element, depth + 1, found);
    else for (const key in value) collect((value as Record<string, unknown>)[key], depth + 1, found);
  }
}

function append(text: string, found: Walk): void {
  const room = limits.indexedChars - found.text.length;
  if (text.length > room) found.cut = true;
  if (room > 0) found.text += text.length > room ? `${text.slice(0, room)} ` : `${text} `;
}
