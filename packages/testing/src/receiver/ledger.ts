// Which numbered records have arrived, and how often.
// Eight bytes per number, so that hundreds of thousands of records cost the receiver a few megabytes.

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

/** When each small whole number arrived first. */
export class Arrivals {
  #times = new Float64Array(4096);
  #end = 0;

  /** True if the number was not there yet. `atMs` is not 0. */
  add(value: number, atMs: number): boolean {
    if (value >= this.#times.length) {
      const grown = new Float64Array(Math.max(value + 1, this.#times.length * 2));
      grown.set(this.#times);
      this.#times = grown;
    }
    if (this.#times[value] !== 0) return false;
    this.#times[value] = atMs;
    this.#end = Math.max(this.#end, value + 1);
    return true;
  }

  /** By number; 0 for those that did not arrive. */
  get times(): Float64Array {
    return this.#times.subarray(0, this.#end);
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
