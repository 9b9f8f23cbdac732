// The options that all HTTP transports share, written once.
// Out: schema fields to spread into a transport's own schema. How many requests run at a time, how long they may take
// and how they are compressed are the pipeline's `send` options.

import { custom, dictionary, milliseconds, object, optional, type Parsed, required, text } from '../options/schema.js';

/** Characters go out as a byte each: what has none, from U+0100 on, cannot be sent. */
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Headers that belong to the connection or are computed from the body. */
const ours = [
  ...['content-length', 'content-encoding', 'transfer-encoding', 'connection', 'keep-alive', 'host', 'expect'],
  'upgrade',
];
const settableName = new RegExp(`^(?!(?:${ours.join('|')})$)[!#$%&'*+.^_\`|~0-9A-Za-z-]+$`, 'i');
/** A secret that is sent as a word of a header. */
const word = /^[\x21-\x7e]+$/;

/** True for a pair that can be sent as a header, and that is the user's to set. */
export function isHeader(name: string, value: string): boolean {
  return settableName.test(name) && headerValue.test(value);
}

/** True for a token or a key as it can be sent in a header. */
export function isToken(text: string): boolean {
  return word.test(text);
}

/** Schema of an option that is sent as a header. */
export const headerText = <const O extends { doc: string; secret?: boolean }>(options: O) =>
  text({
    ...options,
    pattern: headerValue,
    expected: 'a non-empty string without control characters and without characters beyond U+00FF',
  });

/** The `tls` option of everything that can speak it. */
export const tlsOptions = object(
  {
    ca: text({ doc: 'Certificates to trust instead of the well-known ones: PEM text, or the path of a file with it.' }),
    cert: text({ doc: 'Client certificate for mutual TLS: PEM text or a path.' }),
    key: text({ doc: 'Private key of the client certificate: PEM text or a path.', secret: true }),
    passphrase: text({ doc: 'Passphrase of the private key.', secret: true }),
    serverName: text({ doc: 'Name that the server certificate must hold, if it is not the host of the URL.' }),
  },
  { doc: 'TLS. Certificates are always verified. Files are read again when they change.' },
);

const basicAuth = object(
  {
    username: required(text({ doc: 'User name.' })),
    password: text({
      doc: 'Password.',
      secret: true,
      pattern: /^\P{Cc}+$/u,
      expected: 'a non-empty string without control characters',
    }),
    passwordFile: text({ doc: 'File that holds the password; read again when it changes or after a 401.' }),
  },
  { doc: 'HTTP basic authentication.' },
);

/** Schema fields of an HTTP transport, to spread into its own schema. */
export function httpFields() {
  return {
    headers: dictionary(headerText({ doc: 'One header.', secret: true }), {
      default: {},
      secret: true,
      foldsCase: true,
      keys: text({
        pattern: settableName,
        expected: `a header name other than ${ours.join(', ')}`,
        doc: 'Name of the header.',
      }),
      doc: 'Headers to add to every request.',
    }),
    headersFile: text({
      doc: 'File with further headers, one `Name: value` a line; read again when it changes or after a 401.',
    }),
    basicAuth: optional(basicAuth),
    bearerToken: text({
      doc: 'Token for `Authorization: Bearer`.',
      secret: true,
      pattern: word,
      expected: 'a token: printable ASCII characters without spaces',
    }),
    bearerTokenFile: text({ doc: 'File that holds the bearer token; read again when it changes or after a 401.' }),
    tls: optional(tlsOptions),
    proxy: custom<string | false>({
      secret: true,
      expected: 'the URL of an HTTP proxy, or false for none',
      check: (value) => (value === false || isProxyUrl(value) ? value : undefined),
      doc: 'Proxy. Unset: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` decide.',
    }),
    connectTimeoutMs: milliseconds({ default: 5000, min: 1, doc: 'Longest wait for a connection.' }),
    keepAliveMs: milliseconds({
      default: 4000,
      min: 1,
      max: 600_000,
      doc: 'How long an idle connection is kept; keep it below what the server keeps.',
    }),
    maxConnectionAgeMs: milliseconds({
      default: 300_000,
      min: 1000,
      doc: 'After about this time (±20 %) connections are made anew, so that DNS and load balancers can move us.',
    }),
  } as const;
}

/** What {@link httpFields} parse to. */
export type HttpOptions = {
  readonly [K in keyof ReturnType<typeof httpFields>]: Parsed<ReturnType<typeof httpFields>[K]>;
};

function isProxyUrl(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value);
}
