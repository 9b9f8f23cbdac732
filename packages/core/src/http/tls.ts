// TLS material from the options, each as PEM text or as a path.
// In: the `tls` options. Out: what the connector takes, the same object as long as nothing changed.

import type { HttpOptions } from './options.js';
import { WatchedFile } from './watched-file.js';

/** Connector settings. `rejectUnauthorized` is spelled out so that NODE_TLS_REJECT_UNAUTHORIZED cannot undo it. */
export interface TlsMaterial {
  readonly rejectUnauthorized: true;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly servername?: string;
}

/** Loads TLS material; the result is a new object exactly when a file has changed. */
export function tlsLoader(options: HttpOptions['tls']): () => Promise<TlsMaterial> {
  const parts = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const given = options?.[name];
    if (given === undefined) return [];
    const file = given.includes('-----BEGIN') ? undefined : new WatchedFile(given, `tls.${name}`);
    return [async () => [name, file ? await file.read(false) : given] as const];
  });
  const fixed = {
    rejectUnauthorized: true as const,
    ...(options?.passphrase !== undefined && { passphrase: options.passphrase }),
    ...(options?.serverName !== undefined && { servername: options.serverName }),
  };
  let current: TlsMaterial = fixed;
  let signature = '';
  return async () => {
    if (parts.length === 0) return current;
    const texts = Object.fromEntries(await Promise.all(parts.map((part) => part())));
    const next = JSON.stringify(texts);
    if (next !== signature) [current, signature] = [{ ...fixed, ...texts }, next];
    return current;
  };
}
