// Runs the commands of an installation. In: a command. Out: its end; its output goes to a log file in the cache, whose
// last lines are part of the error. Always true: the command runs niced, so that tests beside it keep their pace.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const attempts = 4;
const firstPauseMs = 2000;
const tailLines = 25;

/** One line about what goes on, on stderr. */
export function progress(text) {
  process.stderr.write(`servers: ${text}\n`);
}

/** Runs a command that may fail for passing reasons (a registry, a connection) until it succeeds, a few times. */
export async function runRetrying(step) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(step);
    } catch (error) {
      if (attempt === attempts) throw error;
      progress(`${step.what}: attempt ${attempt} of ${attempts} failed, trying again`);
      await sleep(firstPauseMs * 3 ** (attempt - 1));
    }
  }
}

/**
 * @param {{ what: string, command: string, args: string[], cwd?: string, env?: Record<string, string>, log: string }} step
 * @returns {Promise<void>}
 */
function run({ what, command, args, cwd, env, log }) {
  const output = openSync(log, 'a');
  return new Promise((resolve, reject) => {
    const child = spawn('nice', ['-n', '10', command, ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-tailLines).join('\n');
      reject(new Error(`${what}: ${command} ended with ${signal ?? code}; the end of ${log}:\n${tail}`));
    });
  }).finally(() => closeSync(output));
}
