// A logger that writes lines to a file by itself, buffered and asynchronously: the cheapest way that pino has.

import pino from 'pino';

/** @param {string} dest path of the file */
export function toFile(dest) {
  const destination = pino.destination({ dest, sync: false, minLength: 4096 });
  const flush = () => new Promise((resolve) => destination.flush(resolve));
  return {
    log: pino(destination),
    async flush() {
      // A flush during a write waits for that write alone.
      await flush();
      await flush();
    },
    close: () => new Promise((resolve) => destination.once('close', resolve).end()),
  };
}
