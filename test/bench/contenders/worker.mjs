// A logger whose lines go to one of pino's worker threads, ready to take them.

import pino from 'pino';

/** @param target what pino loads in the worker; @param options its options, from `{ url, spool }` */
export function inWorker(target, options) {
  return async (context) => {
    const transport = pino.transport({ target, options: options(context) });
    // Before it is ready, because some wait for the configuration that pino sends.
    const log = pino(transport);
    await new Promise((resolve, reject) => transport.once('ready', resolve).once('error', reject));
    // pino-elasticsearch ends the process at the first failure if nobody listens.
    transport.on('error', (error) => process.stderr.write(`${error}\n`));
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
