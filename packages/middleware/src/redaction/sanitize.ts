// Turns any value into plain JSON data that is safe to write: secrets hidden, sizes capped, nothing thrown.
// In: whatever an application logs. Out: strings, finite numbers, booleans, null, arrays and plain objects.
// Invariants: never throws (throwing getters, `toJSON`, proxies); ends on cycles and on data of any depth, width and length;
// what was cut is marked where it was cut.

import { errorEntries, isError } from './error-entries.js';
import { hides, isHeaderValue, type SecretNames } from './secret-names.js';
import type { TextRedaction } from './text.js';

/** How much of a value is kept. */
export interface SanitizeLimits {
  /**
   * Levels of objects within objects.
   * @default 12
   */
  readonly maxDepth: number;
  /**
   * Keys of one object, items of one array.
   * @default 200
   */
  readonly maxKeys: number;
  /**
   * UTF-16 units of one string.
   * @default 16384
   */
  readonly maxStringLength: number;
  /**
   * UTF-16 units of all strings and keys of one value, roughly its size as JSON.
   * @default 131072
   */
  readonly maxLength: number;
}

const UNREADABLE = '[unreadable]';
const MAX_KEY = 256;

/** One walk over one value. */
class Walk {
  private room: number;
  private readonly ancestors: object[] = [];
  private readonly limits: SanitizeLimits;
  private readonly names: SecretNames | undefined;
  private readonly texts: TextRedaction | undefined;
  private readonly censor: string;

  constructor(limits: SanitizeLimits, censor: string, names?: SecretNames, texts?: TextRedaction) {
    this.limits = limits;
    this.room = limits.maxLength;
    this.censor = censor;
    this.names = names;
    this.texts = texts;
  }

  value(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        return this.string(value);
      case 'number':
        this.room -= 8;
        return Number.isFinite(value) ? value : null;
      case 'boolean':
        return value;
      case 'bigint':
        return Number.isSafeInteger(Number(value)) ? Number(value) : this.string(value.toString());
      case 'symbol':
        return this.string(value.toString());
      case 'object':
        return value === null ? null : this.object(value);
      default:
        return undefined;
    }
  }

  private string(text: string): string {
    const { maxStringLength } = this.limits;
    const max = Math.max(0, Math.min(maxStringLength, this.room));
    // Cut before the patterns run, but not right at the limit: a secret that the cut would split must still be recognized.
    const whole = text.length > max + 4096 ? text.slice(0, max + 4096) : text;
    const clean = wellFormed(this.texts ? this.texts.text(whole) : whole);
    const kept =
      text.length <= max && clean.length <= max
        ? clean
        : `${wellFormed(clean.slice(0, max))}[+${Math.max(text.length, clean.length) - max} characters]`;
    this.room -= kept.length + 2;
    return kept;
  }

  private object(value: object): unknown {
    if (this.ancestors.includes(value)) return '[circular]';
    if (this.ancestors.length >= this.limits.maxDepth) return '[too deep]';
    if (this.room <= 0) return '[too large]';
    this.ancestors.push(value);
    try {
      return this.known(value);
    } catch {
      return UNREADABLE;
    } finally {
      this.ancestors.pop();
    }
  }

  /** The kinds of objects that JSON would show badly or not at all. */
  private known(value: object): unknown {
    if (Array.isArray(value)) return this.items(value, value.length);
    if (isError(value)) return this.entries(errorEntries(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof Map) return this.entries(mapEntries(value));
    if (value instanceof Set) return this.items(value, value.size);
    if (value instanceof RegExp || value instanceof URL || value instanceof URLSearchParams)
      return this.string(searchable(value));
    if (ArrayBuffer.isView(value)) return `[${value.constructor.name} of ${value.byteLength} bytes]`;
    if (value instanceof ArrayBuffer) return `[ArrayBuffer of ${value.byteLength} bytes]`;
    if (value instanceof String || value instanceof Number || value instanceof Boolean)
      return this.value(value.valueOf());
    if (typeof Headers === 'function' && value instanceof Headers) return this.entries(value.entries());
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') {
      const json: unknown = toJSON.call(value, '');
      return json === value ? this.entries(ownEntries(value)) : this.value(json);
    }
    return this.entries(ownEntries(value));
  }

  private items(items: Iterable<unknown>, size: number): unknown[] {
    const out: unknown[] = [];
    let before: unknown;
    for (const item of items) {
      if (out.length >= this.limits.maxKeys || this.room <= 0) {
        out.push(`[+${size - out.length} items]`);
        break;
      }
      const hidden = this.names?.namesCredentials(before) === true && isHeaderValue(item);
      out.push(hidden ? this.censor : (this.value(item) ?? null));
      before = item;
    }
    return out;
  }

  private entries(entries: Iterable<readonly [string, unknown]>): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    let kept = 0;
    let cut = 0;
    for (const [key, value] of entries) {
      if (kept >= this.limits.maxKeys || this.room <= 0) {
        cut++;
        continue;
      }
      const safe = this.entry(key, value);
      if (safe === undefined) continue;
      kept++;
      this.room -= key.length + 4;
      const name = this.texts ? this.texts.text(key) : key;
      assign(out, wellFormed(name.length > MAX_KEY ? name.slice(0, MAX_KEY) : name), safe);
    }
    if (cut > 0) out._truncated = `${cut} keys`;
    return out;
  }

  private entry(key: string, value: unknown): unknown {
    if (value === undefined || typeof value === 'function') return undefined;
    if (this.names && hides(this.names.secrecy(key), shapeOf(value))) return this.censor;
    return this.value(value);
  }
}

/** Sanitizes with or without hiding secrets. */
export function sanitizer(
  limits: SanitizeLimits,
  censor: string,
  names?: SecretNames,
  texts?: TextRedaction,
): (value: unknown, key?: string) => unknown {
  return (value, key) => {
    if (key !== undefined && names && hides(names.secrecy(key), shapeOf(value))) return censor;
    // Most of what is logged is a short text, a number or a flag: no walk for these.
    if (typeof value === 'boolean' || value === null || Number.isFinite(value)) return value;
    if (typeof value === 'string' && value.length <= limits.maxStringLength)
      return wellFormed(texts ? texts.text(value) : value);
    return new Walk(limits, censor, names, texts).value(value);
  };
}

function shapeOf(value: unknown): 'text' | 'number' | 'flag' {
  if (typeof value === 'number' || typeof value === 'bigint') return 'number';
  return typeof value === 'boolean' || value === null || value === undefined ? 'flag' : 'text';
}

/** A query on its own gets its question mark, by which the patterns for text know parameters. */
function searchable(value: RegExp | URL | URLSearchParams): string {
  return value instanceof URLSearchParams ? `?${value}` : String(value);
}

function* mapEntries(map: Map<unknown, unknown>): Iterable<readonly [string, unknown]> {
  for (const [key, value] of map) {
    yield [typeof key === 'object' && key !== null ? '[object]' : String(key), value];
  }
}

function* ownEntries(value: object): Iterable<readonly [string, unknown]> {
  for (const key of Object.keys(value)) {
    let held: unknown;
    try {
      held = (value as Record<string, unknown>)[key];
    } catch {
      held = UNREADABLE;
    }
    yield [key, held];
  }
}

/** Sets a key of data; `__proto__` is a key like any other there. */
export function assign(out: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  else out[key] = value;
}

/** Lone surrogates are no Unicode text and are refused by some destinations. */
function wellFormed(text: string): string {
  return (text as string & { toWellFormed(): string }).toWellFormed();
}
