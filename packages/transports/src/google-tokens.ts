// Tokens of Google for HTTP transports, found once and kept until shortly before they expire.
// In: options. Out: an `authorize` that adds the token of the moment to each attempt.

import type { Authorize } from '@spillway/core';
import type { GoogleSurroundings } from './google-key.js';
import { findToken, type GivenCredentials } from './google-sources.js';
import { Renewed } from './renewed.js';

/** The metadata server hands out the same token until it has less than five minutes left; Google's libraries renew at 3:45. */
const aheadMs = 225_000;

/** Authorizes each attempt. */
export function googleAuthorize(given: GivenCredentials): Authorize {
  const tokens = new Renewed((surroundings: GoogleSurroundings) => findToken(given, surroundings), aheadMs);
  return async ({ headers }, { refresh, now, fetch }) => {
    // A token that was given, or a header of one's own, also from a file: none is looked for then.
    if (headers.authorization !== undefined) return {};
    const { token, userProject } = await tokens.get({ env: process.env, now, fetch }, refresh);
    return { authorization: `Bearer ${token}`, ...(userProject && { 'x-goog-user-project': userProject }) };
  };
}
