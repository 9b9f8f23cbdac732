// Credentials from the common options: basic, bearer, headers, each also from a file.
// In: parsed options and the URL's own credentials. Out: a function that gives the headers for one attempt.

import { SpillwayError } from '../errors.js';
import { basic, basicFromUrl } from './location.js';
import { type HttpOptions, isHeader, isToken } from './options.js';
import type { SecretHeader } from './types.js';
import { WatchedFile } from './watched-file.js';

/** Gives the headers of one attempt. */
export type Credentials = (refresh: boolean) => Promise<Record<string, string>>;

/** Credentials as the options and the URL give them. Later ones win: URL, basic, bearer, secret, headers, file. */
export function credentials(options: HttpOptions, url: URL, secret?: SecretHeader): Credentials {
  const parts: Credentials[] = [];
  const fixed = (headers: Record<string, string>) => parts.push(async () => headers);
  const fromUrl = basicFromUrl(url);
  if (fromUrl) fixed({ authorization: fromUrl });
  const { basicAuth, bearerToken, bearerTokenFile, headersFile } = options;
  if (basicAuth?.passwordFile) {
    const { username } = basicAuth;
    const file = new WatchedFile(basicAuth.passwordFile, 'basicAuth.passwordFile');
    parts.push(async (refresh) => ({ authorization: basic(username, (await file.read(refresh)).trim()) }));
  } else if (basicAuth) fixed({ authorization: basic(basicAuth.username, basicAuth.password ?? '') });
  if (bearerTokenFile) {
    const file = new WatchedFile(bearerTokenFile, 'bearerTokenFile');
    parts.push(async (refresh) => bearer((await file.read(refresh)).trim()));
  } else if (bearerToken) fixed({ authorization: `Bearer ${bearerToken}` });
  if (secret) parts.push(secretHeader(secret));
  fixed(lowerCased(options.headers));
  if (headersFile) {
    const file = new WatchedFile(headersFile, 'headersFile');
    parts.push(async (refresh) => parseHeaders(await file.read(refresh)));
  }
  return async (refresh) => Object.assign({}, ...(await Promise.all(parts.map((part) => part(refresh)))));
}

function secretHeader({ name, option, value, file, format = (text) => text }: SecretHeader): Credentials {
  if (file) {
    const watched = new WatchedFile(file, `${option}File`);
    return async (refresh) => {
      const text = (await watched.read(refresh)).trim();
      if (!isToken(text)) {
        throw new SpillwayError('SPILLWAY_CREDENTIALS', `The file of \`${option}File\` does not hold one secret`);
      }
      return { [name]: format(text) };
    };
  }
  const headers = value === undefined ? {} : { [name]: format(value) };
  return async () => headers;
}

function bearer(token: string): Record<string, string> {
  if (!isToken(token)) {
    throw new SpillwayError('SPILLWAY_CREDENTIALS', 'The file of `bearerTokenFile` does not hold one token');
  }
  return { authorization: `Bearer ${token}` };
}

function parseHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const each of text.split('\n')) {
    // Also of the mark that some editors put at the beginning of a file.
    const line = each.trim();
    if (line === '' || line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim();
    const value = line.slice(colon + 1).trim();
    if (!isHeader(name, value)) {
      throw new SpillwayError('SPILLWAY_CREDENTIALS', 'The file of `headersFile` has a line that is not `Name: value`');
    }
    headers[name.toLowerCase()] = value;
  }
  return headers;
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
