// One line that says how far a drain is: on a terminal it is drawn again and again, elsewhere said now and then.

import type { Io } from './io.js';
import { duration } from './text/amounts.js';
import { plain } from './text/plain.js';

/** How far something is, in records. */
export interface Position {
  readonly done: number;
  readonly total: number;
}

const drawMs = 200;
const sayMs = 10_000;
/** The rate is that of the last seconds, so that it follows the destination. */
const windowMs = 5000;
const barCells = 24;

export class Progress {
  readonly #io: Io;
  readonly #label: string;
  readonly #position: () => Position;
  readonly #timer: ReturnType<typeof setInterval>;
  #samples: { readonly at: number; readonly done: number }[] = [];

  /** Starts to show. */
  constructor(io: Io, label: string, position: () => Position) {
    this.#io = io;
    this.#label = label;
    this.#position = position;
    this.#samples.push({ at: performance.now(), done: position().done });
    // Keeps the process alive as well, while nothing else does.
    this.#timer = setInterval(() => this.#show(), io.stderrIsTerminal ? drawMs : sayMs);
  }

  /** Clears the line. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#io.stderrIsTerminal) this.#io.stderr('\r\u001b[2K');
  }

  #show(): void {
    const position = this.#position();
    const at = performance.now();
    this.#samples.push({ at, done: position.done });
    while (this.#samples.length > 2 && at - this.#samples[1]!.at > windowMs) this.#samples.shift();
    const first = this.#samples[0]!;
    const rate = ((position.done - first.done) / Math.max(1, at - first.at)) * 1000;
    const line = progressLine({ label: this.#label, ...position, rate });
    if (this.#io.stderrIsTerminal) this.#io.stderr(`\r\u001b[2K${line.slice(0, Math.max(20, this.#io.columns - 1))}`);
    else this.#io.stderr(`${line}\n`);
  }
}

/** The line itself. `rate` is in records a second. */
export function progressLine({ label, done, total, rate }: Position & { label: string; rate: number }): string {
  const share = total > 0 ? Math.min(1, done / total) : 1;
  const full = Math.round(share * barCells);
  const bar = `${'█'.repeat(full)}${'░'.repeat(barCells - full)}`;
  const eta = rate > 0 ? duration(((total - done) / rate) * 1000) : '–';
  const numbers = `${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')}`;
  return `${bar} ${Math.floor(share * 100)} %  ${numbers}  ${Math.round(rate).toLocaleString('en-US')}/s  ETA ${eta}  ${plain(label)}`;
}
