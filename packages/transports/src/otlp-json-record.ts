// A line as an OpenTelemetry LogRecord with typed attributes, in JSON.
// In: a line's bytes from where pino's fixed beginning ends. Out: the record's members. Text and numbers keep the
// logger's own bytes, since both sides are JSON; only what is around them changes.
// Invariant: a line that is no JSON object after all is told by `false`, and what was written for it is to be undone.

import type { ByteWriter } from './encode/byte-writer.js';
import { afterSpace } from './encode/json-scan.js';
import { afterJsonString, afterJsonValue } from './encode/json-strict.js';
import { conventions, type FieldRoles, readFlags, readId, spells } from './otlp-fields.js';
import { isStack } from './otlp-record.js';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const open = 0x7b;
const close = 0x7d;
const openList = 0x5b;
const closeList = 0x5d;
/** Deeper values become text, as in protobuf. */
const maxDepth = 16;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const words = { true: Buffer.from('true'), false: Buffer.from('false'), null: Buffer.from('null') };
const traceId = new Uint8Array(16);
const spanId = new Uint8Array(8);

/** Members that come after the attributes, as the walk finds them. */
interface Found {
  body: Span | undefined;
  level: Span | undefined;
  trace: string;
}
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Writes the members of one line after the other. */
export class JsonRecordWriter {
  readonly #writer: ByteWriter;
  readonly #roles: FieldRoles;
  #source: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #first = true;
  #found: Found = { body: undefined, level: undefined, trace: '' };

  constructor(writer: ByteWriter, roles: FieldRoles) {
    this.#writer = writer;
    this.#roles = roles;
  }

  /** Text of the line's level, in quotes, if it says it in words. */
  get level(): Buffer | undefined {
    const { level } = this.#found;
    return level && this.#source.subarray(level.from, level.to);
  }

