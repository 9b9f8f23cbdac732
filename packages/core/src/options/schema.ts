// A small language for options: each schema parses plain data, reports every problem with its path, and describes itself.
// In: what the user wrote. Out: a checked value with defaults filled in, or a list of problems.
// Nothing is clamped or converted silently; what is accepted is what the description says.

import { EnvironmentText, firstReading, structured } from './environment-text.js';
import { otherForms } from './secret-forms.js';

/** One thing that is wrong with the options. */
export interface Problem {
  /** Where, as in `batch.lingerMs`. */
  readonly path: string;
  /** What would have been right. */
  readonly expected: string;
  /** What was there instead, shortened; secrets are never shown. */
  readonly got: string;
  /** The known key that was most likely meant. */
  readonly hint?: string;
}

/** A row of the generated option tables. */
export interface OptionDoc {
  readonly path: string;
  readonly type: string;
  readonly default: string;
  readonly doc: string;
}

/** Parses one value. `undefined` stands for "not given". */
export interface Schema<T> {
  /** What it takes, in words that fit after "expected". */
  readonly expected: string;
  readonly doc: string;
  readonly required: boolean;
  /** What is used when nothing is given. */
  readonly fallback: T | undefined;
  /** It is a secret or holds one: values are masked in problems and dumps. */
  readonly secret: boolean;
  /** Children, for objects. */
  readonly fields?: Readonly<Record<string, Schema<unknown>>>;
  parse(value: unknown, path: string, problems: Problem[]): T;
}

/** The type a schema yields. */
export type Parsed<S> = S extends Schema<infer T> ? T : never;

/** What a user writes for an object schema: every field may be left out unless it is required. */
export type Input<S extends Schema<unknown>> =
  S extends ObjectSchema<infer F>
    ? { [K in keyof F as F[K] extends { required: true } ? K : never]: InputValue<F[K]> } & {
        [K in keyof F as F[K] extends { required: true } ? never : K]?: InputValue<F[K]>;
      }
    : Parsed<S>;
type InputValue<S> =
  S extends ObjectSchema<infer _F>
    ? Input<S>
    : S extends OptionalObject<infer F>
      ? Input<ObjectSchema<F>>
      : S extends SizeSchema
        ? number | string
        : S extends Schema<infer T>
          ? Exclude<T, undefined>
          : never;

/** Settings every schema takes. */
interface Common<T> {
  readonly doc: string;
  readonly default?: T;
  readonly secret?: boolean;
}
interface Bounds {
  readonly min?: number;
  readonly max?: number;
}
type Optional<T, O> = O extends { default: T } ? T : T | undefined;
interface SizeSchema {
  readonly kind: 'size';
}
/** An object of named fields. */
export interface ObjectSchema<F extends Record<string, Schema<unknown>>>
  extends Schema<{ [K in keyof F]: Parsed<F[K]> }> {
  readonly fields: F;
}
/** An object of named fields that may be left out as a whole. */
export interface OptionalObject<F extends Record<string, Schema<unknown>>>
  extends Schema<{ [K in keyof F]: Parsed<F[K]> } | undefined> {
  readonly fields: F;
  readonly optional: true;
}

