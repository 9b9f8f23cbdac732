// A fleet of applications that all log to one backend, which goes away and comes back: do they overrun it?
// In: how many, how long, and what the backend is like. Out: what the backend saw and how soon the fleet's lines were fresh
// again. Real pipelines on a simulated clock; the same seed gives the same run.

import { type Pipeline, pipeline } from '@spillway/core';
import { Backend, type BackendCounts } from './backend.js';
import { FleetClock } from './clock.js';

/** What is simulated. */
export interface Fleet {
  readonly clients: number;
  readonly outageS: number;
  readonly recoveryS: number;
  /** Whether the backend refuses what it cannot take soon. */
  readonly sheds: boolean;
  readonly seed: number;
  /** Told once for each simulated second. */
  readonly progress?: (second: number, seconds: number) => void;
}

/** How the fleet is at a moment. */
export interface FleetMark {
  /** Seconds since the backend is back. */
  readonly afterS: number;
  /** Bytes that wait in all clients. */
  readonly backlogBytes: number;
  /** Clients that had something acked in the last 30 s, as a share. */
  readonly fresh: number;
}

/** What became of it. */
export interface FleetReport {
  readonly marks: readonly FleetMark[];
  /** What the backend saw since it was back. */
  readonly backend: BackendCounts;
  /** Most requests in one second of the first minute. */
  readonly peakPerSecond: number;
  /** Requests in a second before the outage. */
  readonly steadyPerSecond: number;
  /** Seconds from the backend's return until no more waits than before the outage; undefined: not in the time. */
  readonly caughtUpS: number | undefined;
  readonly accepted: number;
  readonly acked: number;
  readonly dropped: number;
}

const stepMs = 50;
const steadyS = 30;
const freshMs = 30_000;
/** Ten lines of 500 bytes a second and client, in requests of five seconds' worth. */
const linesPerSecond = 10;
const line = `{"level":30,"time":1700000000123,"msg":"${'x'.repeat(458)}"}\n`;
const lingerMs = 5000;
/** The steady load of a client is 0.9 ms of work a second: it keeps the backend 56 % busy. */
const capacityOfClient = 0.0016;

class Client {
  readonly pipeline: Pipeline;
  lastAckMs = 0;
  private nextMs: number;

  constructor(backend: Backend, clock: FleetClock) {
    this.nextMs = clock.random() * 1000;
    const transport = backend.transport(() => {
      this.lastAckMs = clock.monotonic();
    });
    const options = { batch: { lingerMs }, queue: { maxBytes: '8mb' }, warnings: 'off' } as const;
    this.pipeline = pipeline(transport, options, clock);
  }

  /** Logs what is due. */
  log(ms: number): void {
    if (this.nextMs > ms) return;
    this.pipeline.write(line.repeat(linesPerSecond));
    this.nextMs += 1000;
  }

  get waitingBytes(): number {
    const { queued, inFlight } = this.pipeline.stats();
    return queued.bytes + inFlight.bytes;
  }
}

/** Lets a fleet live through an outage of its backend. */
export async function simulateFleet({
  clients: count,
  outageS,
  recoveryS,
  sheds,
  seed,
  progress,
}: Fleet): Promise<FleetReport> {
  const clock = new FleetClock(seed);
  const backend = new Backend({ capacity: capacityOfClient * count, sheds }, clock);
  const clients = Array.from({ length: count }, () => new Client(backend, clock));
  const backS = steadyS + outageS;
  const waiting = () => clients.reduce((sum, client) => sum + client.waitingBytes, 0);
  const marks: FleetMark[] = [];
  let usualBytes = 0;
  let caughtUpS: number | undefined;
  for (let second = 1; second <= backS + recoveryS; second++) {
    for (let ms = (second - 1) * 1000 + stepMs; ms <= second * 1000; ms += stepMs) {
      for (const client of clients) client.log(ms);
      await clock.advanceTo(ms);
    }
    progress?.(second, backS + recoveryS);
    // Batches of different clients fill at different times: the usual backlog has a ripple.
    if (second > steadyS / 2 && second <= steadyS) usualBytes = Math.max(usualBytes, waiting() * 1.1);
    if (second === steadyS) backend.down = true;
    if (second === backS) {
      backend.down = false;
      backend.counts = { requests: 0, acked: 0, refused: 0, wasted: 0 };
    }
    if (second <= backS) continue;
    const backlogBytes = waiting();
    if (backlogBytes <= usualBytes) caughtUpS ??= second - backS;
    const fresh = clients.filter(({ lastAckMs }) => clock.monotonic() - lastAckMs < freshMs).length / count;
    marks.push({ afterS: second - backS, backlogBytes, fresh });
  }
  const sum = (key: 'accepted' | 'acked' | 'dropped') =>
    clients.reduce((total, { pipeline }) => total + pipeline.stats()[key].records, 0);
  const { perSecond } = backend;
  return {
    marks,
    backend: backend.counts,
    peakPerSecond: Math.max(...perSecond.slice(backS, backS + 60).map((requests) => requests ?? 0)),
    steadyPerSecond:
      perSecond.slice(steadyS / 2, steadyS).reduce((total, requests) => total + requests, 0) / (steadyS / 2),
    caughtUpS,
    accepted: sum('accepted'),
    acked: sum('acked'),
    dropped: sum('dropped'),
  };
}
