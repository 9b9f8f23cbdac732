// A line as an OpenTelemetry LogRecord with typed attributes, in protobuf.
// In: a line's bytes from where pino's fixed beginning ends. Out: the record's fields, each as it comes.
// Invariant: a line that is no JSON object after all is told by `false`, and what was written for it is to be undone.

import { AnyValueWriter } from './encode/any-value.js';
import { afterValue } from './encode/json-scan.js';
import { fixed32Tag, lengthTag } from './encode/protobuf.js';
import { conventions, type FieldRoles, type Role, readFlags, readId, spells } from './otlp-fields.js';

const quote = 0x22;
const comma = 0x2c;
const open = 0x7b;
const close = 0x7d;

// Field numbers of LogRecord (opentelemetry-proto, logs/v1/logs.proto), and of KeyValue.
export const bodyField = 5;
export const bodyTag = lengthTag(bodyField);
const attributesTag = lengthTag(6);
const severityTextTag = lengthTag(3);
const flagsTag = fixed32Tag(8);
const keyTag = lengthTag(1);
const valueTag = lengthTag(2);
/** Trace and span ids, by their roles. */
const ids = {
  traceId: { tag: lengthTag(9), value: new Uint8Array(16) },
  spanId: { tag: lengthTag(10), value: new Uint8Array(8) },
} as const;

/** Writes the fields of one line after the other. */
export class RecordWriter extends AnyValueWriter {
  /** Whether the line says its level in words. */
  levelWritten = false;
  readonly #roles: FieldRoles;
  #bodyWritten = false;

  constructor(roles: FieldRoles) {
    super();
    this.#roles = roles;
  }

  /** The fields from `at` on, where the object begins or a comma or its end follows. */
  fields(): boolean {
    this.levelWritten = this.#bodyWritten = false;
    this.space();
    if (this.source[this.at] === open) this.at++;
    else if (this.source[this.at] === comma) this.at++;
    this.space();
    while (this.source[this.at] !== close) {
      if (!this.#field() || !this.separated(close)) return false;
    }
    this.at++;
    this.space();
    return this.at === this.end;
  }

  #field(): boolean {
    const start = this.length;
    this.buffer[this.length++] = attributesTag;
    const pair = this.length++;
    this.buffer[this.length++] = keyTag;
    const key = this.at + 1;
    if (!this.string()) return false;
    const role = this.#roles.of(this.source, key, this.at - 1);
    if (role !== 'attribute') {
      const after = this.length;
      this.length = start;
      const taken = this.colon() ? this.#special(role) : false;
      if (taken !== 'attribute') return taken;
      // What looked like one of ours is a field like any other, with its key as it was written.
      this.length = after;
      if (!this.value(valueTag)) return false;
    } else if (!this.valueOfKey()) return false;
    this.finish(pair);
    return true;
  }

  /** Writes a field that has a place of its own. Steps over no byte if it says `attribute`. */
  #special(role: Exclude<Role, 'attribute'>): boolean | 'attribute' {
    switch (role) {
      case 'body':
        if (this.#bodyWritten) return 'attribute';
        this.#bodyWritten = true;
        return this.value(bodyTag);
      case 'level':
        return this.#level();
      case 'time':
        return this.#time();
      case 'pid':
      case 'host':
        return this.#renamed(conventions[role]);
      case 'error':
        return this.source[this.at] === open ? this.#error() : 'attribute';
      case 'flags':
        return this.#flags();
      default:
        return this.#id(ids[role]);
    }
  }

  #level(): boolean {
    if (this.source[this.at] !== quote) return this.#skip();
    this.levelWritten = true;
    this.buffer[this.length++] = severityTextTag;
    return this.string();
  }

  /** A time is a number or begins with one; anything else under that name is not the record's time. */
  #time(): boolean | 'attribute' {
    const digit = this.source[this.source[this.at] === quote ? this.at + 1 : this.at]!;
    return digit >= 0x30 && digit <= 0x39 ? this.#skip() : 'attribute';
  }

  #skip(): boolean {
    const to = afterValue(this.source, this.at, this.end);
    if (to < 0) return false;
    this.at = to;
    return true;
  }

  #renamed(name: string): boolean {
    this.buffer[this.length++] = attributesTag;
    const pair = this.length++;
    this.buffer[this.length++] = keyTag;
    this.buffer[this.length++] = name.length;
    this.ascii(name);
    if (!this.value(valueTag)) return false;
    this.finish(pair);
    return true;
  }

  /** An error's members are attributes: `exception.type`, `exception.message`, `exception.stacktrace` … */
  #error(): boolean {
    this.at++;
    this.space();
    while (this.source[this.at] !== close) {
      if (!this.#errorMember() || !this.separated(close)) return false;
    }
    this.at++;
    return true;
  }

  #errorMember(): boolean {
    this.buffer[this.length++] = attributesTag;
    const pair = this.length++;
    this.buffer[this.length++] = keyTag;
    const slot = this.length++;
    this.ascii(conventions.error);
    const key = this.at + 1;
    if (!this.text()) return false;
    if (isStack(this.source, key, this.at - 1)) this.ascii(conventions.stack);
    this.finish(slot);
    if (!this.valueOfKey()) return false;
    this.finish(pair);
    return true;
  }

  #id({ tag, value }: (typeof ids)['traceId' | 'spanId']): boolean | 'attribute' {
    if (!readId(this.source, this.at, value)) return 'attribute';
    this.at += value.length * 2 + 2;
    this.buffer[this.length++] = tag;
    this.buffer[this.length++] = value.length;
    for (let i = 0; i < value.length; i++) this.buffer[this.length++] = value[i]!;
    return true;
  }

  #flags(): boolean | 'attribute' {
    const flags = readFlags(this.source, this.at);
    if (flags === undefined) return 'attribute';
    this.at += 4;
    const bytes = [flagsTag, flags, 0, 0, 0];
    for (const byte of bytes) this.buffer[this.length++] = byte;
    return true;
  }
}

const stack = Buffer.from('stack');

/** Whether the name in the bytes [from, to) is `stack`. */
export function isStack(source: Buffer, from: number, to: number): boolean {
  return to - from === stack.length && spells(source, from, stack);
}
