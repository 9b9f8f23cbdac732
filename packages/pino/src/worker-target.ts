// The worker target: what `pino.transport({ target: '@spillway/pino', options })` runs in its thread.
// In: options, pino's configuration message, chunks of lines from thread-stream. Out: a stream, and answers.
// Lines pass as they are: nothing here splits or parses them. What is wrong with the options is thrown, and reaches
// the application as an 'error' event of its transport.

import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SpillwayError } from '@spillway/core';
import { loadTransport } from './load-transport.js';
import { planTarget, type TargetOptions } from './options.js';
import { PipelineStream } from './pipeline-stream.js';
import { loadedTransportsOf, shippingOf } from './shipping.js';
import { answerQuestions } from './worker-questions.js';

/** Longest that the start waits for pino's configuration. It was sent before the first line, so it is usually here. */
const CONFIG_WAIT_MS = 250;

/** Makes the stream of a pino worker. Not called by applications: pino does, by the name of this package.
 * @example
 * const transport = pino.transport({
 *   target: '@spillway/pino',
 *   options: { to: ['loki', { url: 'http://127.0.0.1:3100', labels: { app: 'shop' } }] },
 * })
 * const log = pino(transport)
 */
export default async function target(options: TargetOptions): Promise<PipelineStream> {
  try {
    const plan = planTarget(options);
    const stream = new PipelineStream(shippingOf(plan, await loadedTransportsOf(plan, loadTransport)));
    if (parentPort) {
      answerQuestions(stream);
      await pinoConfigured(parentPort, stream);
    }
    await stream.ready();
    return stream;
  } catch (error) {
    throw readable(error);
  }
}

/** Resolves when the stream knows pino's levels, or will not learn them in time; later is still heard. */
function pinoConfigured(port: MessagePort, stream: PipelineStream): Promise<void> {
  const { pinoWillSendConfig } = (workerData as { workerData?: { pinoWillSendConfig?: boolean } }).workerData ?? {};
  if (!pinoWillSendConfig) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, CONFIG_WAIT_MS);
    const listen = (message: { code?: unknown }) => {
      if (message?.code !== 'PINO_CONFIG') return;
      port.off('message', listen);
      clearTimeout(timer);
      stream.configure(message);
      resolve();
    };
    port.on('message', listen);
  });
}

/** Errors lose their own properties between threads; the stack survives, and is what Node prints. */
function readable(error: unknown): unknown {
  if (error instanceof SpillwayError) error.stack = `${error.name} [${error.code}]: ${error.message}`;
  return error;
}
