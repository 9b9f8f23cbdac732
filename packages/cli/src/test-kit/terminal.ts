// A command run inside a test, and a spool to run it on.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSpool, type Spool, systemRuntime } from '@spillway/core';
import type { Io } from '../io.js';
import { run } from '../run.js';

/** What a command said and how it ended. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Stdout as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: what it holds is what the test is about
  json(): any;
}

/** Runs a command as if typed. */
export async function spillway(args: readonly string[], given: Partial<Io> = {}): Promise<Said> {
  const out: Buffer[] = [];
  let stderr = '';
  const code = await run(args, {
    stdout: async (chunk) => void out.push(Buffer.from(chunk)),
    stderr: (text) => {
      stderr += text;
    },
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: 80,
    env: {},
    signal: new AbortController().signal,
    ask: async () => undefined,
    ...given,
  });
  const stdout = Buffer.concat(out).toString();
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}

/** A directory for spools, with what was opened in it. */
export class Ground {
  readonly directory = mkdtempSync(join(tmpdir(), 'spillway-cli-'));
  readonly #spools: Spool[] = [];

  /** A spool of this process. */
  open(options: object = {}, destination = 'http h/x'): Spool {
    const given = { directory: this.directory, minFreeBytes: 0, ...options };
    const spool = createSpool(given, { runtime: systemRuntime, destination });
    this.#spools.push(spool);
    return spool;
  }

  async clear(): Promise<void> {
    for (const spool of this.#spools) await spool.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
