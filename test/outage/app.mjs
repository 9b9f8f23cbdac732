// The application of the outage scenario: logs numbered records at a steady rate through the worker transport, and watches
// itself. In (messages): `{ records, rate }` for a phase, `stats`, `end`. Out: for each phase what it saw of itself; the
// pipeline's counts; nothing.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { stats } from '@spillway/pino';
import pino from 'pino';

const transport = pino.transport({ target: '@spillway/pino', options: JSON.parse(process.env.OPTIONS) });
await new Promise((resolve, reject) => transport.once('ready', resolve).once('error', reject));
const log = pino(transport);
const tickMs = 10;
let next = 0;
let stopped = false;

const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

function logOne() {
  const i = next++;
  log.info(
    {
      i,
      requestId: `3f1c9a52-${(i * 2_654_435_761) >>> 0}-4b6e-9c1e-${100_000_000_000 + i}`,
      method: 'GET',
      path: `/api/orders/${i % 1000}/items`,
      status: 200,
      durationMs: (i % 97) + 0.25,
      user: `user-${i % 500}`,
      agent: 'shop-app/4.2',
    },
    'request completed',
  );
}

/** Logs so many records at a rate, or without a number until told to stop. */
function phase({ records = Number.POSITIVE_INFINITY, rate }) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const from = next;
  const began = nowMs();
  const rss = [];
  /** Where each tick began: its first number and its time. */
  const ticks = [];
  stopped = false;
  return new Promise((resolve) => {
    let sampledAt = 0;
    const timer = setInterval(() => {
      const now = nowMs();
      ticks.push([next, now]);
      // Not more than four ticks' worth at once, so that a slow machine is not made to catch up in bursts.
      const due = Math.min(from + records, from + Math.floor(((now - began) * rate) / 1000));
      for (const end = Math.min(due, next + (4 * rate * tickMs) / 1000); next < end; ) logOne();
      if (now - sampledAt > 200) {
        sampledAt = now;
        rss.push(process.memoryUsage.rss() / 2 ** 20);
      }
      if (next < from + records && !stopped) return;
      clearInterval(timer);
      delay.disable();
      const ms = (nanoseconds) => nanoseconds / 1e6;
      const loop = { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) };
      resolve({ from, to: next, seconds: (nowMs() - began) / 1000, loop, rss, ticks });
    }, tickMs);
  });
}

process.on('message', async (order) => {
  if (order === 'stop') stopped = true;
  else if (order === 'stats') process.send({ stats: (await stats(transport))[0] });
  else if (order === 'end') {
    transport.once('close', () => process.disconnect());
    transport.end();
  } else process.send({ phase: await phase(order) });
});
process.send('up');
