// What request logging costs a request: CPU time of the whole server process a request, ours beside pino-http, Fastify's and
// Hono's own loggers, and beside none. In every round each variant has a fresh process, for how the engine happens to optimize a
// process stays with it for life; when all are warm they are loaded in turns, so that a machine that slows down for a while slows
// all of them. The figures are medians over the rounds, the ratios medians of each round's own. Run after `pnpm build:js`:
//   node test/bench/middleware.mjs [rounds=5] [requests=20000] [framework,…] [async|sync]
// The destination drops all lines. `async`, pino's default, writes what has piled up since the last write, and measures that
// pile again for each line; `sync` writes each line at once.
import { fork } from 'node:child_process';
import net from 'node:net';

const [rounds = 5, requests = 20_000] = process.argv.slice(2, 4).map(Number);
const chosen = (process.argv[4] ?? 'node,express,fastify,hono').split(',');
const destination = process.argv[5] ?? 'async';
const variants = {
  node: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  express: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  fastify: ['none', 'own', 'spillway'],
  hono: ['none', 'own', 'structured', 'spillway'],
};
const CONNECTIONS = 32;
const TURNS = 10;
const PER_CONNECTION = Math.ceil(requests / TURNS / CONNECTIONS);
// What a browser behind a proxy sends.
const request = [
  'GET /users/42?page=2 HTTP/1.1',
  'host: shop.example.com',
  'user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36',
  'accept: application/json, text/plain, */*',
  'accept-language: en-US,en;q=0.9',
  'accept-encoding: gzip, deflate, br',
  'x-forwarded-for: 203.0.113.7',
  'x-forwarded-proto: https',
  'x-request-id: 0af76519-16cd-43dd-8448-eb211c80319c',
  'cookie: session=abcdef0123456789; theme=dark',
  'connection: keep-alive',
  '\r\n',
].join('\r\n');

/** Sends requests over one connection, one after another. */
function drive(port, count) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    let left = count;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      // An answer is small and arrives in one or two pieces; the last one ends with the body's brace, chunked or not.
      const end = chunk.subarray(-7).toString('latin1');
      if (!end.endsWith('}') && !end.endsWith('0\r\n\r\n')) return;
      if (--left === 0) socket.end();
      else socket.write(request);
    });
    socket.on('close', () => (left === 0 ? resolve() : reject(new Error(`${left} answers are missing`))));
    socket.on('error', reject);
  });
}

const load = (port) => Promise.all(Array.from({ length: CONNECTIONS }, () => drive(port, PER_CONNECTION)));
const reply = (child) => new Promise((resolve) => child.once('message', resolve));

async function start(framework, logging) {
  const child = fork(new URL('./middleware-server.mjs', import.meta.url), [framework, logging, destination]);
  const { port } = await reply(child);
  return { logging, child, port, cost: 0 };
}

async function usage(child) {
  const answer = reply(child);
  child.send('usage');
  const { cpu } = await answer;
  return cpu.user + cpu.system;
}

/** What a request costs with each way of logging, in one round. */
async function round(framework) {
  const servers = [];
  for (const logging of variants[framework]) servers.push(await start(framework, logging));
  // As many requests to warm up as are measured.
  for (const { port } of servers) for (let turn = 0; turn < TURNS; turn++) await load(port);
  for (let turn = 0; turn < TURNS; turn++) {
    // Whoever comes first in one turn comes last in the next.
    for (const server of turn % 2 === 0 ? servers : [...servers].reverse()) {
      const before = await usage(server.child);
      await load(server.port);
      server.cost += (await usage(server.child)) - before;
    }
  }
  for (const { child } of servers) child.disconnect();
  const count = TURNS * PER_CONNECTION * CONNECTIONS;
  return Object.fromEntries(servers.map(({ logging, cost }) => [logging, cost / count]));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

for (const framework of chosen) {
  const results = [];
  for (let n = 0; n < rounds; n++) results.push(await round(framework));
  const all = `median of ${rounds} rounds of ${requests}, ${destination} destination, Node ${process.version}`;
  console.log(`\n${framework}: CPU of the process per request, ${all}`);
  for (const logging of variants[framework]) {
    const own = results.map((costs) => costs[logging]);
    const over = median(results.map((costs) => costs[logging] - costs.none));
    const ratios = results.map((costs) => costs.spillway / costs[logging]);
    const spread = (values, digits) => `${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)}`;
    console.log(
      `  ${logging.padEnd(15)} ${median(own).toFixed(1).padStart(6)} µs (${spread(own, 1)})  logging ${over.toFixed(1).padStart(5)} µs` +
        `  spillway/this ${median(ratios).toFixed(2)} (${spread(ratios, 2)})`,
    );
  }
}
