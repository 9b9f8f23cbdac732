// A small shop: the application in the demo. It logs with pino as any service would, one record for each request
// (kind: access) and others for what it does (kind: app), and ships them through Spillway's worker target.
// Parent to child: `stop`. Child to parent: `{ port }`, then `{ logged }` now and then, at the end `{ report }`.

import { randomUUID } from 'node:crypto';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { stats } from '@spillway/pino';
import express from 'express';
import pino from 'pino';

let logged = 0;
const transport = pino.transport({ target: '@spillway/pino', options: JSON.parse(process.argv[2]) });
const log = pino(
  {
    base: { service: 'shop' },
    hooks: {
      logMethod(args, method) {
        logged += 1;
        method.apply(this, args);
      },
    },
  },
  transport,
);
const access = log.child({ kind: 'access' });
const app = log.child({ kind: 'app' });

const products = Array.from({ length: 500 }, (_, id) => ({
  id,
  name: `product ${id}`,
  price: 5 + ((id * 37) % 400) / 4,
}));
const shop = express();
shop.disable('x-powered-by');
shop.use((request, response, next) => {
  const began = performance.now();
  request.id = request.get('x-request-id') ?? randomUUID();
  response.on('finish', () => {
    const level = response.statusCode >= 500 ? 'error' : response.statusCode >= 400 ? 'warn' : 'info';
    access[level](
      {
        requestId: request.id,
        method: request.method,
        path: request.originalUrl,
        status: response.statusCode,
        durationMs: Math.round((performance.now() - began) * 100) / 100,
        remote: request.socket.remoteAddress,
        userAgent: request.get('user-agent'),
      },
      'request completed',
    );
  });
  next();
});
shop.get('/products', (_request, response) => response.json(products.slice(0, 10)));
shop.get('/products/:id', (request, response) => {
  const product = products[Number(request.params.id)];
  if (!product) {
    app.warn({ requestId: request.id, product: request.params.id }, 'no such product');
    response.status(404).json({ error: 'no such product' });
    return;
  }
  app.info({ requestId: request.id, product: product.id, price: product.price }, 'product viewed');
  response.json(product);
});
shop.post('/orders', express.json(), (request, response) => {
  const { user, product, quantity } = request.body;
  app.info({ requestId: request.id, user, product, quantity }, 'order received');
  if (quantity > 9) throw new Error(`payment of ${quantity} × ${product} refused`);
  app.info({ requestId: request.id, user, total: products[product].price * quantity }, 'order paid');
  response.status(201).json({ order: randomUUID() });
});
shop.use((error, request, response, _next) => {
  app.error({ requestId: request.id, err: error }, 'request failed');
  response.status(502).json({ error: 'payment failed' });
});

const delay = monitorEventLoopDelay({ resolution: 10 });
const server = shop.listen(0, '127.0.0.1', () => {
  delay.enable();
  process.send({ port: server.address().port });
});
const began = performance.now();
const cpu = process.cpuUsage();
const progress = setInterval(() => process.send({ logged }), 50);

process.on('message', async (message) => {
  if (message !== 'stop') return;
  clearInterval(progress);
  delay.disable();
  server.close();
  server.closeAllConnections();
  await new Promise((resolve) => log.flush(resolve));
  const [shipped] = await stats(transport);
  const { user, system } = process.cpuUsage(cpu);
  const report = {
    logged,
    stats: shipped,
    seconds: (performance.now() - began) / 1000,
    cpuUsPerRecord: (user + system) / logged,
    maxRssMb: process.resourceUsage().maxRSS / 1024,
    eventLoopP99Ms: delay.percentile(99) / 1e6,
  };
  process.send({ report }, () => process.disconnect());
});
