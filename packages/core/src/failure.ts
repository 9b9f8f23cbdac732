// What it means when no reply came.
// In: whatever a sender threw. Out: a verdict: retry for the network's moods, hold for what only a person can repair.
// The reason is made of error codes and our own words: messages of other libraries may quote URLs and headers.

import { SpillwayError } from './errors.js';
import { plainReason } from './reason.js';
import type { Verdict } from './transport.js';

const words: Readonly<Record<string, string>> = {
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'name lookup failed',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed while sending',
  UND_ERR_SOCKET: 'connection closed without a reply',
  UND_ERR_CONNECT_TIMEOUT: 'timed out while connecting',
  UND_ERR_HEADERS_TIMEOUT: 'timed out waiting for the reply',
  UND_ERR_BODY_TIMEOUT: 'timed out reading the reply',
  ETIMEDOUT: 'connection timed out',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ECONNABORTED: 'connection given up',
  ENOENT: 'nothing listens at that path',
  SPILLWAY_PEER_CLOSED: 'connection closed by the destination',
  SPILLWAY_TIMEOUT: 'timed out waiting for the reply',
  ABORT_ERR: 'aborted',
  UND_ERR_ABORTED: 'aborted',
};

/** The peer is not who we were told to trust, or does not trust us; or what we were given cannot be sent at all. */
const untrusted =
  /^(CERT_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CRL_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|ERR_SSL_WRONG_VERSION|ERR_SSL_.*ALERT|ERR_OSSL_|UND_ERR_PRX_TLS)/;
/** A person has to change a permission, the address or the transport. */
const misplaced: Readonly<Record<string, string>> = {
  EACCES: 'not allowed to connect',
  EPROTOTYPE: 'the socket takes datagrams, not streams',
  SPILLWAY_PROTOCOL: 'the destination speaks another protocol',
};
const unusable = /^(ERR_INVALID_|UND_ERR_INVALID_ARG|ERR_HTTP_INVALID)/;

/** What an error thrown by a sender means for the batch that was being sent. */
export function classifyFailure(error: unknown): Verdict {
  for (const cause of causes(error)) {
    if (cause instanceof SpillwayError && cause.code === 'SPILLWAY_CREDENTIALS') {
      return { outcome: 'hold', reason: plainReason(cause.message) };
    }
    const code = codeOf(cause);
    if (code === undefined) continue;
    const status = proxyStatus(code, cause);
    if (status) return proxied(status);
    if (untrusted.test(code)) return { outcome: 'hold', reason: `TLS: certificate or protocol refused (${code})` };
    if (unusable.test(code)) return { outcome: 'hold', reason: `the request cannot be sent (${code})` };
    if (misplaced[code]) return { outcome: 'hold', reason: `${misplaced[code]} (${code})` };
    return { outcome: 'retry', reason: words[code] ? `${words[code]} (${code})` : code };
  }
  return { outcome: 'retry', reason: 'no reply' };
}

/** undici says only in words that a proxy would not open a tunnel or wants credentials, and with which status. */
function proxyStatus(code: string, error: unknown): string | undefined {
  if (code !== 'UND_ERR_ABORTED' && code !== 'UND_ERR_INVALID_ARG') return undefined;
  return /^Proxy (?:response|Authentication Required) \((\d{3})\)/.exec(String((error as Error).message))?.[1];
}

function proxied(status: string): Verdict {
  const refused = status === '407' || status === '403' || status === '401';
  return { outcome: refused ? 'hold' : 'retry', reason: `the proxy answered ${status}` };
}

/** The error, what it wraps and, of the attempts on several addresses, each. Bounded, as causes may be circular. */
function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  const queue = [error];
  while (queue.length > 0 && found.length < 16) {
    const next = queue.shift();
    if (typeof next !== 'object' || next === null) continue;
    found.push(next);
    const { cause, errors } = next as { cause?: unknown; errors?: unknown };
    if (cause !== undefined) queue.push(cause);
    if (Array.isArray(errors)) queue.push(...errors.slice(0, 8));
  }
  return found;
}

function codeOf(error: unknown): string | undefined {
  const { code, name } = error as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && code !== '') return /^[\w-]{1,64}$/.test(code) ? code : 'unnamed error';
  if (name === 'TimeoutError') return 'SPILLWAY_TIMEOUT';
  return name === 'AbortError' ? 'ABORT_ERR' : undefined;
}
