// What is compared: each contender makes a logger that ships to the receiver, or, for the floors, nowhere.
// In: the receiver's URL. Out: `log` to call, `flush` to push out what is buffered, `close` to end.
// The options of the peers are tuned for throughput, so that none of them drops records for want of a larger buffer.

import pino from 'pino';

/** A contender that runs in a pino worker thread. */
function worker(target, options) {
  return async ({ url }) => {
    const transport = pino.transport({ target, options: options(url) });
    await new Promise((resolve, reject) => transport.once('ready', resolve).once('error', reject));
    const log = pino(transport);
    return {
      log,
      flush: () => new Promise((resolve) => log.flush(resolve)),
      close() {
        // Without this, the process would end before its worker.
        transport.ref();
        return new Promise((resolve) => transport.once('close', resolve).end());
      },
    };
  };
}

/** Spillway's stream. */
function stream(options) {
  return async ({ url }) => {
    const { spillway } = await import('@spillway/pino');
    const to = ['http', { url: `${url}/logs` }];
    const stream = spillway({ to, send: { compression: 'none' }, ...options });
    // Its thread starts in the background; a flush answers when it is up.
    await new Promise((resolve) => stream.flush(resolve));
    const log = pino(stream);
    return { log, flush: () => new Promise((resolve) => log.flush(resolve)), close: () => stream.close() };
  };
}

export const contenders = {
  'pino → /dev/null': {
    ships: false,
    async start() {
      const destination = pino.destination({ dest: '/dev/null', sync: false, minLength: 4096 });
      return {
        log: pino(destination),
        flush: () => new Promise((resolve) => destination.flush(resolve)),
        close: () => new Promise((resolve) => destination.once('close', resolve).end()),
      };
    },
  },
  'pino → worker → /dev/null': {
    ships: false,
    start: worker('pino/file', () => ({ destination: '/dev/null' })),
  },
  'spillway http': {
    ships: true,
    start: worker('@spillway/pino', (url) => ({ to: ['http', { url: `${url}/logs` }], send: { compression: 'none' } })),
  },
  'spillway http, default compression': {
    ships: true,
    start: worker('@spillway/pino', (url) => ({ to: ['http', { url: `${url}/logs` }] })),
  },
  'spillway loki': {
    ships: true,
    start: worker('@spillway/pino', (url) => ({ to: ['loki', { url, labels: { app: 'bench' } }] })),
  },
  'spillway http, own thread': {
    ships: true,
    start: stream({ worker: true }),
  },
  'spillway http, in process': {
    ships: true,
    start: stream({ worker: false }),
  },
  'pino-loki': {
    ships: true,
    start: worker('pino-loki', (url) => ({
      host: url,
      labels: { app: 'bench' },
      batching: { interval: 0.2, maxBufferSize: 1_000_000 },
    })),
  },
};

/** What the others are compared with. */
export const floor = 'pino → worker → /dev/null';
