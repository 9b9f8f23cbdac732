// Collects what a logger writes and waits for it. In: lines. Out: parsed records. For tests only.
import pino from 'pino';
import { type WithContextOptions, withContext } from '../context/pino.js';

/** A parsed line. */
export type Line = Record<string, unknown> & { level: number; time: number; msg: string };

/** Keeps all lines written to it. */
export class Lines {
  readonly raw: string[] = [];

  write(line: string): boolean {
    this.raw.push(line);
    return true;
  }

  all(): Line[] {
    return this.raw.map((line) => JSON.parse(line) as Line);
  }

  records(): Line[] {
    return this.all().filter(({ kind }) => kind === 'access');
  }

  with(msg: string): Line[] {
    return this.all().filter((line) => line.msg === msg);
  }

  clear(): void {
    this.raw.length = 0;
  }

  /** Waits until so many records of requests are there. */
  async recordsWhen(count: number): Promise<Line[]> {
    await until(() => this.raw.filter((line) => line.includes('"kind":"access"')).length >= count, `${count} records`);
    return this.records();
  }
}

/** Waits for a condition; fails with what it waited for. */
export async function until(condition: () => boolean, what: string, deadlineMs = 20_000): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A pino logger that carries the context, and its lines. */
export function pinoLines(level = 'info', own: WithContextOptions = {}) {
  const lines = new Lines();
  return { lines, logger: pino(withContext({ level }, own), lines) };
}
