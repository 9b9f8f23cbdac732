// Measures the process it is in, from the first log call on. In: `called` after each turn's calls. Out: `figures`.

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** A clock that all processes of the machine share, in ms. */
export const nowMs = () => Number(process.hrtime.bigint()) / 1e6;

const maxTurns = 100_000;

export class Meter {
  #turns;
  #count = 0;
  #inCallsMs = 0;
  #worstMs = 0;
  #delay;
  #resolutionMs;
  #cpu;
  #mainMs;
  #began;

  constructor({ records, perSecond }) {
    // Four numbers a turn, there from the start, so that a long run does not grow by being measured. Paced turns come every
    // 10 ms at most, others make at least one call.
    const turns = perSecond ? Math.ceil((records / perSecond) * 100) + 100 : Math.min(records, maxTurns);
    this.#turns = new Float64Array(turns * 4).fill(-1);
    // A timer that wakes an idle process often would be a part of what is measured.
    this.#resolutionMs = perSecond ? 10 : 2;
    this.#delay = monitorEventLoopDelay({ resolution: this.#resolutionMs });
    this.#delay.enable();
    this.#cpu = process.cpuUsage();
    this.#mainMs = mainThreadMs();
    this.#began = nowMs();
  }

  /** Records `from` to `to`, exclusive, were logged in one turn that began at `atMs`. */
  called(from, to, atMs) {
    const tookMs = nowMs() - atMs;
    this.#inCallsMs += tookMs;
    this.#worstMs = Math.max(this.#worstMs, tookMs);
    if (to === from || (this.#count + 1) * 4 > this.#turns.length) return;
    this.#turns.set([from, to, atMs, tookMs], this.#count * 4);
    this.#count += 1;
  }

  async figures() {
    const { user, system } = process.cpuUsage(this.#cpu);
    const mainMs = mainThreadMs() - this.#mainMs;
    const wallMs = nowMs() - this.#began;
    this.#delay.disable();
    const { maxRSS } = process.resourceUsage();
    const { written, calls } = writes();
    const delayMs = (ns) => Math.max(ns / 1e6 - this.#resolutionMs, 0);
    // What stays, not what the collector has not come to yet.
    for (let n = 0; n < 2; n++) {
      globalThis.gc?.();
      await sleep(50);
    }
    const turns = Array.from({ length: this.#count }, (_, n) => [...this.#turns.subarray(n * 4, n * 4 + 4)]);
    const callUs = turns.map(([from, to, , tookMs]) => (tookMs * 1000) / (to - from)).sort((a, b) => a - b);
    return {
      cpuUs: user + system,
      mainUs: mainMs * 1000,
      callUs: callUs[callUs.length >> 1],
      meanCallUs: (this.#inCallsMs * 1000) / (turns.at(-1)?.[1] ?? 1),
      worstBlockMs: Math.max(this.#worstMs, delayMs(this.#delay.max)),
      loopP99Ms: delayMs(this.#delay.percentile(99)),
      peakRssMb: maxRSS / 1024,
      settledRssMb: process.memoryUsage.rss() / 2 ** 20,
      diskBytes: written,
      writeCalls: calls,
      wallMs,
      turns,
    };
  }
}

/** CPU time of this thread, or of the whole process where the kernel does not tell. */
function mainThreadMs() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  } catch {
    return Number.NaN;
  }
}

/** Bytes that this process caused to be written to disks, and its write calls of all kinds. */
function writes() {
  try {
    const io = readFileSync('/proc/self/io', 'latin1');
    return { written: Number(/write_bytes: (\d+)/.exec(io)?.[1]), calls: Number(/syscw: (\d+)/.exec(io)?.[1]) };
  } catch {
    return { written: Number.NaN, calls: Number.NaN };
  }
}
