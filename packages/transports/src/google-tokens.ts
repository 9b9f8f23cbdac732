// Tokens of Google, found once and kept until shortly before they expire.
// In: options and the surroundings of a request. Out: the headers that authorize it.
// Invariants: one search at a time; a token that still holds is used while a new one cannot be had.

import type { Authorize } from '@spillway/core';
import type { GoogleSurroundings, GoogleToken } from './google-key.js';
import { findToken, type GivenCredentials } from './google-sources.js';

/** The metadata server hands out the same token until it has less than five minutes left; Google's libraries renew at 3:45. */
const aheadMs = 225_000;
/** A failed renewal is tried again after this time, ms, while the old token holds. */
const againMs = 30_000;

/** Authorizes each attempt. */
export function googleAuthorize(given: GivenCredentials): Authorize {
  const keeper = new TokenKeeper(given);
  return async (_, { refresh, now, fetch }) => {
    const { token, userProject } = await keeper.token({ env: process.env, now, fetch }, refresh);
    return { authorization: `Bearer ${token}`, ...(userProject && { 'x-goog-user-project': userProject }) };
  };
}

class TokenKeeper {
  readonly #given: GivenCredentials;
  #kept: GoogleToken | undefined;
  #renewAt = 0;
  #search: Promise<GoogleToken> | undefined;

  constructor(given: GivenCredentials) {
    this.#given = given;
  }

  /** The token for now. With `refresh` the one that is kept is not trusted. */
  token(surroundings: GoogleSurroundings, refresh: boolean): GoogleToken | Promise<GoogleToken> {
    if (!refresh && this.#kept && surroundings.now < this.#renewAt) return this.#kept;
    this.#search ??= this.#find(surroundings, refresh).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  async #find(surroundings: GoogleSurroundings, refresh: boolean): Promise<GoogleToken> {
    const { now } = surroundings;
    try {
      const found = await findToken(this.#given, surroundings);
      this.#kept = found;
      this.#renewAt = Math.max(found.expiresAt - aheadMs, Math.min(now + againMs, found.expiresAt));
      return found;
    } catch (error) {
      if (refresh || !this.#kept || now >= this.#kept.expiresAt) throw error;
      this.#renewAt = Math.min(now + againMs, this.#kept.expiresAt);
      return this.#kept;
    }
  }
}
