// Errors that reach the user, each with a stable code. Thrown for programmer and start-up faults only:
// after start, what a destination says is a verdict and what goes wrong with us is an event.

/** Codes of the errors that Spillway throws. */
export type ErrorCode =
  | 'SPILLWAY_OPTIONS_INVALID'
  | 'SPILLWAY_TRANSPORT_UNKNOWN'
  | 'SPILLWAY_CLIENT_MISSING'
  | 'SPILLWAY_CREDENTIALS';

/** An error of Spillway's own, recognizable by its `code`. */
export class SpillwayError extends Error {
  override readonly name = 'SpillwayError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
