// An application under test: `node app.mjs <scenario>`, options of Spillway as JSON in the environment variable OPTIONS.
// Numbered records go through the worker target, or, in the scenarios "in process …", through the stream.

import { closeOnSignal, flush, spillway, stats } from '@spillway/pino';
import pino from 'pino';

const options = JSON.parse(process.env.OPTIONS);
const records = Number(process.env.RECORDS ?? 1000);

function worker(settings = {}) {
  const transport = pino.transport({ target: '@spillway/pino', options });
  return { transport, log: pino(settings, transport) };
}

function burst(log) {
  for (let i = 0; i < records; i++) log.info({ i }, 'a line of the burst');
}

/** Records of three kinds and two levels. */
function mixture(log) {
  const audit = log.child({ kind: 'audit' });
  for (let i = 0; i < records; i++) {
    if (i % 10 === 0) audit.info({ i }, 'who did what');
    else if (i % 10 === 5) log.error({ i, kind: 'app' }, 'it failed');
    else if (i % 10 === 7) log.debug({ i }, 'a detail');
    else log.info({ i, order: { kind: 'audit' } }, 'a line of the mixture');
  }
}

const ready = (transport) => new Promise((resolve) => transport.once('ready', resolve));
const flushed = (log) => new Promise((resolve) => log.flush(resolve));
/** Tells the test something, at once. */
const tell = (value) => process.send(value);
/** Keeps the process alive until it is told to stop, or killed. */
const stayAlive = () => setInterval(() => {}, 1000);

/** Goes on logging when its shipping thread is gone, and closes when the test says so. */
async function outlive(end) {
  const threads = [];
  process.on('worker', (thread) => threads.push(thread));
  const stream = spillway({ ...options, worker: true });
  const log = pino(stream);
  const logHalf = (from) => {
    for (let i = from; i < from + records / 2; i++) log.info({ i }, 'a line of the burst');
  };
  logHalf(0);
  // That these were taken is told; how much is taken of what comes after them, nobody is told.
  while (stream.stats().accepted.records < records / 2) await new Promise((resolve) => setTimeout(resolve, 10));
  logHalf(records / 2);
  stream.flushSync();
  const dead = new Promise((resolve) => threads[0].once('exit', resolve));
  end(threads[0]);
  await dead;
  tell(stream.stats());
  const alive = stayAlive();
  await new Promise((resolve) => process.once('message', resolve));
  clearInterval(alive);
  await stream.ready();
  tell(await stream.close());
  process.exit(0);
}

