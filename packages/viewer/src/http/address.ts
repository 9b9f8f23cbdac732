// Names and addresses: which ones are this machine, and how a Host header or a URL writes them.
// Pure; nothing is resolved, because a name that must be resolved is exactly what DNS rebinding plays with.
import { isIP, isIPv4 } from 'node:net';

/** True for the loopback addresses and for `localhost` and names under it, which resolve to loopback by RFC 6761. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '');
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIPv4(name) && name.startsWith('127.');
}

/** The name in a Host header without its port and brackets, in lower case; undefined when it is malformed. */
export function hostName(header: string | undefined): string | undefined {
  if (header === undefined || header.length > 300) return undefined;
  const match = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(header);
  const name = (match?.[1] ?? match?.[2])?.toLowerCase();
  return name?.replace(/\.$/, '');
}

/** True for an IP literal: a browser that sends one was not led here by a name. */
export function isAddress(name: string): boolean {
  return isIP(name) !== 0;
}

/** The base URL a browser on this machine can open. */
export function baseUrl(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '::') return `http://localhost:${port}`;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
