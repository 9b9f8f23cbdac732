// What request logging costs a request: CPU time of the whole server process a request, ours beside pino-http, Fastify's and
// Hono's own loggers, and beside none. In every round each variant has a fresh process, for how the engine happens to optimize a
// process stays with it for life; when all are warm they are loaded in turns over connections that stay open. Machines that are
// shared are slower by half for seconds at a time, so turns are short, and a ratio is the median of those of neighbouring turns,
// then of the rounds; the figures are medians of all turns. A turn begins with requests that are not measured: the caches are
// those of the server before, and a server under load has its own. Run after `pnpm build:js`:
//   node test/bench/middleware.mjs [rounds=5] [requests=16384] [framework,…] [async|sync]
// The destination drops all lines. `async`, pino's default, writes what has piled up since the last write, and measures that
// pile again for each line; `sync` writes each line at once.
import { fork } from 'node:child_process';
import net from 'node:net';

const [rounds = 5, requests = 16_384] = process.argv.slice(2, 4).map(Number);
const chosen = (process.argv[4] ?? 'node,express,fastify,hono').split(',');
const destination = process.argv[5] ?? 'async';
const variants = {
  node: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  express: ['none', 'pino-http', 'pino-http-lean', 'spillway'],
  fastify: ['none', 'own', 'spillway'],
  hono: ['none', 'own', 'structured', 'spillway'],
};
const CONNECTIONS = 32;
// Some seventy milliseconds each. What a server allocates goes once around its young generation in the first of them.
const LEAD_IN_PER_CONNECTION = 64;
const PER_CONNECTION = 64;
const TURNS = Math.ceil(requests / CONNECTIONS / PER_CONNECTION);
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
class Client {
  #socket;
  #left = 0;
  #done;
  #closing = false;

  constructor(port) {
    this.#socket = net.connect(port, '127.0.0.1').setNoDelay(true);
    this.#socket.on('data', (chunk) => {
      // An answer is small and arrives in one or two pieces; the last one ends with the body's brace, chunked or not.
      const end = chunk.subarray(-7).toString('latin1');
      if (!end.endsWith('}') && !end.endsWith('0\r\n\r\n')) return;
      if (--this.#left === 0) this.#done();
      else this.#socket.write(request);
    });
    // A server that hangs up with nothing outstanding would be waited for for ever at the next turn.
    this.#socket.on('close', () => {
      if (!this.#closing) throw new Error(`a server has hung up, with ${this.#left} answers missing`);
    });
  }

  /** Resolves when all are answered. */
  send(count) {
    this.#left = count;
    this.#socket.write(request);
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  close() {
    this.#closing = true;
    this.#socket.destroy();
  }
}

const load = ({ clients }, perConnection) => Promise.all(clients.map((client) => client.send(perConnection)));
const reply = (child) => new Promise((resolve) => child.once('message', resolve));

async function start(framework, logging) {
  const child = fork(new URL('./middleware-server.mjs', import.meta.url), [framework, logging, destination]);
  child.on('exit', (code) => {
    if (code !== 0) throw new Error(`the server of ${framework} with ${logging} has died`);
  });
  const { port } = await reply(child);
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(port));
  return { logging, child, clients, costs: [] };
}

async function usage(child) {
  const answer = reply(child);
  child.send('usage');
  const { cpu } = await answer;
  return cpu.user + cpu.system;
}

/** What a request costs in each turn with each way of logging, in one round. */
async function round(framework) {
  const servers = [];
  for (const logging of variants[framework]) servers.push(await start(framework, logging));
  // As many requests to warm up as are measured.
  for (const server of servers) await load(server, TURNS * PER_CONNECTION);
  for (let turn = 0; turn < TURNS; turn++) {
    // Everyone comes first, last and after everyone else equally often.
    const first = turn % servers.length;
    const order = [...servers.slice(first), ...servers.slice(0, first)];
    for (const server of Math.floor(turn / servers.length) % 2 === 0 ? order : order.reverse()) {
      await load(server, LEAD_IN_PER_CONNECTION);
      const before = await usage(server.child);
      await load(server, PER_CONNECTION);
      server.costs.push(((await usage(server.child)) - before) / PER_CONNECTION / CONNECTIONS);
    }
  }
  for (const { child, clients } of servers) {
    for (const client of clients) client.close();
    child.disconnect();
  }
  return Object.fromEntries(servers.map(({ logging, costs }) => [logging, costs]));
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

for (const framework of chosen) {
  const results = [];
  for (let n = 0; n < rounds; n++) results.push(await round(framework));
  const all = `median of ${rounds} rounds of ${requests}, ${destination} destination, Node ${process.version}`;
  console.log(`\n${framework}: CPU of the process per request, ${all}`);
  for (const logging of variants[framework]) {
    const own = median(results.flatMap((costs) => costs[logging]));
    const over = median(results.flatMap((costs) => costs[logging].map((cost, turn) => cost - costs.none[turn])));
    const ratios = results.map((costs) => median(costs.spillway.map((cost, turn) => cost / costs[logging][turn])));
    console.log(
      `  ${logging.padEnd(15)} ${own.toFixed(1).padStart(6)} µs  logging ${over.toFixed(1).padStart(5)} µs` +
        `  spillway/this ${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)})`,
    );
  }
}
