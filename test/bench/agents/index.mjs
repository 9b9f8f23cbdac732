// Agents on a node that read the application's file and ship its lines. In: a name. Out: `startAgent`, which obtains the
// agent once, runs it on that file, and tells what it used. Fluent Bit and Vector cannot be had from a package registry,
// so these two stand for the field: rsyslog is C and does the least that an agent can, the Collector is Go.
// Always true: the agent dies with this process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { install } from '../../servers/obtain/install.mjs';
import { collector, parsingCollector } from './collector.mjs';
import { rsyslog } from './rsyslog.mjs';

export const agents = {
  rsyslog,
  'OpenTelemetry Collector': collector,
  'OpenTelemetry Collector, parsing': parsingCollector,
};

const startMs = 15_000;
const ticksPerSecond = 100;
const setpriv = '/usr/bin/setpriv';

/**
 * @param {{ name: string, folder: string, target: object }} what `folder` is for its files, `target` the receiver
 * @returns what it can tell, and the `file` that it reads
 */
export async function startAgent({ name, folder, target }) {
  const agent = agents[name];
  const directory = await install(agent.server);
  const work = join(folder, 'agent');
  mkdirSync(work);
  const file = join(folder, 'stdout.log');
  writeFileSync(file, '{"level":30,"time":1700000000000,"msg":"the application starts"}\n');
  const config = join(work, 'config');
  writeFileSync(config, agent.config({ file, url: new URL(target.url), work }));
  const log = join(work, 'log');
  const child = spawnBound(agent.command({ directory, config, work }), log);
  const gone = once(child, 'exit');
  await firstRequest(child, target, () => `${name} does not ship: ${readFileSync(log, 'utf8').slice(-2000)}`);
  await target.clear();
  const before = usage(child.pid);
  return {
    file,
    /** What it used since it was ready. */
    figures() {
      const now = usage(child.pid);
      return { cpuUs: now.cpuUs - before.cpuUs, diskBytes: now.diskBytes - before.diskBytes, peakRssMb: now.peakRssMb };
    },
    async stop() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function spawnBound({ command, args, env }, log) {
  const output = openSync(log, 'a');
  const [file, ...all] = existsSync(setpriv)
    ? [setpriv, '--pdeathsig', 'KILL', '--', command, ...args]
    : [command, ...args];
  try {
    return spawn(file, all, { env: { ...process.env, ...env }, stdio: ['ignore', output, output] });
  } finally {
    closeSync(output);
  }
}

/** Resolves when the agent has shipped the line that the file begins with. */
async function firstRequest(child, target, complaint) {
  const deadline = Date.now() + startMs;
  while ((await target.stats()).requests === 0) {
    if (Date.now() > deadline || child.exitCode !== null) {
      child.kill('SIGKILL');
      throw new Error(complaint());
    }
    await sleep(50);
  }
}

/** CPU time, bytes written to disks, and the most memory so far, of a process. */
function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The fields after the name, which may hold anything: user and system time are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const io = readFileSync(`/proc/${pid}/io`, 'latin1');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return {
    cpuUs: ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6,
    diskBytes: Number(/write_bytes: (\d+)/.exec(io)?.[1]),
    peakRssMb: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) / 1024,
  };
}
