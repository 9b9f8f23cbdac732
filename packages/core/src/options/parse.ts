// Turns problems into the one error that a user sees at start.
// In: plain options and a schema. Out: checked options, or SPILLWAY_OPTIONS_INVALID that names every problem at once.

import { SpillwayError } from '../errors.js';
import type { Problem, Schema } from './schema.js';

/** Parses options or throws one error that lists everything that is wrong.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID`
 */
export function parseOptions<T>(schema: Schema<T>, value: unknown, path = ''): T {
  const problems: Problem[] = [];
  const parsed = schema.parse(value, path, problems);
  if (problems.length > 0) throw new SpillwayError('SPILLWAY_OPTIONS_INVALID', explain(problems));
  return parsed;
}

function explain(problems: readonly Problem[]): string {
  const lines = problems.map(({ path, expected, got, hint }) =>
    got === 'an unknown key'
      ? `Unknown option \`${path}\`${hint ? `: did you mean \`${hint}\`?` : '.'} Expected ${expected}`
      : `Expected \`${path}\` to be ${expected}, got ${got}`,
  );
  return lines.join('\n');
}
