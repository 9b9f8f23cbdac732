// RELP's frames as bytes.
// In: a transaction, a command, data; or what came over a connection, cut anywhere. Out: a frame's bytes; or whole frames.
// Invariant: an answer is short, so what claims to be longer ends the connection instead of filling memory.

/** A frame as it came. */
export interface RelpFrame {
  readonly transaction: number;
  readonly command: string;
  readonly data: string;
}

const newline = Buffer.from('\n');
/** Longest answer: a status, a message, the offers of `open`. */
const maxDataBytes = 65_536;
const maxHeadBytes = 64;
const head = /^(\d{1,9}) ([a-z_A-Z]{1,32}) (\d{1,9})(?=[ \n])/;

/** A frame's bytes. Without data there is no space before its end. */
export function relpFrame(transaction: number, command: string, data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  const space = bytes.length === 0 ? '' : ' ';
  return Buffer.concat([Buffer.from(`${transaction} ${command} ${bytes.length}${space}`), bytes, newline]);
}

/** Numbers have nine digits at most, and 0 is for what the destination says of its own accord. */
export function nextTransaction(last: number): number {
  return last >= 999_999_999 ? 1 : last + 1;
}

/** Puts frames together. */
export class RelpReader {
  #rest: Buffer = Buffer.alloc(0);

  /** The frames that are whole now.
   * @throws an error with the code `SPILLWAY_PROTOCOL` for what is no frame
   */
  read(data: Buffer): RelpFrame[] {
    let rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    const frames: RelpFrame[] = [];
    for (let frame = whole(rest); frame; frame = whole(rest)) {
      frames.push(frame);
      rest = rest.subarray(frame.size);
    }
    this.#rest = Buffer.from(rest);
    return frames;
  }
}

function whole(bytes: Buffer): (RelpFrame & { size: number }) | undefined {
  if (bytes.length === 0) return undefined;
  const match = head.exec(bytes.toString('latin1', 0, maxHeadBytes));
  if (!match) {
    if (bytes.length < maxHeadBytes && !bytes.includes(0x0a)) return undefined;
    throw protocolError('not a RELP frame');
  }
  const [{ length: headSize }, transaction, command, count] = match as unknown as [string, string, string, string];
  const length = Number(count);
  if (length > maxDataBytes) throw protocolError('an answer that is too long');
  const start = headSize + (length > 0 ? 1 : 0);
  const size = start + length + 1;
  if (bytes.length < size) return undefined;
  const data = bytes.toString('utf8', start, start + length);
  return { transaction: Number(transaction), command, data, size };
}

function protocolError(message: string): Error {
  return Object.assign(new Error(message), { code: 'SPILLWAY_PROTOCOL' });
}
