// How far a long run is, on stderr: a bar that redraws itself on a terminal, elsewhere a line every ten seconds.

const width = 24;
const quietMs = 10_000;

export class Progress {
  #done = 0;
  #began = Date.now();
  #said = 0;

  constructor(total) {
    this.total = total;
  }

  /** `label` begins. */
  begin(label) {
    this.#show(label);
  }

  /** One more is done. */
  advance() {
    this.#done += 1;
    if (this.#done === this.total && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }

  #show(label) {
    const now = Date.now();
    if (!process.stderr.isTTY && now - this.#said < quietMs) return;
    this.#said = now;
    const share = this.#done / this.total;
    const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '·');
    const left =
      this.#done > 0 ? `, ${clock(((now - this.#began) / this.#done) * (this.total - this.#done))} left` : '';
    const line = `${bar} ${this.#done}/${this.total}${left}  ${label}`;
    process.stderr.write(
      process.stderr.isTTY ? `\r\x1b[K${line.slice(0, process.stderr.columns ?? 120)}` : `${line}\n`,
    );
  }
}

function clock(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
