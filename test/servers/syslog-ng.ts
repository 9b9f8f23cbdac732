// syslog-ng, a second and independent parser of RFC 5424: octet-counted TCP, newline-framed TCP, UDP, TLS and mutual TLS.
// Read back from a file of JSON lines, with syslog-ng's own field names. UDP listens on the number of the TCP port.
import { join } from 'node:path';
import { serverOf } from './blueprint.js';
import { debianCommand } from './debian.js';
import { readLineFile } from './line-file.js';
import { accepts } from './port-probe.js';
import { renderConfig } from './template.js';
import { type TlsFiles, tlsFiles } from './tls.js';

export interface SyslogNgMessage {
  readonly PRIORITY: string;
  readonly FACILITY: string;
  readonly ISODATE: string;
  readonly HOST: string;
  readonly PROGRAM?: string;
  readonly PID?: string;
  readonly MSGID?: string;
  readonly MESSAGE: string;
  /** `_SDATA` holds the structured data by element and parameter. */
  readonly _SDATA?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export interface SyslogNgReadBack {
  readonly tls: TlsFiles;
  /** Every message so far; written messages arrive a moment later: read back with `until`. */
  messages(): SyslogNgMessage[];
}

export const syslogNg = serverOf<'tcp' | 'lines' | 'tls' | 'mtls', SyslogNgReadBack>({
  name: 'syslog-ng',
  ports: ['tcp', 'lines', 'tls', 'mtls'],
  url: ({ ports }) => `tcp://127.0.0.1:${ports.tcp}`,
  command({ directory, dir, ports }) {
    const { ca, serverCert, serverKey } = tlsFiles(dir);
    const config = renderConfig('syslog-ng.conf', dir, {
      DIR: dir,
      CA: ca,
      CERT: serverCert,
      KEY: serverKey,
      TCP: ports.tcp,
      LINES: ports.lines,
      TLS: ports.tls,
      MTLS: ports.mtls,
    });
    const own = (name: string): string => join(dir, `syslog-ng.${name}`);
    const files = ['-f', config, '-R', own('persist'), '-p', own('pid'), '-c', own('ctl')];
    const libraries = join(directory, 'usr/lib/syslog-ng');
    const args = ['-F', `--module-path=${join(libraries, '3.38')}`, ...files, '--no-caps'];
    const command = debianCommand(directory, 'usr/sbin/syslog-ng', args);
    return { ...command, env: { LD_LIBRARY_PATH: `${command.env?.LD_LIBRARY_PATH}:${libraries}` } };
  },
  ready: async ({ ports }) =>
    (await Promise.all([ports.tcp, ports.lines, ports.tls, ports.mtls].map(accepts))).every((open) => open),
  extend: ({ dir }) => ({
    tls: tlsFiles(dir),
    messages: () => readLineFile<SyslogNgMessage>(join(dir, 'messages.jsonl')),
  }),
});
