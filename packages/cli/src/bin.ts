#!/usr/bin/env node
// The command `spillway`: this process as the surroundings of one run.
// The first Ctrl-C or SIGTERM ends a command in order, the second one at once. A reader that leaves (`| head`) ends it too.
import { createInterface } from 'node:readline/promises';
import { exitCodes, type Io } from './io.js';
import { run } from './run.js';

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopping.signal.aborted) process.exit(exitCodes.interrupted);
    stopping.abort();
  });
}
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.fine : exitCodes.unfinished);
});
process.stderr.on('error', () => {});

const io: Io = {
  stdout: (chunk) => new Promise((resolve) => process.stdout.write(chunk, () => resolve())),
  stderr: (text) => void process.stderr.write(text),
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
  // Some terminals do not know theirs, and say 0.
  columns: process.stderr.columns || 80,
  env: process.env,
  signal: stopping.signal,
  async ask(question) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await terminal.question(question, { signal: stopping.signal });
    } catch {
      return undefined;
    } finally {
      terminal.close();
    }
  },
};

async function main(): Promise<void> {
  const code = await run(process.argv.slice(2), io);
  // What a transport keeps open must not keep a finished command alive.
  process.stderr.write('', () => process.exit(code));
}

void main();
