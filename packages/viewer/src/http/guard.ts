// Who may talk to the viewer. A page in the developer's browser must not: it could reach loopback by a rebound DNS name
// (so the Host header must be a name we know), or post blindly (so a write with a foreign Origin is refused).
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Refusal } from '../decode/refusal.js';
import type { Settings } from '../options.js';
import { hostName, isAddress, isLoopback } from './address.js';

/** Checks requests before anything else looks at them. */
export class Guard {
  readonly #names: ReadonlySet<string>;
  readonly #token: string | undefined;
  readonly #anyAddress: boolean;

  constructor({ host, allowedHosts, token }: Settings) {
    this.#names = new Set([host, ...allowedHosts].map((name) => name.toLowerCase().replace(/\.$/, '')));
    this.#token = token;
    // Bound to all interfaces, every address of this machine is ours; an address, unlike a name, cannot be rebound.
    this.#anyAddress = !isLoopback(host);
  }

  /** @throws Refusal 403 for a foreign host or origin */
  checkPlace(request: IncomingMessage): void {
    const name = hostName(request.headers.host);
    if (name === undefined || !this.#isOurs(name)) {
      throw new Refusal(403, 'this Host name is not allowed; start the viewer with --allow-host to allow it');
    }
    const { origin } = request.headers;
    if (
      origin !== undefined &&
      origin !== `http://${request.headers.host}` &&
      origin !== `https://${request.headers.host}`
    ) {
      throw new Refusal(403, 'requests from pages of another origin are not allowed');
    }
    const site = request.headers['sec-fetch-site'];
    const isNavigation = request.method === 'GET' && request.headers['sec-fetch-mode'] === 'navigate';
    if ((site === 'cross-site' || site === 'same-site') && !isNavigation) {
      throw new Refusal(403, 'requests from pages of another site are not allowed');
    }
  }

  /** True when no token is needed or the request carries it. */
  isAuthorized(request: IncomingMessage, cookieName: string): boolean {
    if (this.#token === undefined) return true;
    return [fromAuthorization(request), fromCookie(request, cookieName)].some((given) => this.accepts(given));
  }

  /** True when the text is the token; takes the same time whatever it is. */
  accepts(given: string | undefined | null): boolean {
    if (this.#token === undefined || typeof given !== 'string') return false;
    return timingSafeEqual(digest(given), digest(this.#token));
  }

  #isOurs(name: string): boolean {
    return isLoopback(name) || this.#names.has(name) || (this.#anyAddress && isAddress(name));
  }
}

function fromAuthorization({ headers }: IncomingMessage): string | undefined {
  const [scheme, credentials = ''] = (headers.authorization ?? '').split(' ', 2);
  if (/^bearer$/i.test(scheme ?? '')) return credentials;
  if (!/^basic$/i.test(scheme ?? '')) return undefined;
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  return pair.slice(pair.indexOf(':') + 1);
}

function fromCookie({ headers }: IncomingMessage, name: string): string | undefined {
  const found = (headers.cookie ?? '').split(/; */).find((part) => part.startsWith(`${name}=`));
  if (found === undefined) return undefined;
  try {
    return decodeURIComponent(found.slice(name.length + 1));
  } catch {
    return undefined;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
