// Which top-level fields of a line have a place of their own in an OpenTelemetry log record.
// In: a name's bytes. Out: its role; most names have none and become attributes.
// Names: those that pino, OpenTelemetry's pino instrumentation and @spillway/middleware write.

/** What a field is to a log record. */
export type Role = 'attribute' | 'body' | 'level' | 'time' | 'error' | 'pid' | 'host' | 'traceId' | 'spanId' | 'flags';

/** Names that users choose. */
export interface FieldNames {
  readonly messageField: string;
  readonly errorField: string;
}

interface Candidate {
  readonly name: Buffer;
  readonly role: Role;
}

/** Finds roles by name. */
export class FieldRoles {
  /** By length in bytes: for most lengths there is none, so most names cost one look. */
  readonly #byLength: (Candidate[] | undefined)[] = [];

  constructor({ messageField, errorField }: FieldNames) {
    const roles: readonly (readonly [name: string, role: Role])[] = [
      [messageField, 'body'],
      [errorField, 'error'],
      ['level', 'level'],
      ['time', 'time'],
      ['pid', 'pid'],
      ['hostname', 'host'],
      ['trace_id', 'traceId'],
      ['span_id', 'spanId'],
      ['trace_flags', 'flags'],
    ];
    for (const [text, role] of roles) {
      const name = Buffer.from(text);
      const same = this.#byLength[name.length] ?? [];
      this.#byLength[name.length] = [...same, { name, role }];
    }
  }

  /** The role of the name in the bytes [from, to). */
  of(source: Buffer, from: number, to: number): Role {
    const candidates = this.#byLength[to - from];
    if (candidates) for (const { name, role } of candidates) if (spells(source, from, name)) return role;
    return 'attribute';
  }
}

/** Attributes that take the place of fields, as the semantic conventions name them. */
export const conventions = {
  pid: 'process.pid',
  host: 'host.name',
  /** Before the names of an error's members. */
  error: 'exception.',
  /** After `stack`: `exception.stacktrace`. */
  stack: 'trace',
} as const;

/** Whether the bytes at `at` are these. */
export function spells(source: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (source[at + i] !== word[i]) return false;
  return true;
}

/** Hexadecimal digits as numbers, others as 255. */
const hexDigits = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  const digit = i.toString(16);
  hexDigits[digit.charCodeAt(0)] = hexDigits[digit.toUpperCase().charCodeAt(0)] = i;
}

/**
 * Reads the string that begins with the quote at `at` as an id of `into.length` bytes, which is not all zeros.
 * False where it is none: W3C trace context says that such ids are invalid.
 */
export function readId(source: Buffer, at: number, into: Uint8Array): boolean {
  if (source[at] !== 0x22 || source[at + 1 + into.length * 2] !== 0x22) return false;
  let any = 0;
  for (let i = 0; i < into.length; i++) {
    const high = hexDigits[source[at + 1 + i * 2]!]!;
    const low = hexDigits[source[at + 2 + i * 2]!]!;
    if ((high | low) > 15) return false;
    into[i] = (high << 4) | low;
    any |= into[i]!;
  }
  return any !== 0;
}

/** Trace flags as `"01"`, undefined where they are something else. */
export function readFlags(source: Buffer, at: number): number | undefined {
  if (source[at] !== 0x22 || source[at + 3] !== 0x22) return undefined;
  const high = hexDigits[source[at + 1]!]!;
  const low = hexDigits[source[at + 2]!]!;
  return (high | low) > 15 ? undefined : (high << 4) | low;
}
