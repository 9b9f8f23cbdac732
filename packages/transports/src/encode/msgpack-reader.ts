// Reads MessagePack that servers send: short answers, which are not trusted.
// In: what came over a connection, cut anywhere. Out: whole values.
// Invariants: bounded in size and depth; what is not MessagePack is an error, never a guess.

/** A value as it came. Byte strings stay bytes, since they may hold anything. */
export type Unpacked = null | boolean | number | string | Buffer | Unpacked[] | Map<string, Unpacked>;

/** Longest answer: a greeting or an acknowledgement is a few hundred bytes. */
const maxBytes = 65_536;
const maxDepth = 8;

/** The value is not whole yet. */
const incomplete = Symbol('incomplete');

/** Puts values together. */
export class MsgpackReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The values that are whole now.
   * @throws an error with the code `SPILLWAY_PROTOCOL` for what is no MessagePack, or too much of it
   */
  read(data: Buffer): Unpacked[] {
    const values: Unpacked[] = [];
    let rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    while (rest.length > 0) {
      const cursor = new Cursor(rest);
      try {
        values.push(cursor.value(0));
      } catch (error) {
        if (error !== incomplete) throw error;
        if (rest.length > maxBytes) throw protocolError('an answer that is too long');
        break;
      }
      rest = rest.subarray(cursor.at);
    }
    this.#rest = Buffer.from(rest);
    return values;
  }
}

class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): Unpacked {
    if (depth > maxDepth) throw protocolError('an answer that is too deep');
    const code = this.#number(1);
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15, depth);
    if (code < 0xa0) return this.#list(code & 15, depth);
    if (code < 0xc0) return this.#take(code & 31).toString();
    if (code >= 0xe0) return code - 0x100;
    return this.#long(code, depth);
  }

  #long(code: number, depth: number): Unpacked {
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return Buffer.from(this.#take(this.#number(1 << (code - 0xc4))));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#number(1 << (code - 0xcc));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#take(this.#number(1 << (code - 0xd9))).toString();
      case 0xdc:
      case 0xdd:
        return this.#list(this.#number(2 << (code - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return this.#map(this.#number(2 << (code - 0xde)), depth);
      default:
        throw protocolError('an answer of a kind that is not expected');
    }
  }

  #list(size: number, depth: number): Unpacked[] {
    const items: Unpacked[] = [];
    for (let i = 0; i < size; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(size: number, depth: number): Map<string, Unpacked> {
    const map = new Map<string, Unpacked>();
    for (let i = 0; i < size; i++) {
      const key = this.value(depth + 1);
      map.set(Buffer.isBuffer(key) ? key.toString() : String(key), this.value(depth + 1));
    }
    return map;
  }

  #number(width: number): number {
    return this.#take(width).readUIntBE(0, width);
  }

  #take(size: number): Buffer {
    const taken = this.#bytes.subarray(this.at, this.at + size);
    if (taken.length < size) throw incomplete;
    this.at += size;
    return taken;
  }
}

function protocolError(message: string): Error {
  return Object.assign(new Error(message), { code: 'SPILLWAY_PROTOCOL' });
}
