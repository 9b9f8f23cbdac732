// A value from an environment variable: text that only the schema it meets can read as what it stands for.

/** Text from the environment. */
export class EnvironmentText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** What it may stand for: the text as it is, or else the JSON value that it spells. */
  readings(): unknown[] {
    try {
      return [this.text, JSON.parse(this.text)];
    } catch {
      return [this.text];
    }
  }
}

/** The first reading that passes a check; values that are not from the environment have only one. */
export function firstReading<T>(value: unknown, check: (reading: unknown) => T | undefined): T | undefined {
  if (!(value instanceof EnvironmentText)) return check(value);
  for (const reading of value.readings()) {
    const checked = check(reading);
    if (checked !== undefined) return checked;
  }
  return undefined;
}

/** What a value from the environment stands for where an object or a list is expected. */
export function structured(value: unknown): unknown {
  return value instanceof EnvironmentText ? value.readings().at(-1) : value;
}
