// The words of HTTP transports: what is sent, what comes back, and who vouches for the sender.

/** How bodies can be compressed on their way. `deflate` is the zlib format (RFC 1950). */
export type ContentEncoding = 'gzip' | 'zstd' | 'deflate';

/** A batch as a request. Made once per batch; every attempt sends these bytes. */
export interface HttpWire {
  readonly body: Buffer;
  /** Headers of this batch, such as an idempotency key. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Path and query instead of the URL's. */
  readonly path?: string;
  /** Size as `limits.maxBytes` counts it, where that is not the length of `body`. */
  readonly size?: number;
}

/** What came back. */
export interface HttpReply {
  readonly status: number;
  /** Names in lower case; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** The beginning of the body, at most 64 KiB unless the transport asks for more. */
  readonly body: Buffer;
}

/** A header made of a secret that is an option, or of a file that an option names, such as `ApiKey <secret>`. */
export interface SecretHeader {
  /** In lower case. */
  readonly name: string;
  /** The option that holds the secret; the one with the file has the same name and `File` at its end. */
  readonly option: string;
  readonly value: string | undefined;
  /** Read again when it changes, and after a 401 or 403. */
  readonly file: string | undefined;
  /** @default the secret as it is */
  format?(secret: string): string;
}

/** A request as it goes out, for signatures. */
export interface HttpRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body after compression. */
  readonly body: Buffer;
}

/** What {@link Authorize} may need. */
export interface AuthorizeContext {
  /** The destination has just refused the last credentials: do not answer from a cache. */
  readonly refresh: boolean;
  /** What it refused them with, which may tell why: its clock is not ours, for instance. */
  readonly refusal?: HttpReply;
  /** Wall clock, ms since the epoch. */
  readonly now: number;
  readonly signal: AbortSignal;
  /**
   * A request of its own, for instance to a token endpoint, given up after ten seconds: no client certificate; the same
   * proxy, except to this machine and to link-local addresses, where platforms keep credentials.
   */
  fetch(url: URL, init: HttpFetch): Promise<HttpReply>;
}

/** A request to somewhere else. */
export interface HttpFetch {
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/**
 * Adds credentials, once per attempt, since signatures and tokens expire while a batch waits.
 * On 401 and 403, and what `refuses` adds to them, it is asked again with `refresh`; if it then answers something else, the request is sent once more.
 * It says "no credentials to be had" by throwing a SpillwayError `SPILLWAY_CREDENTIALS`, whose message is shown.
 */
export type Authorize = (
  request: HttpRequest,
  context: AuthorizeContext,
) => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>;
