// The forward protocol's server of the Fluent project: acks by chunk, compressed and packed events, shared key and user, TLS.
// In: --tcp, --auth and --tls ports, --cert and --key files, --out file. Out: a line of JSON an event.
// A chunk is acknowledged in the same turn in which its events go to the file.
import { appendFileSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EventTime, FluentServer } from '@fluent-org/logger';

const names = ['tcp', 'auth', 'tls', 'cert', 'key', 'out'];
const { values: flags } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])) });

const security = {
  serverHostname: 'fluent.test',
  sharedKey: 'shared-key',
  authorize: true,
  userDict: { shop: 'shop-password' },
};
const tlsOptions = { cert: readFileSync(flags.cert), key: readFileSync(flags.key) };
const servers = { tcp: {}, auth: { security }, tls: { security, tlsOptions } };

for (const [input, options] of Object.entries(servers)) {
  const server = new FluentServer({ ...options, listenOptions: { port: Number(flags[input]), host: '127.0.0.1' } });
  server.on('entry', (tag, time, record) => {
    appendFileSync(flags.out, `${JSON.stringify({ input, tag, ns: nanoseconds(time), record })}\n`);
  });
  await server.listen();
}

function nanoseconds(time) {
  const [seconds, rest] = time instanceof EventTime ? [time.epoch, time.nano] : [time, 0];
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
}

process.on('SIGTERM', () => process.exit(0));