/** What may hide in a URL: the credentials before the host, and everything after the path. */
const urlSecrets = /(:\/\/)[^/?#@]*@|(?<=:\/\/[^?#]*)[?#].*/g;

/** Describes a value the way problems show it: short, with its type, never a secret. */
function show(value: unknown, secret = false): string {
  if (value instanceof EnvironmentText) return `${show(value.text, secret)} from the environment`;
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  const type = Array.isArray(value) ? 'array' : typeof value;
  if (secret) return `a ${type}`;
  if (typeof value === 'string') {
    const shown = value.replace(urlSecrets, '$1');
    return `'${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown}' (string)`;
  }
  if (typeof value === 'number' || typeof value === 'boolean') return `${value} (${type})`;
  return `an ${type}`
    .replace('an function', 'a function')
    .replace('an bigint', 'a bigint')
    .replace('an symbol', 'a symbol');
}

interface LeafOptions<T> extends Common<T> {
  readonly expected: string;
  check(value: unknown): T | undefined;
}

function leaf<T, const O extends Common<T>>(options: O & LeafOptions<T>): Schema<Optional<T, O>> {
  const { expected, doc, secret = false, check } = options;
  const fallback = options.default;
  return {
    expected,
    doc,
    secret,
    required: false,
    fallback: fallback as Optional<T, O>,
    parse(value, path, problems) {
      if (value === undefined) return fallback as Optional<T, O>;
      const checked = firstReading(value, check);
      if (checked === undefined) problems.push({ path, expected, got: show(value, secret) });
      return checked as Optional<T, O>;
    },
  };
}

/** Makes a schema refuse to be left out. */
export function required<T>(schema: Schema<T>): Schema<Exclude<T, undefined>> & { required: true } {
  return {
    ...schema,
    fallback: undefined,
    required: true,
    parse(value, path, problems) {
      if (value === undefined) problems.push({ path, expected: schema.expected, got: 'nothing' });
      return (value === undefined ? undefined : schema.parse(value, path, problems)) as Exclude<T, undefined>;
    },
  };
}

/** A non-empty string, optionally of a given shape. */
export function text<const O extends Common<string> & { pattern?: RegExp; expected?: string }>(options: O) {
  const { pattern, expected = 'a non-empty string' } = options;
  return leaf<string, O>({
    ...options,
    expected,
    check: (v) => (typeof v === 'string' && v !== '' && (!pattern || pattern.test(v)) ? v : undefined),
  });
}

/** An absolute URL with one of the given protocols (default http and https). */
export function url<const O extends Common<string> & { protocols?: readonly string[] }>(options: O) {
  const protocols = options.protocols ?? ['http', 'https'];
  return leaf<string, O>({
    ...options,
    expected: `a URL that starts with ${protocols.map((p) => `${p}://`).join(' or ')}`,
    check: (v) =>
      typeof v === 'string' && URL.canParse(v) && protocols.includes(new URL(v).protocol.slice(0, -1)) ? v : undefined,
  });
}

/** true or false. */
export function flag<const O extends Common<boolean>>(options: O) {
  return leaf<boolean, O>({
    ...options,
    expected: 'true or false',
    check: (v) => (typeof v === 'boolean' ? v : undefined),
  });
}

/** A whole number within bounds. */
export function integer<const O extends Common<number> & Bounds>(options: O) {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  return leaf<number, O>({
    ...options,
    expected: `a whole number ${range(min, max)}`,
    check: (v) => (Number.isSafeInteger(v) && (v as number) >= min && (v as number) <= max ? (v as number) : undefined),
  });
}

/** A duration in milliseconds. Strings such as '5s' are refused: the name of the option says the unit. */
export function milliseconds<const O extends Common<number> & Bounds>(options: O) {
  const { min = 0, max = 2 ** 31 - 1 } = options;
  return leaf<number, O>({
    ...options,
    expected: `a number of milliseconds ${range(min, max)}`,
    check: (v) => (typeof v === 'number' && v >= min && v <= max ? v : undefined),
  });
}

const units: Record<string, number> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

/** A size: a number of bytes, or a string such as '512kb', '32mb', '1gb' (1 kb is 1024 bytes). */
export function size<const O extends Common<number> & Bounds>(
  options: O,
): Schema<Optional<number, O>> & { kind: 'size' } {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  const schema = leaf<number, O>({
    ...options,
    expected: `a number of bytes or a string such as '512kb' or '32mb', ${range(min, max, formatSize)}`,
    check: (v) => {
      const bytes = typeof v === 'string' ? parseSize(v) : v;
      return Number.isSafeInteger(bytes) && (bytes as number) >= min && (bytes as number) <= max
        ? (bytes as number)
        : undefined;
    },
  });
  return { ...schema, kind: 'size' };
}

function parseSize(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)$/i.exec(value.trim());
  return match ? Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!) : undefined;
}

/** Formats bytes as the options take them. */
export function formatSize(bytes: number): string {
  for (const unit of ['gb', 'mb', 'kb']) {
    const each = units[unit]!;
    if (bytes >= each && bytes % each === 0) return `'${bytes / each}${unit}'`;
  }
  return String(bytes);
}

function range(min: number, max: number, format: (n: number) => string = String): string {
  return max === Number.MAX_SAFE_INTEGER ? `>= ${format(min)}` : `from ${format(min)} to ${format(max)}`;
}

/** One of a few words. */
export function choice<const V extends string, const O extends Common<V>>(values: readonly V[], options: O) {
  return leaf<V, O>({
    ...options,
    expected: values.map((v) => `'${v}'`).join(' | '),
    check: (v) => ((values as readonly unknown[]).includes(v) ? (v as V) : undefined),
  });
}

/** A plain object whose keys are free, or follow a schema of their own, and whose values all follow one schema. */
export function dictionary<
  T,
  const O extends Common<Record<string, Exclude<T, undefined>>> & {
    keys?: Schema<string> | Schema<string | undefined>;
    /** Names that differ in case only mean the same, and only one of them may be given. */
    foldsCase?: boolean;
  },
>(values: Schema<T>, options: O) {
  const fallback = options.default;
  type Out = Optional<Record<string, Exclude<T, undefined>>, O>;
  const schema: Schema<Out> = {
    expected: `an object whose values are each ${values.expected}`,
    doc: options.doc,
    required: false,
    secret: options.secret ?? values.secret,
    fallback: fallback as Out,
    parse(raw, path, problems) {
      const value = structured(raw);
      if (value === undefined) return fallback as Out;
      if (!isPlainObject(value)) {
        problems.push({ path, expected: schema.expected, got: show(value, schema.secret) });
        return fallback as Out;
      }
      // A value that is undefined, as of an environment variable that is not set, counts as not given.
      const given = Object.entries(value).filter(([, v]) => v !== undefined);
      const entries = given.map(([k, v]) => {
        options.keys?.parse(k, `the name ${path}.${k}`, problems);
        return [k, values.parse(v, `${path}.${k}`, problems)] as const;
      });
      const [one, other] = options.foldsCase === true ? sameButForCase(entries.map(([k]) => k)) : [];
      if (other !== undefined) {
        problems.push({
          path,
          expected: 'an object with each name once, in whatever case',
          got: `${one} and ${other}`,
        });
      }
      return Object.fromEntries(entries) as Out;
    },
  };
  return schema;
}

