// The memory that request bodies may use together: while they are read, unpacked, and until the store has taken them.
// What does not fit is answered with 429, so that a fast sender waits instead of filling the memory.

/** A count of bytes in use, bounded. */
export class Budget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  /** Opens an account for one request. */
  account(): Account {
    let held = 0;
    return {
      take: (bytes) => {
        if (this.#used + bytes > this.#max) return false;
        this.#used += bytes;
        held += bytes;
        return true;
      },
      close: () => {
        this.#used -= held;
        held = 0;
      },
    };
  }
}

/** The share of one request in the budget. */
export interface Account {
  /** False when the bytes do not fit; nothing is taken then. */
  take(bytes: number): boolean;
  /** Gives back all that was taken. */
  close(): void;
}
