// The forward protocol's server of the Fluent project: every event mode, compressed too, and acks by chunk. Without login on
// `tcp`; with shared key `shared-key`, user `shop` and password `shop-password` on `auth` and, over TLS, on `tls`.
// A chunk is acknowledged in the same turn in which its events go to the file that is read back.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { readLineFile } from './line-file.js';
import { accepts } from './port-probe.js';
import { type TlsFiles, tlsFiles } from './tls.js';

export interface FluentEvent {
  readonly input: 'tcp' | 'auth' | 'tls';
  readonly tag: string;
  /** Nanoseconds since 1970, in decimal. */
  readonly ns: string;
  readonly record: Readonly<Record<string, unknown>>;
}

export interface FluentReadBack {
  readonly tls: TlsFiles;
  /** Every event so far; read back with `until`. */
  events(): FluentEvent[];
}

export const fluent = serverOf<'tcp' | 'auth' | 'tls', FluentReadBack>({
  name: 'fluent',
  ports: ['tcp', 'auth', 'tls'],
  url: ({ ports }) => `tcp://127.0.0.1:${ports.tcp}`,
  command({ directory, dir, ports }) {
    const { serverCert, serverKey } = tlsFiles(dir);
    const listen = ['--tcp', `${ports.tcp}`, '--auth', `${ports.auth}`, '--tls', `${ports.tls}`];
    const files = ['--cert', serverCert, '--key', serverKey, '--out', join(dir, 'events.jsonl')];
    return { file: process.execPath, args: [join(directory, 'server.mjs'), ...listen, ...files] };
  },
  ready: async ({ ports }) =>
    (await Promise.all([ports.tcp, ports.auth, ports.tls].map(accepts))).every((open) => open),
  extend: ({ dir }) => ({
    tls: tlsFiles(dir),
    events: () => readLineFile<FluentEvent>(join(dir, 'events.jsonl')),
  }),
});