/** Two names that differ in case only. */
function sameButForCase(names: readonly string[]): readonly [string, string] | [] {
  const known = new Map<string, string>();
  for (const name of names) {
    const before = known.get(name.toLowerCase());
    if (before !== undefined) return [before, name];
    known.set(name.toLowerCase(), name);
  }
  return [];
}

/** A list whose items all follow one schema. */
export function list<T, const O extends Common<readonly Exclude<T, undefined>[]>>(items: Schema<T>, options: O) {
  const fallback = options.default;
  const item = required(items);
  type Out = Optional<readonly Exclude<T, undefined>[], O>;
  const schema: Schema<Out> = {
    expected: `a list whose items are each ${items.expected}`,
    doc: options.doc,
    required: false,
    secret: options.secret ?? items.secret,
    fallback: fallback as Out,
    parse(raw, path, problems) {
      const value = structured(raw);
      if (value === undefined) return fallback as Out;
      if (!Array.isArray(value)) {
        problems.push({ path, expected: schema.expected, got: show(value, schema.secret) });
        return fallback as Out;
      }
      return value.map((each, i) => item.parse(each, `${path}[${i}]`, problems)) as Out;
    },
  };
  return schema;
}

/** Any plain value that passes a check of one's own. */
export function custom<T, const O extends Common<T> = Common<T>>(
  options: O & { expected: string; check(value: unknown): T | undefined },
) {
  return leaf<T, O>(options);
}

/** An object of named fields; unknown keys are problems with the nearest known key as a hint. */
export function object<F extends Record<string, Schema<unknown>>>(
  fields: F,
  options: { doc: string },
): ObjectSchema<F> {
  type Out = { [K in keyof F]: Parsed<F[K]> };
  const schema: ObjectSchema<F> = {
    expected: 'an object',
    doc: options.doc,
    required: false,
    secret: Object.values(fields).some(({ secret }) => secret),
    fallback: undefined,
    fields,
    parse(raw, path, problems) {
      const value = structured(raw);
      const given = value === undefined ? {} : value;
      if (!isPlainObject(given)) {
        problems.push({ path: path || 'options', expected: 'an object', got: show(value, schema.secret) });
        return undefined as never;
      }
      for (const key of Object.keys(given)) {
        if (Object.hasOwn(fields, key)) continue;
        const known = Object.keys(fields);
        const near = nearest(key, known);
        problems.push({
          path: join(path, key),
          expected: `one of ${known.join(', ')}`,
          got: 'an unknown key',
          ...(near ? { hint: join(path, near) } : {}),
        });
      }
      const names = Object.keys(fields).filter((key) => given[key] !== undefined);
      for (const [i, key] of names.entries()) {
        const other = names.slice(i + 1).find((later) => otherForms(key).includes(later));
        if (other === undefined) continue;
        const expected = `left out where \`${join(path, other)}\` is given`;
        problems.push({ path: join(path, key), expected, got: show(given[key], true) });
      }
      const entries = Object.entries(fields).map(([key, field]) => [
        key,
        field.parse(given[key], join(path, key), problems),
      ]);
      return Object.fromEntries(entries) as Out;
    },
  };
  return schema;
}

/** Lets an object be left out as a whole: then there is none, rather than one of defaults. */
export function optional<F extends Record<string, Schema<unknown>>>(schema: ObjectSchema<F>): OptionalObject<F> {
  return {
    ...schema,
    optional: true,
    parse: (value, path, problems) => (value === undefined ? undefined : schema.parse(value, path, problems)),
  };
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The known key with the smallest edit distance, if it is near enough to be a slip. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.floor(key.length / 2)) + 1;
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** The rows of an options table, depth first. */
export function describe(schema: Schema<unknown>, path = ''): OptionDoc[] {
  if (schema.fields) {
    const rows = Object.entries(schema.fields).flatMap(([key, field]) => describe(field, join(path, key)));
    if (!('optional' in schema)) return rows;
    return rows.map((row) => (row.default === 'required' ? { ...row, default: `required in \`${path}\`` } : row));
  }
  const fallback = schema.required
    ? 'required'
    : schema.fallback === undefined
      ? '–'
      : 'kind' in schema && typeof schema.fallback === 'number'
        ? formatSize(schema.fallback)
        : JSON.stringify(schema.fallback);
  return [{ path, type: schema.expected, default: fallback, doc: schema.doc }];
}
