// Checks requests against a service model that AWS publishes: the JSON from which its own clients are made.
// In: a model (botocore's service-2.json), the name of an operation, its input. Out: what the model does not allow.

import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';

interface Reference {
  readonly shape: string;
}
interface Shape {
  readonly type: string;
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, Reference>>;
  readonly member?: Reference;
  readonly key?: Reference;
  readonly value?: Reference;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}
interface Model {
  readonly operations: Readonly<Record<string, { readonly input: Reference }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

/** Reads a model. */
export function readModel(path: string): Model {
  return JSON.parse(zlib.gunzipSync(readFileSync(path)).toString()) as Model;
}

/** What is wrong with the input of an operation, as paths with a remark; nothing if it is as the model says. */
export function violations({ operations, shapes }: Model, operation: string, input: unknown): string[] {
  const known = operations[operation];
  if (!known) return [`${operation}: unknown operation`];
  const checker = new Checker(shapes);
  checker.check(known.input, input, operation);
  return checker.found;
}

class Checker {
  readonly found: string[] = [];
  readonly #shapes: Model['shapes'];

  constructor(shapes: Model['shapes']) {
    this.#shapes = shapes;
  }

  check({ shape: name }: Reference, value: unknown, path: string): void {
    const shape = this.#shapes[name]!;
    if (shape.type === 'structure' && isObject(value)) this.#structure(shape, value, path);
    else if (shape.type === 'map' && isObject(value)) this.#map(shape, value, path);
    else if (shape.type === 'list' && Array.isArray(value)) this.#list(shape, value, path);
    else if (shape.type === 'string' && typeof value === 'string') this.#string(shape, value, path);
    else if (/^(long|integer)$/.test(shape.type) && Number.isSafeInteger(value))
      this.#bounds(shape, value as number, path);
    else this.#say(path, `not a ${shape.type}`);
  }

  #structure({ required = [], members = {} }: Shape, value: object, path: string): void {
    for (const member of required) if (!Object.hasOwn(value, member)) this.#say(path, `no ${member}`);
    for (const [key, item] of Object.entries(value)) {
      const member = members[key];
      if (member) this.check(member, item, `${path}.${key}`);
      else this.#say(path, `unknown ${key}`);
    }
  }

  #map(shape: Shape, value: object, path: string): void {
    const entries = Object.entries(value);
    this.#bounds(shape, entries.length, path);
    for (const [key, item] of entries) {
      this.check(shape.key!, key, `${path} key ${key}`);
      this.check(shape.value!, item, `${path}.${key}`);
    }
  }

  #list(shape: Shape, value: readonly unknown[], path: string): void {
    this.#bounds(shape, value.length, path);
    value.forEach((item, i) => {
      this.check(shape.member!, item, `${path}[${i}]`);
    });
  }

  #string(shape: Shape, value: string, path: string): void {
    this.#bounds(shape, value.length, path);
    if (shape.pattern && !new RegExp(`^(?:${shape.pattern})$`).test(value)) this.#say(path, `not ${shape.pattern}`);
    if (shape.enum && !shape.enum.includes(value)) this.#say(path, `none of ${shape.enum.join(', ')}`);
  }

  #bounds({ min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: Shape, n: number, path: string): void {
    if (n < min || n > max) this.#say(path, `${n} is not from ${min} to ${max}`);
  }

  #say(path: string, what: string): void {
    this.found.push(`${path}: ${what}`);
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
