// One contender in a process of its own: logs a burst, then reports what it cost.
// In (messages): `{ name, records, url }`, later `delivered` once the parent has seen the records arrive, or given up.
// Out (messages): `logged` after the last call, then the costs. Loading and connecting are not counted; everything
// from the first log call to the last delivered record is, in all threads.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { contenders } from './contenders.mjs';

const perTick = 500;
const message = (test) =>
  new Promise((resolve) => {
    process.on('message', function listen(value) {
      if (!test(value)) return;
      process.off('message', listen);
      resolve(value);
    });
  });

const order = message((value) => value.name !== undefined);
const delivered = message((value) => value === 'delivered');
process.send('started');
const { name, records, url } = await order;
const { log, flush, close } = await contenders[name].start({ url });

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const cpu = process.cpuUsage();
const began = performance.now();
const inCalls = await burst(log, records);
await flush();
process.send('logged');
await delivered;
const { user, system } = process.cpuUsage(cpu);
const wallMs = performance.now() - began;
delay.disable();
process.send({
  cpuUs: user + system,
  callUs: (inCalls * 1000) / records,
  worstBlockMs: delay.max / 1e6,
  maxRssMb: process.resourceUsage().maxRSS / 1024,
  wallMs,
});
await close();
process.disconnect();

/** Logs as fast as the loop allows, with a turn of the event loop every few hundred calls. Returns ms in calls. */
function burst(log, records) {
  let inCalls = 0;
  let i = 0;
  return new Promise((resolve) => {
    (function tick() {
      const before = performance.now();
      for (const end = Math.min(i + perTick, records); i < end; i++) {
        log.info(
          {
            i,
            requestId: `3f1c9a52-7d0e-4b6e-9c1e-${100_000_000_000 + i}`,
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
      inCalls += performance.now() - before;
      if (i < records) setImmediate(tick);
      else resolve(inCalls);
    })();
  });
}
