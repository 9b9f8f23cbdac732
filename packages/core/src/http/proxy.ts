// Which proxy to use, from the option or the environment.
// In: the destination, the option, the environment. Out: the proxy's URL, or nothing.
// The lower-case variables win, as in curl and wget; HTTP_PROXY is ignored inside CGI, where a client could set it.

import { isIPv6 } from 'node:net';

/** The proxy for a destination. */
export function proxyFor(
  url: URL,
  option: string | false | undefined,
  env: Readonly<Record<string, string | undefined>>,
): URL | undefined {
  if (option === false) return undefined;
  if (option) return new URL(option);
  const http = env.http_proxy || (env.REQUEST_METHOD ? undefined : env.HTTP_PROXY);
  const value = url.protocol === 'https:' ? env.https_proxy || env.HTTPS_PROXY : http;
  if (!value || bypasses(url, env.no_proxy || env.NO_PROXY || '')) return undefined;
  const full = value.includes('://') ? value : `http://${value}`;
  return URL.canParse(full) ? new URL(full) : undefined;
}

/** Whether a proxy would look for that host in the wrong place: this machine, or the platform's own services, which are link-local but on Alibaba Cloud. */
export function isNearby({ hostname }: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\]|169\.254(\.\d+){2}|100\.100\.100\.200|\[fe80:.*\]|\[fd00:ec2:.*\]|metadata\.google\.internal)$/.test(
    hostname,
  );
}

function bypasses(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list.split(/[\s,]+/).some((entry) => {
    if (entry === '') return false;
    if (entry === '*') return true;
    const given = isIPv6(entry) ? `[${entry}]` : entry.toLowerCase();
    const [, name = '', onPort] = /^(.*?)(?::(\d+))?$/.exec(given)!;
    if (onPort && onPort !== port) return false;
    const domain = name.replace(/^\*?\./, '');
    return host === domain || host.endsWith(`.${domain}`);
  });
}