  /**
   * Writes `"attributes":[…]` and what else the fields in [from, to) give, without a comma at the end. `first`: an
   * attribute before those of the line.
   */
  fields(source: Buffer, from: number, to: number, first = ''): boolean {
    this.#source = source;
    this.#end = to;
    this.#first = first === '';
    this.#found = { body: undefined, level: undefined, trace: '' };
    this.#writer.text(`"attributes":[${first}`);
    this.#at = afterSpace(source, from, to);
    if (source[this.#at] !== close) this.#at++;
    if (!this.#all((key, keyEnd) => this.#field(key, keyEnd))) return false;
    if (afterSpace(source, this.#at, to) !== to) return false;
    this.#writer.byte(closeList);
    const { body, trace } = this.#found;
    this.#writer.text(trace);
    if (!body) return true;
    this.#writer.text(',"body":');
    this.#at = body.from;
    return this.#value(0);
  }

  /** Each member up to the brace: the key's inside, then whatever `member` makes of the value that begins at `#at`. */
  #all(member: (key: number, keyEnd: number) => boolean): boolean {
    for (;;) {
      this.#space();
      if (this.#source[this.#at] === close) break;
      const key = this.#at;
      if (this.#source[key] !== quote) return false;
      this.#at = afterJsonString(this.#source, key, this.#end);
      if (this.#at < 0) return false;
      const keyEnd = this.#at - 1;
      this.#space();
      if (this.#source[this.#at] !== colon) return false;
      this.#at++;
      this.#space();
      if (!member(key + 1, keyEnd)) return false;
      if (!this.#separated(close)) return false;
    }
    this.#at++;
    return true;
  }

  #separated(end: number): boolean {
    this.#space();
    if (this.#source[this.#at] === comma) this.#at++;
    else return this.#source[this.#at] === end;
    return true;
  }

  #field(key: number, keyEnd: number): boolean {
    const source = this.#source;
    const at = this.#at;
    const to = afterJsonValue(source, at, this.#end);
    if (to < 0) return false;
    const role = this.#roles.of(source, key, keyEnd);
    if (role === 'error' && source[at] === open) return this.#error();
    if (role === 'pid' || role === 'host') return this.#attribute(conventions[role]);
    const taken =
      (role === 'body' && this.#takeBody(at, to)) ||
      (role === 'level' && this.#takeLevel(at, to)) ||
      (role === 'time' && isDigit(source[source[at] === quote ? at + 1 : at])) ||
      (role === 'traceId' && this.#takeId('traceId', at, traceId)) ||
      (role === 'spanId' && this.#takeId('spanId', at, spanId)) ||
      (role === 'flags' && this.#takeFlags(at));
    if (!taken) return this.#attribute('', key, keyEnd);
    this.#at = to;
    return true;
  }

  #takeBody(from: number, to: number): boolean {
    if (this.#found.body) return false;
    this.#found.body = { from, to };
    return true;
  }

  #takeLevel(from: number, to: number): boolean {
    if (this.#source[from] === quote) this.#found.level = { from, to };
    return true;
  }

  #takeId(name: string, at: number, id: Uint8Array): boolean {
    if (this.#found.trace.includes(name) || !readId(this.#source, at, id)) return false;
    this.#found.trace += `,"${name}":"${Buffer.from(id).toString('hex')}"`;
    return true;
  }

  #takeFlags(at: number): boolean {
    const flags = readFlags(this.#source, at);
    if (flags === undefined || this.#found.trace.includes('flags')) return false;
    this.#found.trace += `,"flags":${flags}`;
    return true;
  }

  #error(): boolean {
    this.#at++;
    return this.#all((key, keyEnd) =>
      this.#attribute(conventions.error, key, keyEnd, isStack(this.#source, key, keyEnd) ? conventions.stack : ''),
    );
  }

  /** `{"key":…,"value":…}` of the value that begins at `#at`; the key is our text, the bytes [key, keyEnd), our text. */
  #attribute(before: string, key = 0, keyEnd = 0, after = ''): boolean {
    const writer = this.#writer;
    writer.text(this.#first ? `{"key":"${before}` : `,{"key":"${before}`);
    this.#first = false;
    this.#copy(key, keyEnd);
    writer.text(`${after}","value":`);
    if (!this.#value(0)) return false;
    writer.byte(close);
    return true;
  }

  /** An AnyValue. */
  #value(depth: number): boolean {
    const first = this.#source[this.#at];
    const to = afterJsonValue(this.#source, this.#at, this.#end);
    if (to < 0) return false;
    if (first === quote) return this.#plain('{"stringValue":', to, '}');
    if (first === open || first === openList) {
      if (depth >= maxDepth)
        return this.#plain('{"stringValue":', to, '}', JSON.stringify(this.#source.toString('utf8', this.#at, to)));
      return first === open ? this.#members(depth + 1) : this.#items(depth + 1);
    }
    if (this.#is(words.null, to)) return this.#plain('{', to, '}', '');
    if (this.#is(words.true, to) || this.#is(words.false, to)) return this.#plain('{"boolValue":', to, '}');
    return this.#number(to);
  }

  #number(to: number): boolean {
    const text = this.#source.toString('latin1', this.#at, to);
    const integer = /^-?\d{1,20}$/.test(text) ? BigInt(text) : undefined;
    if (integer !== undefined && integer >= minInt64 && integer <= maxInt64)
      return this.#plain('{"intValue":"', to, '"}');
    // What overflows a double has a name in the JSON of protobuf.
    const value = Number(text);
    if (!Number.isFinite(value)) return this.#plain('{"doubleValue":', to, '}', `"${value}"`);
    return this.#plain('{"doubleValue":', to, '}');
  }

  #members(depth: number): boolean {
    this.#writer.text('{"kvlistValue":{"values":[');
    this.#at++;
    let count = 0;
    const all = this.#all((key, keyEnd) => {
      this.#writer.text(count++ === 0 ? '{"key":"' : ',{"key":"');
      this.#copy(key, keyEnd);
      this.#writer.text('","value":');
      if (!this.#value(depth)) return false;
      this.#writer.byte(close);
      return true;
    });
    this.#writer.text(']}}');
    return all;
  }

  #items(depth: number): boolean {
    this.#writer.text('{"arrayValue":{"values":[');
    this.#at++;
    for (let count = 0; ; count++) {
      this.#space();
      if (this.#source[this.#at] === closeList) break;
      if (count > 0) this.#writer.byte(comma);
      if (!this.#value(depth) || !this.#separated(closeList)) return false;
    }
    this.#at++;
    this.#writer.text(']}}');
    return true;
  }

  /** The bytes up to `to`, or other text for them, between ours. */
  #plain(before: string, to: number, after: string, text?: string): boolean {
    this.#writer.text(before);
    if (text === undefined) this.#copy(this.#at, to);
    else this.#writer.text(text);
    this.#writer.text(after);
    this.#at = to;
    return true;
  }

  #is(word: Buffer, to: number): boolean {
    return to - this.#at === word.length && spells(this.#source, this.#at, word);
  }

  #copy(from: number, to: number): void {
    this.#writer.bytes(this.#source, from, to);
  }

  #space(): void {
    this.#at = afterSpace(this.#source, this.#at, this.#end);
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}
