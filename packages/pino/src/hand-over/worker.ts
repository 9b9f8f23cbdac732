// The shipping thread: reads the ring, runs the pipeline, answers the application's thread.
// In: the ring and the options, as worker data. Out: deliveries; stats now and then, reports when asked.

import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { FlushReport } from '@spillway/core';
import { loadTransport } from '../load-transport.js';
import { planStream } from '../options.js';
import { loadedTransportsOf, shippingOf } from '../shipping.js';
import { consume, takeAll } from './consumer.js';
import type { Answer, HandOverData, Request } from './messages.js';
import { RingReader } from './ring.js';

/** How often the counts are told, while they change. */
const STATS_MS = 500;

async function run({ ring, options, port, deadlineMs }: HandOverData): Promise<void> {
  const plan = planStream(options);
  const shipping = shippingOf(plan, await loadedTransportsOf(plan, loadTransport));
  const reader = new RingReader(ring);
  const say = (answer: Answer) => port.postMessage(answer);

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
      takeAll(reader, shipping);
      const { timeoutMs } = request;
      void shipping.flush({ ...(timeoutMs !== undefined && { timeoutMs }) }).then(answer);
    }
  };
  // A listener keeps the thread alive while it sleeps on the ring.
  port.on('message', hear);

  // What was said before a line was written, as the names of its levels, is heard before the line is read.
  const before = () => {
    for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) hear(next.message as Request);
  };
  const report = await consume(reader, shipping, { before, deadlineMs });
  clearInterval(timer);
  say({ type: 'closed', report });
  reader.done();
  port.close();
}

void run(workerData as HandOverData);
