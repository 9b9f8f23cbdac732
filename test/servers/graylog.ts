// Graylog's GELF inputs: its own decoder, joiner of chunks, frames and HTTP handler, without the rest of Graylog. TCP, TLS,
// UDP on the number of the TCP port, HTTP with one message a request and with bulk receiving. Read back as Graylog would
// store it, a message a line, written before the next one is read. HTTP is answered before the message is looked at.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { readLineFile } from './line-file.js';
import { accepts } from './port-probe.js';
import { type TlsFiles, tlsFiles } from './tls.js';

export interface GraylogMessage {
  readonly input: 'tcp' | 'tls' | 'udp' | 'http' | 'bulk';
  /** As they would be stored: `message`, `source`, `timestamp` (ms), `level`, and the additional ones without underscore. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface GraylogReadBack {
  readonly tls: TlsFiles;
  /** Every message so far; written messages arrive a moment later: read back with `until`. */
  messages(): GraylogMessage[];
}

export const graylog = serverOf<'tcp' | 'tls' | 'http' | 'bulk', GraylogReadBack>({
  name: 'graylog',
  ports: ['tcp', 'tls', 'http', 'bulk'],
  url: ({ ports }) => `tcp://127.0.0.1:${ports.tcp}`,
  command({ directory, dir, ports }) {
    const { serverCert, serverKey } = tlsFiles(dir);
    const classes = `${join(directory, 'classes')}:${join(directory, 'lib/*')}`;
    const listen = Object.entries(ports).flatMap(([name, port]) => [`--${name}`, `${port}`]);
    const files = ['--cert', serverCert, '--key', serverKey, '--out', join(dir, 'messages.jsonl')];
    return {
      file: join(directory, 'jdk/bin/java'),
      args: ['-Xmx256m', '-cp', classes, 'GelfInput', ...listen, ...files],
    };
  },
  ready: async ({ ports }) =>
    (await Promise.all([ports.tcp, ports.tls, ports.http, ports.bulk].map(accepts))).every((open) => open),
  extend: ({ dir }) => ({
    tls: tlsFiles(dir),
    messages: () => readLineFile<GraylogMessage>(join(dir, 'messages.jsonl')),
  }),
});
