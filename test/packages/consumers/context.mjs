// An application that has the middleware twice, as `import` and `require` load it: named on the command line, the one that logs
// requests and the one that is used during them. Prints what was logged.
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const load = { esm: (name) => import(name), cjs: async (name) => require(name) };
const [first, second] = process.argv.slice(2).map((kind) => load[kind]);
const { requestLog } = await first('@spillway/middleware/node');
const { requestLog: again } = await second('@spillway/middleware/node');
const { createLogger } = await first('@spillway/middleware/logger');
const { addContext, withContext } = await second('@spillway/middleware');

const lines = [];
const destination = { write: (line) => lines.push(JSON.parse(line)) };
const logger = createLogger({ destination });
const other = require('pino')(withContext({}), destination);
const [log, logAgain] = [requestLog({ logger }), again({ logger })];

const server = http.createServer((req, res) => {
  log(req, res, () =>
    logAgain(req, res, async () => {
      addContext({ user: req.url.slice(1) });
      await new Promise((done) => setImmediate(done));
      logger.info('in the handler');
      other.info('through pino');
      res.end('ok');
    }),
  );
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  for (const id of ['a', 'b']) {
    const response = await fetch(`http://127.0.0.1:${port}/${id}`, { headers: { 'x-request-id': id } });
    await response.text();
  }
  server.close(() => console.log(JSON.stringify(lines.map(({ msg, request_id, user }) => [msg, request_id, user]))));
});
