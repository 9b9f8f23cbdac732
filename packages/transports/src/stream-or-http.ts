// Destinations that listen over a stream, over datagrams, or over HTTP, whichever their operator has set up.
// In: the schemes of such a destination. Out: the schema of its `url`, the options of all the ways in, and which of them
// mean nothing with an address.

import {
  addressOf,
  confirmFields,
  custom,
  httpFields,
  milliseconds,
  type StreamAddress,
  type StreamSchemes,
  streamFields,
} from '@spillway/core';

/** Where to, once it is known which way. */
export type Way =
  | { readonly over: 'http'; readonly url: URL }
  | { readonly over: 'stream'; readonly address: StreamAddress };

/** Schema of a `url` option with one of the given schemes, or http and https. */
export function anyUrl(schemes: StreamSchemes, doc: string) {
  const forms = Object.entries(schemes).map(
    ([scheme, { port }]) => `${scheme}://host${port === undefined ? ':port' : `[:port, default ${port}]`}`,
  );
  return custom<string>({
    expected: `an address such as ${[...forms, 'http://host:port', 'https://host:port'].join(' or ')}`,
    check: (value) => (typeof value === 'string' && wayOf(value, schemes) ? value : undefined),
    doc,
  });
}

/** The way that an address says; undefined when it is none. */
export function wayOf(text: string, schemes: StreamSchemes): Way | undefined {
  if (/^https?:\/\//i.test(text)) return URL.canParse(text) ? { over: 'http', url: new URL(text) } : undefined;
  const address = addressOf(text, schemes);
  return address && { over: 'stream', address };
}

/** Schema fields of connections of either kind, to spread into a transport's own schema. */
export function anyFields() {
  return {
    ...confirmFields(),
    ...httpFields(),
    ...streamFields(),
    keepAliveMs: milliseconds({
      min: 1,
      max: 600_000,
      doc: 'How long an idle connection is kept; over HTTP keep it below what the server keeps. Default: 60000, over HTTP 4000.',
    }),
  } as const;
}

/** `keepAliveMs`, if not given. */
export const keptMs = { stream: 60_000, http: 4000 } as const;

const ofHttp = ['headers', 'headersFile', 'basicAuth', 'bearerToken', 'bearerTokenFile', 'proxy'];
const confirming = ['confirm', 'confirmMs'];

/** What means nothing with an address of each scheme. */
export const idleWith: Readonly<Record<string, readonly string[]>> = {
  http: confirming,
  https: confirming,
  tcp: [...ofHttp, 'tls'],
  tls: ofHttp,
  udp: [...ofHttp, 'tls', 'confirm', 'connectTimeoutMs', 'keepAliveMs'],
};
