// Certificates for one server's folder: a certificate authority of its own, a server for localhost and 127.0.0.1, a client
// named client1. In: a folder. Out: the paths. Always true: made once a folder, so that they outlive restarts.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';

export interface TlsFiles {
  /** The authority that clients and servers trust. */
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** The certificates below `dir`, made when they are not there yet. */
export function tlsFiles(dir: string): TlsFiles {
  const folder = join(dir, 'tls');
  if (!existsSync(folder)) {
    const part = join(dir, 'tls.part');
    mkdirSync(part, { recursive: true });
    makeCertificates(part);
    renameSync(part, folder);
  }
  return {
    ca: join(folder, 'ca.pem'),
    serverCert: join(folder, 'server.pem'),
    serverKey: join(folder, 'server.key'),
    clientCert: join(folder, 'client.pem'),
    clientKey: join(folder, 'client.key'),
  };
}

function makeCertificates(folder: string): void {
  const request = (name: string, subject: string, ...more: string[]): void => {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
    const args = ['req', '-x509', ...key, '-out', `${name}.pem`, '-days', '3650', '-subj', `/CN=${subject}`, ...more];
    execFileSync('/usr/bin/openssl', args, { cwd: folder, stdio: 'pipe' });
  };
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-addext', 'basicConstraints=critical,CA:FALSE'];
  request('ca', 'Spillway test authority', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
  request('server', 'localhost', ...signed, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1');
  request('client', 'client1', ...signed, '-addext', 'subjectAltName=DNS:client1');
}
