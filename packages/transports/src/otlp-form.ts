// What the encoders of OTLP are told, and what both encodings share.

import type { FieldRoles } from './otlp-fields.js';

/** A value of a resource's attribute. */
export type ResourceValue = string | number | boolean;

/** How batches are written. */
export interface OtlpForm {
  /** 'message': the message is the body, other fields are attributes. 'line': the line is the body, as it is. */
  readonly body: 'message' | 'line';
  readonly resource: Readonly<Record<string, ResourceValue>>;
  readonly roles: FieldRoles;
  /** Whether each record gets its id as an attribute. */
  readonly recordIds: boolean;
}

/** Name of the instrumentation scope. */
export const scopeName = 'spillway';