const scenarios = {
  'exits before the worker is up'() {
    burst(worker().log);
    process.exit(7);
  },
  async 'exits right after logging'() {
    const { transport, log } = worker();
    await ready(transport);
    burst(log);
    process.exit(7);
  },
  'ends by itself'() {
    burst(worker().log);
    process.exitCode = 7;
  },
  async 'throws right after logging'() {
    const { transport, log } = worker();
    await ready(transport);
    burst(log);
    setImmediate(() => {
      throw new Error('deliberate');
    });
  },
  async 'rejects right after logging'() {
    const { transport, log } = worker();
    await ready(transport);
    burst(log);
    Promise.reject(new Error('deliberate'));
    stayAlive();
  },
  async 'logs the exception, then exits as pino advises'() {
    const { transport, log } = worker();
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error, i: records - 1 }, 'uncaught');
      process.exit(7);
    });
    await ready(transport);
    for (let i = 0; i < records - 1; i++) log.info({ i }, 'a line of the burst');
    throw new Error('deliberate');
  },
  async 'flushes, then is killed'() {
    const { log } = worker();
    burst(log);
    await flushed(log);
    process.kill(process.pid, 'SIGKILL');
  },
  async 'closes on SIGTERM'() {
    const { transport, log } = worker();
    closeOnSignal(transport);
    await ready(transport);
    burst(log);
    tell('logged');
    stayAlive();
  },
  async 'has its own SIGTERM listener beside ours'() {
    const { transport, log } = worker();
    closeOnSignal(transport);
    process.on('SIGTERM', () => flushed(log).then(() => process.exit(7)));
    await ready(transport);
    burst(log);
    tell('logged');
    stayAlive();
  },
  async 'reports stats'() {
    const { transport, log } = worker();
    burst(log);
    await flushed(log);
    tell(await stats(transport));
  },
  async 'flushes and reports'() {
    const { transport, log } = worker();
    burst(log);
    tell(await flush(transport, { timeoutMs: Number(process.env.TIMEOUT_MS ?? 10_000) }));
    process.exit(0);
  },
  async 'asks for stats after the end'() {
    const { transport, log } = worker();
    const alive = stayAlive();
    burst(log);
    await new Promise((resolve) => transport.once('close', resolve).end());
    tell(await stats(transport).catch((error) => error.message));
    clearInterval(alive);
  },
  async 'listens for errors'() {
    const { transport } = worker();
    transport.on('error', ({ message, stack }) => tell({ message, stack }));
  },
  'does not listen for errors'() {
    burst(worker().log);
    stayAlive();
  },
  async 'has routes'() {
    const { transport, log } = worker({ level: 'debug' });
    mixture(log);
    await flushed(log);
    tell(await stats(transport));
  },
  async 'own thread, has routes'() {
    const stream = spillway({ ...options, worker: true });
    mixture(pino({ level: 'debug' }, stream));
    tell([(await stream.close()).stats]);
  },
  async 'in process, has routes'() {
    const stream = spillway(options);
    mixture(pino({ level: 'debug' }, stream));
    tell([(await stream.close()).stats]);
  },
  async 'two spillway targets and a file'() {
    const transport = pino.transport({
      targets: [
        { target: '@spillway/pino', level: 'info', options: options[0] },
        { target: '@spillway/pino', level: 'error', options: options[1] },
        { target: 'pino/file', level: 'warn', options: { destination: options[2] } },
      ],
    });
    const log = pino(transport);
    for (let i = 0; i < records; i++) log[i % 10 === 0 ? 'error' : 'info']({ i }, 'line');
    await flushed(log);
    const counted = await stats(transport);
    tell(counted.map(({ accepted }) => accepted.records));
  },
  'in a pipeline of targets'() {
    const transport = pino.transport({
      pipeline: [{ target: new URL('relay.mjs', import.meta.url).href }, { target: '@spillway/pino', options }],
    });
    burst(pino(transport));
  },
  'custom levels as labels'() {
    const { log } = worker({
      customLevels: { audit: 35 },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    });
    log.audit({ i: 0 }, 'who did what');
    log.warn({ i: 1 }, 'a warning');
  },
  'custom levels as numbers, other keys, nanoseconds'() {
    const { log } = worker({
      customLevels: { audit: 35 },
      messageKey: 'message',
      errorKey: 'error',
      timestamp: pino.stdTimeFunctions.isoTimeNano,
    });
    log.audit({ i: 0 }, 'who did what');
    log.error({ i: 1, error: new Error('deliberate') }, 'a failure');
  },
  async 'in process, ends by itself'() {
    burst(pino(spillway(options)));
  },
  'in process, exits right after logging'() {
    burst(pino(spillway(options)));
    process.exit(7);
  },
  'in process, throws right after logging'() {
    burst(pino(spillway(options)));
    throw new Error('deliberate');
  },
  async 'in process, shutdown auto'() {
    burst(pino(spillway({ ...options, shutdown: 'auto' })));
    tell('logged');
    stayAlive();
  },
  async 'in process, shutdown auto beside a listener of the application'() {
    const stream = spillway({ ...options, shutdown: 'auto' });
    process.on('SIGTERM', () => stream.close().then(() => process.exit(7)));
    burst(pino(stream));
    tell('logged');
    stayAlive();
  },
  async 'in process, two streams with shutdown auto'() {
    const [one, other] = [0, 1].map(() => pino(spillway({ ...options, shutdown: 'auto' })));
    for (let i = 0; i < records; i++) (i % 2 === 0 ? one : other).info({ i }, 'a line of the burst');
    tell('logged');
    stayAlive();
  },
  async 'in process, a listener for once before shutdown auto'() {
    let stream;
    process.once('SIGTERM', () => setTimeout(() => stream.close().then(() => process.exit(7)), 300));
    stream = spillway({ ...options, shutdown: 'auto' });
    burst(pino(stream));
    tell('logged');
    stayAlive();
  },
  async 'in process, shutdown auto, logs on'() {
    const log = pino(spillway({ ...options, shutdown: 'auto' }));
    burst(log);
    tell('logged');
    setInterval(() => log.info({ i: 0 }, 'still here'), 1);
  },
  async 'closes on SIGTERM, logs on'() {
    const { transport, log } = worker();
    closeOnSignal(transport);
    await ready(transport);
    burst(log);
    tell('logged');
    setInterval(() => log.info({ i: 0 }, 'still here'), 1);
  },
  'in process, logs while it exits'() {
    const log = pino(spillway(options));
    process.on('exit', () => {
      for (let i = records - 2; i < records; i++) log.info({ i }, 'the end');
    });
    for (let i = 0; i < records - 2; i++) log.info({ i }, 'a line of the burst');
    process.exit(7);
  },
  'own thread, exits right after logging'() {
    burst(pino(spillway({ ...options, worker: true })));
    process.exit(7);
  },
  'own thread, ends by itself'() {
    burst(pino(spillway({ ...options, worker: true })));
    process.exitCode = 7;
  },
  'own thread, throws right after logging'() {
    burst(pino(spillway({ ...options, worker: true })));
    throw new Error('deliberate');
  },
  async 'own thread, flushes, then is killed'() {
    const log = pino(spillway({ ...options, worker: true }));
    burst(log);
    await flushed(log);
    process.kill(process.pid, 'SIGKILL');
  },
  async 'own thread, closes, then logs on'() {
    const stream = spillway({ ...options, worker: true });
    const log = pino(stream);
    burst(log);
    const { settled, stats: counts } = await stream.close();
    tell({ settled, counts });
  },
  async 'own thread, levels as labels'() {
    const stream = spillway({ ...options, worker: true });
    const log = pino({ customLevels: { audit: 35 }, formatters: { level: (label) => ({ level: label }) } }, stream);
    log.audit({ i: 0 }, 'who did what');
    await stream.close();
  },
  'own thread, which is terminated': () => outlive((thread) => thread.terminate()),
  'own thread, which throws': () => outlive(() => new BroadcastChannel('thread-end').postMessage('now')),
  'own thread, bad options'() {
    try {
      spillway({ ...options, worker: true, batch: { linger: 5 } });
    } catch ({ code, message }) {
      tell({ code, message });
    }
  },
  async 'logs for a while and watches itself'() {
    const { monitorEventLoopDelay } = await import('node:perf_hooks');
    const { transport, log } = worker();
    await ready(transport);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    for (let i = 0; i < records; ) {
      for (const end = Math.min(i + 250, records); i < end; i++) log.info({ i, pad: 'x'.repeat(200) }, 'line');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    delay.disable();
    // The last lines may still be on their way between the threads when the worker hears the question.
    let [during] = await stats(transport);
    while (during.accepted.records < records) [during] = await stats(transport);
    tell({ during, worstBlockMs: delay.max / 1e6, maxRssMb: process.resourceUsage().maxRSS / 1024 });
    stayAlive();
    process.once('message', async () => {
      await flushed(log);
      tell({ after: (await stats(transport))[0] });
      process.exit(0);
    });
  },
};

await scenarios[process.argv[2]]();
// Without a scenario that listens, the channel to the test must not keep the process alive.
process.channel?.unref();
