// Redaction as the rest of the package uses it: of values, of text and of serialized lines, from one set of options.
// In: options. Out: functions that return what may be shown. Invariants: on unless it is turned off; never throws.

import { option, optionError } from '../option-error.js';
import { lineRedaction } from './line.js';
import { type SanitizeLimits, sanitizer } from './sanitize.js';
import { secretNames } from './secret-names.js';
import { textRedaction } from './text.js';

/** What is hidden, and how much of a value is kept. */
export interface RedactOptions extends Partial<SanitizeLimits> {
  /** More names that are secret wherever they are part of a key, in any case, joined by `-`, `_`, `.` or nothing. */
  readonly keys?: readonly string[];
  /** Whole names that are not secret although they look so, as `token_type`: of keys, and within text. */
  readonly allow?: readonly string[];
  /**
   * What is written in place of a secret.
   * @default '[Redacted]'
   */
  readonly censor?: string;
  /**
   * Longest line in UTF-16 units; a longer one is cut down to `maxLength` and marked with `_truncated`.
   * @default 262144 Loki's `max_line_size`; longer lines are refused whole by several destinations
   */
  readonly maxLineLength?: number;
}

/** Hides secrets. */
export interface Redaction {
  /** Plain, capped JSON data of any value; `key` is the name it is going to have. */
  value(value: unknown, key?: string): unknown;
  /** Text without credentials of URLs, query tokens, `name=secret` pairs and the like. */
  text(text: string): string;
  /** A serialized line without secrets, cut if it is too long. */
  line(line: string): string;
  /** A line whose parts are without secrets already, cut if it is too long. */
  fit(line: string): string;
}

/** Limits when nothing else is said: generous for what people log on purpose, small beside what they log by accident. */
const DEFAULT_LIMITS: SanitizeLimits & { readonly maxLineLength: number } = {
  maxDepth: 12,
  maxKeys: 200,
  maxStringLength: 16_384,
  maxLength: 131_072,
  maxLineLength: 262_144,
};

const KEYS = ['keys', 'allow', 'censor', 'maxDepth', 'maxKeys', 'maxStringLength', 'maxLength', 'maxLineLength'];
const LIMIT_KEYS = ['maxDepth', 'maxKeys', 'maxStringLength', 'maxLength', 'maxLineLength'] as const;

function limitsOf(options: RedactOptions, path: string): typeof DEFAULT_LIMITS {
  const limits: Record<string, number> = { ...DEFAULT_LIMITS };
  for (const key of LIMIT_KEYS) {
    limits[key] = option.integer(options[key] ?? DEFAULT_LIMITS[key], `${path}.${key}`, 1, 0x7fff_ffff);
  }
  return limits as unknown as typeof DEFAULT_LIMITS;
}

/**
 * Prepares redaction.
 * @param options `false` turns the hiding off; the caps stay.
 * @throws with the code `SPILLWAY_OPTIONS_INVALID` if an option is unknown or out of range.
 */
export function createRedaction(options: RedactOptions | boolean = true, path = 'redact'): Redaction {
  const given = typeof options === 'object' ? options : {};
  if (typeof options !== 'object' && typeof options !== 'boolean')
    throw optionError(path, 'an object or a boolean', options);
  option.known(given, KEYS, path);
  const limits = limitsOf(given, path);
  const censor = option.string(given.censor ?? '[Redacted]', `${path}.censor`);
  const names = secretNames({
    keys: option.strings(given.keys ?? [], `${path}.keys`),
    allow: option.strings(given.allow ?? [], `${path}.allow`),
  });
  const texts = textRedaction(names, censor);
  const value = options === false ? sanitizer(limits, censor) : sanitizer(limits, censor, names, texts);
  const shown = options === false ? (line: string) => line : lineRedaction(names, texts, censor);
  const cut = (line: string) => cutLine(line, value, shown);
  return {
    value,
    text: options === false ? (text) => text : texts.text,
    line: (line) => (line.length > limits.maxLineLength ? cut(line) : shown(line)),
    fit: (line) => (line.length > limits.maxLineLength ? cut(line) : line),
  };
}

/** Cuts a line that is too long for what reads it. Its level and time come first and so survive. */
function cutLine(line: string, value: (value: unknown) => unknown, shown: (line: string) => string): string {
  try {
    const record = value(JSON.parse(line)) as Record<string, unknown>;
    return `${JSON.stringify({ ...record, _truncated: `line of ${line.length}` })}\n`;
  } catch {
    return shown(`${JSON.stringify({ msg: line.slice(0, 16_384), _truncated: `line of ${line.length}` })}\n`);
  }
}
