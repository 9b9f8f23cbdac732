#!/usr/bin/env node
// The command `spillway-viewer`: flags to options, a line that says where to look, and a clean end on SIGINT or SIGTERM.
// Exit codes: 0 ended as asked, 1 could not start, 2 wrong usage. `--json` prints one line on stdout and nothing else.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ViewerError } from './errors.js';
import type { ViewerOptions } from './options.js';
import { type Viewer, viewer } from './viewer.js';

const help = `Usage: spillway-viewer [options]

Starts a local log backend with a web page. Send logs to it with Loki push
(/loki/api/v1/push) or newline-separated JSON (/ingest), and watch them arrive.

Options
  --port <n>            port to listen on, 0 for a free one (default 4600)
  --host <address>      address to bind (default 127.0.0.1); others need --token
  --token <secret>      secret that every request must carry
                        (better: SPILLWAY_VIEWER_TOKEN, which \`ps\` does not show)
  --allow-host <name>   further Host name to answer to; can be repeated
  --directory <path>    where records are kept (default: in your cache directory)
  --memory              keep records in memory only
  --max-records <n>     records kept, oldest go first (default 200000)
  --max-bytes <size>    size of the database on disk (default 512mb)
  --force               start although NODE_ENV is production
  --json                print one line of JSON with the url, and nothing else
  --version             print the version
  --help                print this
`;

const flags = {
  port: { type: 'string' },
  host: { type: 'string' },
  token: { type: 'string' },
  'allow-host': { type: 'string', multiple: true },
  directory: { type: 'string' },
  memory: { type: 'boolean' },
  'max-records': { type: 'string' },
  'max-bytes': { type: 'string' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
  version: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(): Promise<void> {
  const values = readFlags();
  if (values.help) return void process.stdout.write(help);
  if (values.version) return void process.stdout.write(`${version()}\n`);
  const token = values.token ?? process.env.SPILLWAY_VIEWER_TOKEN;
  const options: ViewerOptions = {
    ...(values.port !== undefined && { port: toNumber(values.port) }),
    ...(values.host !== undefined && { host: values.host }),
    ...(token !== undefined && { token }),
    ...(values['allow-host'] !== undefined && { allowedHosts: values['allow-host'] }),
    ...(values.directory !== undefined && { directory: values.directory }),
    ...(values.memory !== undefined && { memory: values.memory }),
    ...(values['max-records'] !== undefined && { maxRecords: toNumber(values['max-records']) }),
    ...(values['max-bytes'] !== undefined && { maxBytes: values['max-bytes'] }),
    ...(values.force !== undefined && { force: values.force }),
  };
  const running = await viewer(options);
  closeOnSignal(running);
  announce(running, { json: values.json ?? false, token });
}

function readFlags() {
  try {
    return parseArgs({ options: flags, strict: true, allowPositionals: false }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nTry spillway-viewer --help\n`);
    process.exit(2);
  }
}

function toNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

function announce(
  { url, port, directory, notices }: Viewer,
  { json, token }: { json: boolean; token: string | undefined },
): void {
  for (const notice of notices) process.stderr.write(`${notice}\n`);
  if (json) {
    process.stdout.write(`${JSON.stringify({ url, port, directory: directory ?? null, pid: process.pid })}\n`);
    return;
  }
  const lines = [
    '',
    `  Spillway viewer   ${url}/${token === undefined ? '' : '?token=<your token>'}`,
    '',
    `  Loki push         POST ${url}/loki/api/v1/push`,
    `  NDJSON            POST ${url}/ingest`,
    `  Records           ${directory ?? 'in memory only'}`,
    '',
    '  Press Ctrl+C to stop.',
    '',
    '',
  ];
  process.stdout.write(lines.join('\n'));
}

function closeOnSignal(running: Viewer): void {
  let signals = 0;
  const stop = () => {
    // A second Ctrl+C means: at once.
    if (++signals > 1) process.exit(130);
    void running.close().then(() => process.exit(0));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ViewerError ? error.message : String((error as Error).stack)}\n`);
  process.exit(error instanceof ViewerError && error.code === 'SPILLWAY_OPTIONS_INVALID' ? 2 : 1);
});
