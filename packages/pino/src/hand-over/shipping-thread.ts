// One shipping thread, from its start to its end. In: what it is to do, and requests. Out: its answers, and why it ended.
// Invariants: it keeps the process alive only while it is told to; what it knew of its records can be read when it is gone.

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { plainReason } from '@spillway/core';
import type { StreamOptions } from '../options.js';
import { Account, accountMemory, type Sums } from './account.js';
import type { Answer, HandOverData, Request } from './messages.js';

/** Room for young objects: the thread works on bytes and makes few, so that V8's default would stay as garbage. */
const YOUNG_GENERATION_MB = 8;

/** What a thread is to do. */
export interface ThreadWork {
  readonly ring: SharedArrayBuffer;
  readonly options: StreamOptions;
  readonly deadlineMs: number;
  /** How many pipelines there are. */
  readonly pipelines: number;
}

/** Who started it. */
export interface ThreadOwner {
  heard(answer: Answer): void;
  /** It is gone, in order or not. */
  ended(cause: string): void;
}

/** A thread that ships. */
export class ShippingThread {
  /** Whether it has come as far as to say something. */
  ran = false;
  private readonly startedAt = performance.now();
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly account: Account;
  private readonly owner: ThreadOwner;

  /** @throws where the environment has no threads to give */
  constructor({ ring, options, deadlineMs, pipelines }: ThreadWork, owner: ThreadOwner) {
    this.owner = owner;
    const { port1, port2 } = new MessageChannel();
    const account = accountMemory(pipelines);
    this.account = new Account(account);
    // Left alone by webpack, which would bundle everything once more for the thread, and fails at dependencies that are
    // CommonJS (webpack/webpack#18315).
    this.worker = new Worker(/* webpackIgnore: true */ new URL('./hand-over-worker.js', import.meta.url), {
      name: 'spillway',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      workerData: { ring, account, options, port: port2, deadlineMs } satisfies HandOverData,
      transferList: [port2],
    });
    this.worker.unref();
    this.port = port1;
    port1.on('message', (answer: Answer) => this.hear(answer));
    port1.unref();
    let cause: string | undefined;
    this.worker.on('error', (error) => {
      cause = plainReason(String(error));
    });
    this.worker.once('exit', (code) => owner.ended(cause ?? `it exited with code ${code}`));
  }

  /** How long ago it was started. */
  get ageMs(): number {
    return performance.now() - this.startedAt;
  }

  /** What it knows, or knew last, of the records of each pipeline. */
  get sums(): readonly Sums[] {
    return this.account.read();
  }

  ask(request: Request): void {
    this.port.postMessage(request);
  }

  /** Says whether the process is to stay alive for what the thread may say. */
  hold(holds: boolean): void {
    if (holds) this.port.ref();
    else this.port.unref();
  }

  /** Hears what was said and not heard yet, at once. */
  hearAll(): void {
    for (let next = receiveMessageOnPort(this.port); next; next = receiveMessageOnPort(this.port)) {
      this.hear(next.message as Answer);
    }
  }

  /** Listens no more: it is gone. */
  letGo(): void {
    this.port.close();
  }

  /** Ends it, whatever it is doing, and says nothing of it. */
  terminate(): void {
    this.worker.removeAllListeners('exit');
    void this.worker.terminate();
    this.letGo();
  }

  private hear(answer: Answer): void {
    this.ran = true;
    this.owner.heard(answer);
  }
}
