// RELP, the protocol in which rsyslog acknowledges each message: `TXNR SP COMMAND SP LENGTH [SP DATA] LF`.
// In: messages of batches. Out: for each message whether it was taken, as far as the destination said before the connection
// ended. Source: rsyslog/librelp doc/relp.html and src/relp.h (a window of 128 frames, transaction numbers up to 999999999).
// Invariants: no more than a window of messages is unanswered; an answer counts once, for the message that it names.

import type { SessionContext, StreamProtocol, StreamSession } from '@spillway/core';
import type { SyslogMessages } from './syslog-messages.js';
import { nextTransaction, type RelpFrame, RelpReader, relpFrame } from './syslog-relp-frames.js';

/** What the destination said about the messages of a batch. */
export type RelpReply =
  | { readonly kind: 'answered'; readonly answers: readonly RelpAnswer[]; readonly reason: string }
  /** It does not let us send messages at all. */
  | { readonly kind: 'refused'; readonly reason: string };

/** Of one message. */
type RelpAnswer = 'taken' | 'refused' | 'unanswered';

/** RELP over any stream. */
export const relpProtocol: StreamProtocol<SyslogMessages, RelpReply> = { open: (context) => new RelpSession(context) };

const windowSize = 128;
/** Version 0 is what librelp speaks and accepts. */
const offers = 'relp_version=0\nrelp_software=spillway\ncommands=syslog';

interface Job {
  readonly wire: SyslogMessages;
  readonly answers: RelpAnswer[];
  next: number;
  open: number;
  /** What the destination said to the first message that it refused. */
  reason: string;
  resolve(reply: RelpReply): void;
  reject(error: unknown): void;
}

class RelpSession implements StreamSession<SyslogMessages, RelpReply> {
  readonly #connection: SessionContext['connection'];
  readonly #reader = new RelpReader();
  readonly #unanswered = new Map<number, { readonly job: Job; readonly index: number }>();
  readonly #jobs = new Set<Job>();
  #greeting: { resolve(reply: RelpReply | undefined): void; reject(error: unknown): void } | undefined;
  #transaction = 0;

  constructor({ connection }: SessionContext) {
    this.#connection = connection;
  }

  greet(): Promise<RelpReply | undefined> {
    return new Promise((resolve, reject) => {
      this.#greeting = { resolve, reject };
      this.#connection.write([relpFrame(this.#nextTransaction(), 'open', offers)]).catch(reject);
    });
  }

  send(wire: SyslogMessages): Promise<RelpReply> {
    return new Promise((resolve, reject) => {
      const count = wire.ends.length;
      const answers = new Array<RelpAnswer>(count).fill('unanswered');
      this.#jobs.add({ wire, answers, next: 0, open: count, reason: '', resolve, reject });
      this.#pump();
    });
  }

  received(data: Buffer): void {
    for (const frame of this.#reader.read(data)) this.#answered(frame);
    this.#pump();
  }

  ended(error: unknown): void {
    this.#greeting?.reject(error);
    for (const job of this.#jobs) {
      // What was answered is settled; only the rest goes out again.
      if (job.answers.every((answer) => answer === 'unanswered')) job.reject(error);
      else job.resolve({ kind: 'answered', answers: job.answers, reason: job.reason || 'connection ended' });
    }
    this.#jobs.clear();
    this.#unanswered.clear();
  }

  farewell(): Uint8Array {
    return relpFrame(this.#nextTransaction(), 'close', '');
  }

  #answered({ transaction, command, data }: RelpFrame): void {
    // The destination is about to close the connection, and asks for another one.
    if (command === 'serverclose') this.#connection.destroy(closing);
    else if (command !== 'rsp') throw nonsense;
    else if (this.#greeting) this.#greeted(data.startsWith('200'), data);
    else this.#settle(transaction, data.startsWith('200'), data);
  }

  #settle(transaction: number, taken: boolean, data: string): void {
    const waiting = this.#unanswered.get(transaction);
    if (!waiting) return;
    this.#unanswered.delete(transaction);
    const { job, index } = waiting;
    job.answers[index] = taken ? 'taken' : 'refused';
    if (!taken) job.reason ||= data;
    if (--job.open > 0) return;
    this.#jobs.delete(job);
    job.resolve({ kind: 'answered', answers: job.answers, reason: job.reason });
  }

  #greeted(taken: boolean, data: string): void {
    const commands = /^commands=(.*)$/m.exec(data)?.[1]?.split(',') ?? [];
    const welcome = taken && commands.includes('syslog');
    const reason = taken ? 'the destination takes no syslog messages' : data;
    this.#greeting?.resolve(welcome ? undefined : { kind: 'refused', reason });
    this.#greeting = undefined;
  }

  /** Sends as many messages as the window has room for. */
  #pump(): void {
    const frames: Buffer[] = [];
    for (const job of this.#jobs) {
      const { body, ends } = job.wire;
      while (job.next < ends.length && this.#unanswered.size < windowSize) {
        const index = job.next++;
        const transaction = this.#nextTransaction();
        this.#unanswered.set(transaction, { job, index });
        frames.push(relpFrame(transaction, 'syslog', body.subarray(index === 0 ? 0 : ends[index - 1], ends[index])));
      }
    }
    // Trouble with writing ends the connection, and that settles the jobs.
    if (frames.length > 0) this.#connection.write([Buffer.concat(frames)]).catch(() => {});
  }

  #nextTransaction(): number {
    this.#transaction = nextTransaction(this.#transaction);
    return this.#transaction;
  }
}

const closing = Object.assign(new Error('the destination closes'), { code: 'SPILLWAY_PEER_CLOSED' });
const nonsense = Object.assign(new Error('not RELP'), { code: 'SPILLWAY_PROTOCOL' });
