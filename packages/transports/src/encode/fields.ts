// The parsed fields of a record, for what looks into few of them. In: a record. Out: its fields.

import type { Batch } from '@spillway/core';

/** A line that cannot be parsed has no fields: it is sent all the same. */
export function fieldsOf(batch: Batch, i: number): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = batch.fields(i);
    return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
