// Errors that reach whoever starts the viewer: bad options, a directory in use, a port in use. Each has a stable code.
// What goes wrong later, with a request, is answered with a status and a text and never thrown at the host.

/** Codes of the errors that the viewer throws. */
export type ViewerErrorCode =
  | 'SPILLWAY_OPTIONS_INVALID'
  | 'SPILLWAY_VIEWER_PRODUCTION'
  | 'SPILLWAY_VIEWER_DIRECTORY'
  | 'SPILLWAY_VIEWER_LISTEN'
  | 'SPILLWAY_VIEWER_STORE';

/** An error of the viewer's own, recognizable by its `code`. */
export class ViewerError extends Error {
  override readonly name = 'ViewerError';
  readonly code: ViewerErrorCode;
  constructor(code: ViewerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
