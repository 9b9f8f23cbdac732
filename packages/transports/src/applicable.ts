// Options that mean something together with some others only, such as `tls` for tls://.
// In: what the user gave, and which keys do nothing here. Out: an error rather than silence.

import { SpillwayError } from '@spillway/core';

/** Refuses options that would have no effect with a kind of address.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function refuseIdle(name: string, given: object, scheme: string, idle: readonly string[]): void {
  refuseWith(name, given, `${scheme}://`, idle);
}

/** Refuses options that would have no effect with something else that was chosen.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function refuseWith(name: string, given: object, choice: string, idle: readonly string[]): void {
  const found = idle.filter((key) => (given as Record<string, unknown>)[key] !== undefined);
  if (found.length === 0) return;
  const options = found.map((key) => `\`${name}.${key}\``).join(', ');
  throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', `Expected no ${options} with ${choice}, where it has no effect`);
}
