// A cursor over protobuf wire format, just enough to read Loki's push messages.
// Never reads outside its range: truncated, overlong or unknown input ends in a Refusal.
import { Refusal } from './refusal.js';

/** Reads fields of one message; sub-messages are readers of their own over the same bytes. */
export class ProtobufReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** The next tag (field number times 8 plus wire type), or undefined at the end of the message. */
  tag(): number | undefined {
    if (this.#at === this.#end) return undefined;
    const tag = this.int64();
    if (tag < 8 || tag > 0xffff_ffff) throw malformed();
    return tag;
  }

  /** A varint as a signed 64-bit integer; beyond 2^53 the low bits are rounded, as in any JavaScript number. */
  int64(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= this.#end) throw malformed();
      const byte = this.#bytes[this.#at++]!;
      const bits = byte & 0x7f;
      if (shift === 63 && bits > 1) throw malformed();
      if (shift < 28) low += bits * 2 ** shift;
      else if (shift === 28) {
        low += (bits & 0x0f) * 2 ** 28;
        high += bits >> 4;
      } else high += bits * 2 ** (shift - 32);
      if (byte < 0x80) return (high | 0) * 2 ** 32 + low;
    }
    throw malformed();
  }

  /** A length-delimited field as a view of the bytes. */
  bytes(): Uint8Array {
    const { start, end } = this.#span();
    return this.#bytes.subarray(start, end);
  }

  /** A length-delimited field as text; invalid UTF-8 becomes U+FFFD. */
  text(): string {
    const view = this.bytes();
    return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('utf8');
  }

  /** A length-delimited field as a message. */
  message(): ProtobufReader {
    const { start, end } = this.#span();
    return new ProtobufReader(this.#bytes, start, end);
  }

  /** Steps over a field that is of no interest. */
  skip(tag: number): void {
    const type = tag & 7;
    if (type === 0) this.int64();
    else if (type === 1) this.#advance(8);
    else if (type === 2) this.#span();
    else if (type === 5) this.#advance(4);
    else throw malformed();
  }

  #span(): { start: number; end: number } {
    const length = this.int64();
    const start = this.#at;
    this.#advance(length);
    return { start, end: this.#at };
  }

  #advance(length: number): void {
    if (length < 0 || length > this.#end - this.#at) throw malformed();
    this.#at += length;
  }
}

function malformed(): Refusal {
  return new Refusal(400, 'proto: malformed message');
}
