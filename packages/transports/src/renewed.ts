// Credentials that end: found once, kept until shortly before, found anew.
// In: how to find them. Out: the ones for now.
// Invariants: one search at a time; what still holds is used while nothing new can be had.

/** Credentials, and until when they are good. */
export interface Ending {
  /** ms since the epoch; unset: no end is known, and looking costs nothing. */
  readonly expiresAt?: number;
}

/** A failed renewal is tried again after this time, ms, while the old ones hold. */
const againMs = 30_000;

/** Keeps credentials and renews them. */
export class Renewed<Found extends Ending, Surroundings extends { readonly now: number }> {
  readonly #find: (surroundings: Surroundings) => Promise<Found>;
  readonly #aheadMs: number;
  #kept: Found | undefined;
  #renewAt = 0;
  #search: Promise<Found> | undefined;

  /** `aheadMs`: how long before their end they are renewed. */
  constructor(find: (surroundings: Surroundings) => Promise<Found>, aheadMs: number) {
    this.#find = find;
    this.#aheadMs = aheadMs;
  }

  /** The credentials for now. With `refresh` those that are kept are not trusted. */
  get(surroundings: Surroundings, refresh: boolean): Found | Promise<Found> {
    if (!refresh && this.#kept && surroundings.now < this.#renewAt) return this.#kept;
    this.#search ??= this.#renew(surroundings, refresh).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  async #renew(surroundings: Surroundings, refresh: boolean): Promise<Found> {
    const { now } = surroundings;
    try {
      const found = await this.#find(surroundings);
      const { expiresAt } = found;
      this.#kept = found;
      // Those that end soon are used up to their end: asking at every request would not make them last longer.
      this.#renewAt =
        expiresAt === undefined ? 0 : Math.max(expiresAt - this.#aheadMs, Math.min(now + againMs, expiresAt));
      return found;
    } catch (error) {
      const { expiresAt } = this.#kept ?? {};
      if (refresh || !this.#kept || expiresAt === undefined || now >= expiresAt) throw error;
      this.#renewAt = Math.min(now + againMs, expiresAt);
      return this.#kept;
    }
  }
}
