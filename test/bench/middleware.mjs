// What request logging costs a request: CPU time of the whole server process a request, ours beside pino-http, Fastify's and
// Hono's own loggers, and beside none. All variants run in the same rounds, in turns, every time in a fresh process; the
// figures are medians over the rounds. Run after `pnpm build:js`:
//   node test/bench/middleware.mjs [rounds=5] [requests=20000] [framework,…]
import { fork } from 'node:child_process';
import net from 'node:net';

const [rounds = 5, requests = 20_000] = process.argv.slice(2, 4).map(Number);
const chosen = (process.argv[4] ?? 'node,express,fastify,hono').split(',');
const variants = {
  node: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  express: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  fastify: ['none', 'own', 'spillway'],
  hono: ['none', 'own', 'structured', 'spillway'],
};
const CONNECTIONS = 32;
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

const load = (port, count) =>
  Promise.all(Array.from({ length: CONNECTIONS }, () => drive(port, Math.ceil(count / CONNECTIONS))));
const reply = (child) => new Promise((resolve) => child.once('message', resolve));

/** One measurement in a fresh process: how the engine happens to optimize a process stays with it for life. */
async function measure(framework, logging) {
  const child = fork(new URL('./middleware-server.mjs', import.meta.url), [framework, logging]);
  const { port } = await reply(child);
  await load(port, requests / 2);
  const before = await usage(child);
  await load(port, requests);
  const after = await usage(child);
  child.disconnect();
  return (after - before) / (Math.ceil(requests / CONNECTIONS) * CONNECTIONS);
}

async function usage(child) {
  const answer = reply(child);
  child.send('usage');
  const { cpu } = await answer;
  return cpu.user + cpu.system;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

for (const framework of chosen) {
  const costs = Object.fromEntries(variants[framework].map((logging) => [logging, []]));
  for (let n = 0; n < rounds; n++) {
    // Whoever comes first in one round comes last in the next.
    const order = n % 2 === 0 ? variants[framework] : [...variants[framework]].reverse();
    for (const logging of order) costs[logging].push(await measure(framework, logging));
  }
  const bare = median(costs.none);
  console.log(`\n${framework}: CPU of the process per request, median of ${rounds} rounds of ${requests}`);
  for (const [logging, own] of Object.entries(costs)) {
    const cost = median(own);
    const ratio = median(costs.spillway) / cost;
    const spread = `${Math.min(...own).toFixed(1)}–${Math.max(...own).toFixed(1)}`;
    console.log(
      `  ${logging.padEnd(15)} ${cost.toFixed(1).padStart(6)} µs (${spread})  logging ${(cost - bare).toFixed(1).padStart(5)} µs` +
        `  spillway/this ${ratio.toFixed(2)}`,
    );
  }
}
