// How a receiver answers, as plain data that a test sends to it while it runs.

/** What the receiver does with requests. `stored` says whether it keeps the records of a request that it fails. */
export type ReceiverMode =
  | { readonly kind: 'ok' }
  /** Answers well, but only after a while. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang'; readonly stored?: boolean }
  /** Takes the request and cuts the connection. */
  | { readonly kind: 'reset'; readonly stored?: boolean }
  /** Answers with a status of the test's choice. */
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
      readonly stored?: boolean;
    }
  /** A proxy's page: 200 and HTML, nothing stored. */
  | { readonly kind: 'html200' }
  /** Nobody listens on the port. */
  | { readonly kind: 'refuse' };

/** A mode, for ever or for a number of requests after which it is `ok` again. */
export type TimedMode = ReceiverMode & { readonly requests?: number };
