// What a command says: lines for people on stderr, or one JSON document on stdout.
// With --json nobody reads the lines, so they are left out; complaints and progress still go to stderr.

import type { Io } from './io.js';
import { type Paint, painter } from './text/paint.js';

export class Output {
  readonly paint: Paint;
  readonly #io: Io;
  readonly #json: boolean;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.#json = json;
    this.paint = painter(io);
  }

  /** Says something to people. */
  line(text = ''): void {
    if (!this.#json) this.#io.stderr(`${text}\n`);
  }

  /** Says something that must be seen in any case. */
  warn(text: string): void {
    this.#io.stderr(`${this.paint('yellow', text)}\n`);
  }

  /** The result as data, if that was asked for. `format` goes up when a shape changes in a way that breaks readers. */
  async result(command: string, data: object): Promise<void> {
    if (this.#json) await this.#io.stdout(`${JSON.stringify({ command, format: 1, ...data })}\n`);
  }
}
