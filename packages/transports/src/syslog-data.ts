// Structured data of RFC 5424: `[shop@32473 env="prod" trace_id="4bf9"]`.
// In: constant parameters, fields to lift from the lines, whether to add the record's id. Out: text, the same for all records
// where nothing comes from the record itself.
// Invariants: names are checked before they get here; values are escaped, of bounded length and free of control characters.

import type { Batch } from '@spillway/core';
import { fieldsOf } from './encode/fields.js';

/** Parameters of one element. */
interface DataElement {
  readonly constant: Readonly<Record<string, string>>;
  /** Top-level fields of the line. */
  readonly fields: readonly string[];
  /** Whether the record's id is a parameter, named `id`. */
  readonly recordId: boolean;
}

/** Elements by their ids. */
export type DataElements = ReadonlyMap<string, DataElement>;

/** Names of elements and parameters (RFC 5424, section 6.3): up to 32 printable ASCII characters, without `=`, `]`, `"`. */
export const dataName = /^[!#-<>-\\^-~]{1,32}$/;
/** Longer values are cut: what is lifted is in the line as well. */
const maxLiftedLength = 128;
/** A character takes up to three bytes, or four for two; one that is escaped, two. */
const maxValueBytes = maxLiftedLength * 3;

/** Most bytes that the elements take. */
export function maxDataBytes(elements: DataElements): number {
  const { constant, of } = structuredData(elements);
  if (constant !== undefined) return Buffer.byteLength(constant);
  let lifted = 0;
  for (const { fields, recordId } of elements.values()) {
    for (const field of recordId ? [...fields, 'id'] : fields) lifted += paramName(field).length + 4 + maxValueBytes;
  }
  return Buffer.byteLength(of(undefined, 0)) + lifted;
}

/** The text of all elements: a constant, or a function of the record. */
export function structuredData(elements: DataElements): {
  readonly constant: string | undefined;
  of(batch: Batch | undefined, index: number): string;
} {
  const fixed = [...elements].map(([id, element]) => ({ ...element, open: `[${id}${params(element.constant)}` }));
  const parses = fixed.some(({ fields }) => fields.length > 0);
  const of = (batch: Batch | undefined, index: number) => {
    const fields = batch && parses ? fieldsOf(batch, index) : {};
    return fixed
      .map((element) => {
        const id = batch && element.recordId ? ` id="${batch.recordId(index)}"` : '';
        return `${element.open}${id}${lifted(element.fields, fields)}]`;
      })
      .join('');
  };
  const varies = parses || fixed.some(({ recordId }) => recordId);
  return { constant: fixed.length === 0 ? '-' : varies ? undefined : of(undefined, 0), of };
}

function params(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(value)}"`)
    .join('');
}

function lifted(names: readonly string[], fields: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name of names) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value === undefined || value === null) continue;
    const full = typeof value === 'object' ? JSON.stringify(value) : String(value);
    text += ` ${paramName(name)}="${escaped(full.slice(0, maxLiftedLength))}"`;
  }
  return text;
}

/** A field's name as a parameter's. */
function paramName(field: string): string {
  return field.replace(/[^!#-<>-\\^-~]/g, '_').slice(0, 32);
}

function escaped(value: string): string {
  // A line break would end a message where those are lines.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  return value.replace(/[\u0000-\u001f\u007f]/g, ' ').replace(/["\\\]]/g, '\\$&');
}
