// Checks of options. In: what a user wrote. Out: the value, or an error that says where, what was expected, what was got,
// and which known key was probably meant. Invariant: thrown at start-up only; values of options are never shown in full.

/** Thrown when an option is wrong, while the application is being put together. */
export class OptionError extends TypeError {
  override readonly name = 'OptionError';
  readonly code = 'SPILLWAY_OPTIONS_INVALID';
}

/** The error for an option that is not what it should be. */
export function optionError(path: string, expected: string, got: unknown, hint = ''): OptionError {
  return new OptionError(`Expected \`${path}\` to be ${expected}, got ${describe(got)}${hint}`);
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `\`${value.slice(0, 40)}\` (string)`;
  if (typeof value === 'number' || typeof value === 'boolean') return `\`${value}\` (${typeof value})`;
  if (value === null || value === undefined) return String(value);
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
}

/** How many letters two words differ in, if it is at most two. */
function isNear(word: string, other: string): boolean {
  const [a, b] = [word.toLowerCase(), other.toLowerCase()];
  if (a === b || a.startsWith(b) || b.startsWith(a)) return true;
  if (Math.abs(a.length - b.length) > 2) return false;
  const letters = new Map<string, number>();
  for (const letter of a) letters.set(letter, (letters.get(letter) ?? 0) + 1);
  for (const letter of b) letters.set(letter, (letters.get(letter) ?? 0) - 1);
  return [...letters.values()].reduce((sum, count) => sum + Math.abs(count), 0) <= 3;
}

/** Checks by kind; each returns the value it was given. */
export const option = {
  known(options: object, keys: readonly string[], path: string): void {
    if (typeof options !== 'object' || options === null || Array.isArray(options))
      throw optionError(path === '' ? 'options' : path, 'an object', options);
    for (const key of Object.keys(options)) {
      if (keys.includes(key)) continue;
      const near = keys.find((known) => isNear(key, known));
      const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
      throw new OptionError(`Unknown option \`${path === '' ? key : `${path}.${key}`}\`${hint}`);
    }
  },
  integer(value: unknown, path: string, min: number, max: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw optionError(path, `an integer from ${min} to ${max}`, value);
  },
  number(value: unknown, path: string, min: number, max: number): number {
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw optionError(path, `a number from ${min} to ${max}`, value);
  },
  string(value: unknown, path: string): string {
    if (typeof value === 'string') return value;
    throw optionError(path, 'a string', value);
  },
  strings(value: unknown, path: string): readonly string[] {
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value as string[];
    throw optionError(path, 'an array of strings', value);
  },
  array<T>(value: readonly T[], path: string): readonly T[] {
    if (Array.isArray(value)) return value;
    throw optionError(path, 'an array', value);
  },
  one<T extends string>(value: unknown, path: string, choices: readonly T[]): T {
    if (choices.includes(value as T)) return value as T;
    throw optionError(path, `one of ${choices.map((choice) => `\`${choice}\``).join(', ')}`, value);
  },
  fn(value: unknown, path: string): void {
    if (value !== undefined && typeof value !== 'function') throw optionError(path, 'a function', value);
  },
};
