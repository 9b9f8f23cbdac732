// rsyslog: RFC 5424 over TCP (octet counting or newlines), TLS, mutual TLS (client1), UDP, a unix socket, and RELP with acks.
// Read back from a file of JSON lines, a message a line, as rsyslog parsed it. UDP listens on the number of the TCP port.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { debianCommand, debianLibraries } from './debian.js';
import { readLineFile } from './line-file.js';
import { accepts } from './port-probe.js';
import type { StartOptions } from './server.js';
import { renderConfig } from './template.js';
import { type TlsFiles, tlsFiles } from './tls.js';

export interface RsyslogOptions extends StartOptions {
  /** A longer octet-counted frame spoils the rest of its connection; rsyslog's own default is 200_000. @default 2_000_000 */
  readonly maxFrameBytes?: number;
}

export interface RsyslogMessage {
  readonly input: 'tcp' | 'tls' | 'mtls' | 'udp' | 'relp' | 'unix';
  readonly version: string;
  readonly facility: number;
  readonly severity: number;
  /** RFC 3339, as reported by the sender. */
  readonly timestamp: string;
  readonly receivedAt: string;
  readonly hostname: string;
  readonly appname: string;
  readonly procid: string;
  readonly msgid: string;
  /** The structured data as it came, `-` when nil. */
  readonly sd: string;
  /** The structured data by element and parameter, unescaped. */
  readonly 'rfc5424-sd'?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly msg: string;
  readonly raw: string;
}

export interface RsyslogReadBack {
  readonly socketPath: string;
  readonly tls: TlsFiles;
  /** Every message so far; written messages arrive a moment later: read back with `until`. */
  messages(): RsyslogMessage[];
}

export const rsyslog = serverOf<'tcp' | 'tls' | 'mtls' | 'relp', RsyslogReadBack, RsyslogOptions>({
  name: 'rsyslog',
  ports: ['tcp', 'tls', 'mtls', 'relp'],
  url: ({ ports }) => `tcp://127.0.0.1:${ports.tcp}`,
  command({ directory, dir, ports, options }) {
    const { ca, serverCert, serverKey } = tlsFiles(dir);
    const config = renderConfig('rsyslog.conf', dir, {
      DIR: dir,
      CA: ca,
      CERT: serverCert,
      KEY: serverKey,
      MAX_FRAME_BYTES: options.maxFrameBytes ?? 2_000_000,
      TCP: ports.tcp,
      TLS: ports.tls,
      MTLS: ports.mtls,
      RELP: ports.relp,
    });
    const modules = join(debianLibraries(directory), 'rsyslog');
    return debianCommand(directory, 'usr/sbin/rsyslogd', [
      '-n',
      '-f',
      config,
      '-i',
      join(dir, 'rsyslog.pid'),
      '-M',
      modules,
    ]);
  },
  ready: async ({ ports }) =>
    (await Promise.all([ports.tcp, ports.tls, ports.mtls, ports.relp].map(accepts))).every((open) => open),
  extend: ({ dir }) => ({
    socketPath: join(dir, 'syslog.sock'),
    tls: tlsFiles(dir),
    messages: () => readLineFile<RsyslogMessage>(join(dir, 'messages.jsonl')),
  }),
});
