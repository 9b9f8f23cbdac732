// Redis: TCP, TLS and a unix socket, append-only file in its folder. The user `default` may do all without a password; the user
// `writer` (password `writer-password`) may only append to keys that start with `logs`. Read back with any command.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serverOf } from './blueprint.js';
import { debianCommand } from './debian.js';
import type { StartOptions } from './server.js';
import { renderConfig } from './template.js';
import { type TlsFiles, tlsFiles } from './tls.js';

const run = promisify(execFile);
const replyLimitBytes = 1 << 28;

export interface RedisOptions extends StartOptions {
  /** Above it writes are answered with OOM. @default '512mb' */
  readonly maxMemory?: string;
}

export interface RedisReadBack {
  readonly socketPath: string;
  readonly tls: TlsFiles;
  /** Runs a command, such as `command('XRANGE', 'logs', '-', '+')`; the reply as Redis' own client prints it in JSON. */
  command(...words: string[]): Promise<unknown>;
}

export const redis = serverOf<'tcp' | 'tls', RedisReadBack, RedisOptions>({
  name: 'redis',
  ports: ['tcp', 'tls'],
  url: ({ ports }) => `redis://127.0.0.1:${ports.tcp}`,
  command({ directory, dir, ports, options }) {
    const { ca, serverCert, serverKey } = tlsFiles(dir);
    const config = renderConfig('redis.conf', dir, {
      DIR: dir,
      PORT: ports.tcp,
      TLS_PORT: ports.tls,
      CA: ca,
      CERT: serverCert,
      KEY: serverKey,
      MAX_MEMORY: options.maxMemory ?? '512mb',
    });
    return debianCommand(directory, 'usr/bin/redis-server', [config]);
  },
  ready: async ({ directory, ports }) => (await redisCommand(directory, ports.tcp, ['PING'])) === 'PONG',
  extend: ({ directory, dir, ports }) => ({
    socketPath: join(dir, 'redis.sock'),
    tls: tlsFiles(dir),
    command: (...words) => redisCommand(directory, ports.tcp, words),
  }),
});

async function redisCommand(directory: string, port: number, words: readonly string[]): Promise<unknown> {
  // -3: typed replies; -e: an error reply becomes an exit status, hence a throw.
  const { file, args, env } = debianCommand(directory, 'usr/bin/redis-cli', [
    '-p',
    `${port}`,
    '-3',
    '-e',
    '--json',
    ...words,
  ]);
  const { stdout } = await run(file, args, { env: { ...process.env, ...env }, maxBuffer: replyLimitBytes });
  return JSON.parse(stdout) as unknown;
}
