// The shipping thread: reads the ring, runs the pipeline, answers the application's thread.
// In: the ring and the options, as worker data. Out: deliveries; stats now and then, reports when asked; the account, always, and
// last words where the thread ends but not in order.

import { subscribe } from 'node:diagnostics_channel';
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { FlushReport } from '@spillway/core';
import { loadTransport } from '../load-transport.js';
import { planStream } from '../options.js';
import { loadedTransportsOf, shippingOf } from '../shipping.js';
import { Account } from './account.js';
import { consume, takeAll } from './consumer.js';
import type { Answer, HandOverData, Request } from './messages.js';
import { RingReader } from './ring.js';

/** How often the counts are told, while they change. */
const STATS_MS = 500;

async function run({ ring, account: memory, options, port, deadlineMs }: HandOverData): Promise<void> {
  const plan = planStream(options);
  const shipping = shippingOf(plan, await loadedTransportsOf(plan, loadTransport));
  const reader = new RingReader(ring);
  const account = new Account(memory);
  const settle = () => account.write(shipping.stats());
  // Of what is lost here, and counted as such, it is enough to tell now and then.
  // Not at once: it is told before it is counted.
  subscribe('spillway:batchAcked', () => setImmediate(settle));
  subscribe('spillway:batchSpilled', settle);
  const say = (answer: Answer) => {
    // What is told is never ahead of the account.
    settle();
    port.postMessage(answer);
  };

  let told = '';
  const timer = setInterval(() => {
    const stats = shipping.stats();
    const counts = JSON.stringify([stats.accepted, stats.acked, stats.rejected, stats.dropped, stats.spooled]);
    if (counts !== told) say({ type: 'stats', stats });
    told = counts;
  }, STATS_MS);

  const hear = (request: Request): void => {
    if (request.type === 'levels') {
      shipping.addLevels(request.levels);
      return;
    }
    const { id } = request;
    const answer = (report: FlushReport) => say({ type: 'answered', id, report });
    if (request.type === 'ready') {
      void shipping.ready().then(() => answer({ settled: true, stats: shipping.stats() }));
    } else {
      takeAll(reader, shipping, settle);
      const { timeoutMs } = request;
      void shipping.flush({ ...(timeoutMs !== undefined && { timeoutMs }) }).then(answer);
    }
  };
  // A listener keeps the thread alive while it sleeps on the ring.
  port.on('message', hear);

  // Code that we depend on may end the thread, by an error that nobody catches or by `process.exit`.
  const lastWords = () => {
    shipping.spillSync();
    say({ type: 'stats', stats: shipping.stats() });
  };
  process.once('exit', lastWords);

  // What was said before a line was written, as the names of its levels, is heard before the line is read.
  const before = () => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) hear(next.message as Request);
  };
  say({ type: 'stats', stats: shipping.stats() });
  const report = await consume(reader, shipping, { before, taken: settle, deadlineMs });
  process.off('exit', lastWords);
  clearInterval(timer);
  say({ type: 'closed', report });
  reader.done();
  port.close();
}

void run(workerData as HandOverData);
