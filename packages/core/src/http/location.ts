// URLs of destinations: where to write, what may be shown, what must not.

/** Adds the protocol's path to a URL that has none, so that people can give just the host. */
export function withDefaultPath(url: string, path: string): URL {
  const result = new URL(url);
  if (result.pathname === '' || result.pathname === '/') result.pathname = path;
  return result;
}

/** Where a transport writes to, for people: without credentials, query and fragment. */
export function destinationOf(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/** Credentials in a URL, as an authorization header. */
export function basicFromUrl(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  return basic(decoded(url.username), decoded(url.password));
}

/** Percent signs that encode nothing stand for themselves: people write passwords as they are. */
function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/** The value of a basic authorization header. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
