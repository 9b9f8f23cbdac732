// Spillway in its three ways (pino's worker, its own thread, in process) to each protocol, compressed and not, with
// everything armed: bounds, retries, counts and a spool directory.

import pino from 'pino';
import { inWorker } from './worker.mjs';

const protocols = {
  http: ({ url }) => ['http', { url: `${url}/logs` }],
  loki: ({ url }) => ['loki', { url, labels: { app: 'bench' } }],
  elasticsearch: ({ url }) => ['elasticsearch', { url, index: 'logs-bench-default' }],
  otlp: ({ url }) => ['otlp', { url, resource: { 'service.name': 'bench' } }],
  'otlp raw': ({ url }) => ['otlp', { url, resource: { 'service.name': 'bench' }, body: 'line' }],
};

const ways = {
  worker: (options) => inWorker('@spillway/pino', options),
  'own thread': (options) => stream(options, { worker: true }),
  'in process': (options) => stream(options, {}),
};

/** Our stream. */
function stream(options, way) {
  return async (context) => {
    const { spillway } = await import('@spillway/pino');
    const stream = spillway({ ...options(context), ...way });
    await stream.ready();
    const log = pino(stream);
    return { log, flush: () => new Promise((resolve) => log.flush(resolve)), close: () => stream.close() };
  };
}

export const ours = Object.keys(ways).flatMap((way) =>
  Object.keys(protocols).flatMap((protocol) =>
    [false, true].map((compressed) => ({
      name: `spillway ${way} ${protocol}${compressed ? ' compressed' : ''}`,
      group: 'spillway',
      ships: true,
      spools: true,
      way,
      protocol,
      compressed,
      start: ways[way]((context) => optionsOf(protocol, compressed, context)),
    })),
  ),
);

function optionsOf(protocol, compressed, context) {
  const [name, own] = protocols[protocol](context);
  // Loki's protobuf is always in snappy: without compression means its framing alone.
  const loki = name === 'loki' && !compressed ? { snappy: 'literal' } : {};
  return {
    to: [name, { ...own, ...loki }],
    send: { compression: compressed ? 'auto' : 'none' },
    spool: { directory: context.spool, ...context.spoolOptions },
    ...context.options,
  };
}
