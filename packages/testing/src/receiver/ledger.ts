// Which numbered records have arrived, and how often.
// One bit per number, so that hundreds of thousands of records cost the receiver a few kilobytes.

/** Counts of a receiver since it was last cleared. */
export interface ReceiverStats {
  /** Requests that came in whole, whatever was answered. */
  requests: number;
  /** Of these, requests that were answered by a fault. */
  faulted: number;
  /** Records in the requests that were kept. */
  records: number;
  /** Different numbers `i` among them. */
  unique: number;
  /** Numbers that came again. */
  duplicates: number;
  /** Bytes on the wire of the kept requests, without headers. */
  bytes: number;
  /** The same after decompression. */
  plainBytes: number;
  /** Bodies that could not be read. */
  unreadable: number;
  /** Most requests that were open at the same time. */
  maxInFlight: number;
  /** CPU time of the receiver, in µs. */
  cpuUs: number;
}

/** A set of small whole numbers that says whether a number is new. */
export class NumberSet {
  #bits = new Uint8Array(4096);

  /** True if the number was not there yet. */
  add(value: number): boolean {
    const byte = value >> 3;
    if (byte >= this.#bits.length) {
      const grown = new Uint8Array(Math.max(byte + 1, this.#bits.length * 2));
      grown.set(this.#bits);
      this.#bits = grown;
    }
    const mask = 1 << (value & 7);
    const isNew = (this.#bits[byte]! & mask) === 0;
    this.#bits[byte]! |= mask;
    return isNew;
  }
}

/** Zeroes. */
export function noStats(): ReceiverStats {
  return {
    requests: 0,
    faulted: 0,
    records: 0,
    unique: 0,
    duplicates: 0,
    bytes: 0,
    plainBytes: 0,
    unreadable: 0,
    maxInFlight: 0,
    cpuUs: 0,
  };
}
