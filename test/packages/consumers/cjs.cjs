// A CommonJS application: 500 records through the worker target, 500 through the stream, 500 through the stream with a
// thread of its own.
const { spillway, stats } = require('@spillway/pino');
const { http } = require('@spillway/transports/http');
const pino = require('pino');

const url = process.env.RECEIVER_URL;
const transport = pino.transport({ target: '@spillway/pino', options: { to: ['http', { url: `${url}/worker` }] } });
const worker = pino(transport);
for (let i = 0; i < 500; i++) worker.info({ i }, 'from the worker');
worker.flush(async () => {
  const [counted] = await stats(transport);
  if (counted.acked.records !== 500) throw new Error(`acked ${counted.acked.records}`);
  const log = pino(spillway({ to: http({ url: `${url}/stream` }) }));
  for (let i = 500; i < 1000; i++) log.info({ i }, 'from the stream');
  const own = pino(spillway({ to: ['http', { url: `${url}/own` }], worker: true }));
  for (let i = 1000; i < 1500; i++) own.info({ i }, 'from the thread of its own');
});
