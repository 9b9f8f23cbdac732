// Options that mean something for some addresses only, such as `tls` for tls://.
// In: what the user gave, and which keys do nothing here. Out: an error rather than silence.

import { SpillwayError } from '@spillway/core';

/** Refuses options that would have no effect.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function refuseIdle(name: string, given: object, scheme: string, idle: readonly string[]): void {
  const found = idle.filter((key) => (given as Record<string, unknown>)[key] !== undefined);
  if (found.length === 0) return;
  const options = found.map((key) => `\`${name}.${key}\``).join(', ');
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected no ${options} with ${scheme}://, where it has no effect`,
  );
}
