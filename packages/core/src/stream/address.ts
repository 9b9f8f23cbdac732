// Where a stream or datagram destination listens: `tcp://host:514`, `tls://host:6514`, `udp://host:514`, `unix:///run/log.sock`.
// In: what the user wrote. Out: a schema that refuses what would be ignored, and the parts of the address.
// Invariant: an address holds no secrets, so it can be shown as it is.

import { custom } from '../options/schema.js';

/** Where to connect to. */
export type StreamAddress =
  | { readonly kind: 'tcp' | 'tls' | 'udp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** A scheme that users write, what it runs over, and the port if the URL has none; `undefined`: it must have one. */
export type StreamSchemes = Readonly<Record<string, { readonly over: StreamAddress['kind']; readonly port?: number }>>;

/** Schema of a `url` option with one of the given schemes. */
export function streamUrl(schemes: StreamSchemes, doc: string) {
  const forms = Object.entries(schemes).map(([scheme, { over, port }]) => {
    if (over === 'unix') return `${scheme}:///path`;
    return `${scheme}://host${port === undefined ? ':port' : `[:port, default ${port}]`}`;
  });
  return custom<string>({
    expected: `an address such as ${forms.join(' or ')}`,
    check: (value) => (typeof value === 'string' && addressOf(value, schemes) ? value : undefined),
    doc,
  });
}

/** The parts of an address; undefined when it is none, or has parts that mean nothing here. */
export function addressOf(text: string, schemes: StreamSchemes): StreamAddress | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const scheme = Object.hasOwn(schemes, url.protocol.slice(0, -1)) ? schemes[url.protocol.slice(0, -1)] : undefined;
  if (!scheme || url.username || url.password || url.search || url.hash) return undefined;
  const path = decoded(url.pathname);
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1');
  if (scheme.over === 'unix') return host === '' && path && path !== '/' ? { kind: 'unix', path } : undefined;
  const port = url.port === '' ? scheme.port : Number(url.port);
  if (host === '' || port === undefined || port === 0 || (path !== '' && path !== '/')) return undefined;
  return { kind: scheme.over, host, port };
}

/** An address for people, with the scheme that the user wrote. */
export function showAddress(address: StreamAddress, text: string): string {
  const scheme = text.slice(0, text.indexOf(':'));
  if (address.kind === 'unix') return `${scheme}://${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
