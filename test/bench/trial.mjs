// One contender in one scenario, once. In: the contender, the scenario, the receiver. Out: raw figures, also if the
// contender dies on the way. Always true: its process and its spool are gone when the promise is settled.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from './agents/index.mjs';

const maxErrorText = 4000;
const endMs = 30_000;
/** Longest that a contender may take for everything. */
const trialMs = 240_000;

/**
 * @param {{ contender, scenario, target, options?, onLogging? }} what `target` is the receiver, `options` are added to
 *   those of Spillway, `onLogging` is told the process at the first log call
 */
export async function trial({ contender, scenario, target, options, onLogging = () => {} }) {
  await target.mode({ kind: 'ok' });
  await target.clear();
  const spool = mkdtempSync(join(tmpdir(), 'spillway-bench-'));
  const timers = [];
  const agent = contender.agent ? await startAgent({ name: contender.agent, folder: spool, target }) : undefined;
  const order = { name: contender.name, scenario, url: target.url, spool, options, file: agent?.file };
  const child = start(scenario);
  try {
    await child.says('started');
    child.send(order);
    if (scenario.warmUp > 0) await warmedUp(child);
    await child.says('logging');
    onLogging(child.pid);
    for (const { atMs, mode } of scenario.faults) {
      if (atMs === 0) await target.mode(mode);
      else timers.push(setTimeout(() => target.mode(mode).catch(() => {}), atMs));
    }
    const own = await (scenario.ends === 'exit' ? leave(child, order) : measure(child));
    return { ...own, ...(await arrived(own.turns)) };
  } catch (error) {
    if (!(error instanceof EarlyEnd)) throw error;
    return { died: error.message, ...(await arrived(undefined)) };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    await child.end();
    await agent?.stop();
    rmSync(spool, { recursive: true, force: true });
  }

  /** What comes before the measurement has arrived, and is forgotten. */
  async function warmedUp(child) {
    await child.says('warm');
    if (contender.ships) await settled(scenario.warmUp);
    await target.clear();
    child.send('begin');
  }

  async function measure(child) {
    await child.says('logged');
    if (contender.ships) await settled(scenario.records);
    const agentFigures = agent && { agent: agent.figures() };
    child.send('delivered');
    const { figures } = await child.says('measured');
    return { ...figures, ...agentFigures };
  }

  /** The process leaves in the middle; where something may be on disk, another one comes and takes care of it. */
  async function leave(child, order) {
    const { atMs } = await child.says('exiting');
    await child.gone;
    const exitMs = Number(process.hrtime.bigint()) / 1e6 - atMs;
    const successor = contender.spools ? start(scenario) : undefined;
    successor?.send({ ...order, scenario: { ...scenario, records: 0 } });
    await settled(scenario.records);
    successor?.send('delivered');
    await successor?.end();
    return { exitMs };
  }

  async function arrived(turns) {
    if (!contender.ships) return { unique: scenario.records, lost: 0, duplicates: 0, requests: 0, wireBytes: 0 };
    const { unique, duplicates, requests, bytes } = await target.stats();
    const latency = turns ? latencies(turns, await target.arrivals()) : {};
    return { unique, lost: scenario.records - unique, duplicates, requests, wireBytes: bytes, ...latency };
  }

  /** Waits until all records are there, or none came for a while. */
  async function settled(records) {
    const failing = scenario.faults.length > 0;
    const patienceMs = Math.max(scenario.patienceMs, failing ? (contender.patienceMs ?? 0) : 0);
    let last = -1;
    for (;;) {
      const stats = await target.received(records, patienceMs);
      if (stats.unique >= records || stats.unique === last) return;
      last = stats.unique;
    }
  }
}

/** From the call to the arrival of the request that held the record, in ms. */
function latencies(turns, arrivals) {
  const all = [];
  for (const [from, to, atMs] of turns) {
    for (let i = from; i < to; i++) if (arrivals[i] > 0) all.push(arrivals[i] - atMs);
  }
  const sorted = Float64Array.from(all).sort();
  const at = (share) => sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)];
  return { latencyP50Ms: at(0.5), latencyP99Ms: at(0.99) };
}

class EarlyEnd extends Error {}

/** A contender's process, with what it says and the end of what it complains about. */
function start({ limitMs = trialMs }) {
  const child = fork(new URL('contender.mjs', import.meta.url), {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    complaint = (complaint + text).slice(-maxErrorText);
  });
  const gone = once(child, 'exit');
  const said = new Map();
  /** What it says at an event, whether that has been or is to come. */
  const words = (event) => {
    if (!said.has(event)) {
      const word = {};
      word.promise = new Promise((resolve) => {
        word.resolve = resolve;
      });
      said.set(event, word);
    }
    return said.get(event);
  };
  child.on('message', (value) => words(value.event).resolve(value));
  const says = (event) => {
    const early = gone.then(([code, signal]) => {
      const reason = complaint.trim().split('\n').slice(-5).join(' | ');
      throw new EarlyEnd(`ended with ${signal ?? code} before it was ${event}: ${reason}`);
    });
    return Promise.race([words(event).promise, early]);
  };
  // Whatever it waits for: the run goes on without it.
  const watchdog = setTimeout(() => child.kill('SIGKILL'), limitMs);
  gone.finally(() => clearTimeout(watchdog));
  const end = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
    await gone;
    clearTimeout(timer);
  };
  return { pid: child.pid, says, send: (value) => child.connected && child.send(value), gone, end };
}
