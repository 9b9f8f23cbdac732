// Who is compared. Each contender has a name, a group (floor, spillway, peer) and `start`, which makes its logger:
// in goes `{ url, spool }`, out come `log` to call, `flush` to push out what is buffered, `close` to end.

import { beside } from './agents.mjs';
import { floors } from './floors.mjs';
import { peers } from './peers.mjs';
import { ours } from './spillway.mjs';

export { beside } from './agents.mjs';
export { floor } from './floors.mjs';

export const contenders = [...floors, ...ours, ...peers];

/**
 * Those that have in their name or group every word of any of the texts, and no word that stands there with a `!`;
 * all if there is no text.
 */
export function named(texts, among = contenders) {
  if (texts.length === 0) return among;
  const fits = (name, word) => (word.startsWith('!') ? !name.includes(word.slice(1)) : name.includes(word));
  const has = (name, text) =>
    text
      .toLowerCase()
      .split(/\s+/)
      .every((word) => fits(name.toLowerCase(), word));
  return among.filter(({ name, group }) => texts.some((text) => has(`${group}: ${name}`, text)));
}

/** By its exact name. */
export function contenderOf(name) {
  const found = [...contenders, ...beside].find((contender) => contender.name === name);
  if (!found) throw new Error(`no contender is named ${name}`);
  return found;
}
