// Sends datagrams from one UDP socket that is connected to its peer, because only such a socket hears of refusals.
// In: a batch as datagrams. Out: 'taken' in the sense of `datagram.ts`; rejects when the network said that nobody listens.
// Invariants: no I/O before the first send; a burst is spread out, since receivers hold only a few hundred datagrams;
// a failed socket is replaced, by one to the host's next address.

import dgram from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { type Runtime, sleep } from '../runtime.js';
import type { Sender } from '../transport.js';
import { abortable } from '../waiting.js';
import type { StreamAddress } from './address.js';
import { coded } from './dial.js';
import { QuietWatch } from './quiet-watch.js';

/** A batch as datagrams. */
export interface DatagramWire {
  /** The datagrams of each record, in order. */
  readonly records: readonly (readonly Buffer[])[];
}

/** What the operating system said. */
export interface DatagramReply {
  /** Records with a datagram that was too large to send, by index. */
  readonly tooLarge: readonly number[];
}

/** What a sender needs to know. */
export interface DatagramSettings {
  readonly address: Extract<StreamAddress, { host: string }>;
  /** How long to wait for the network to say that nobody listens, ms. */
  readonly confirmMs: number;
  /** After about this time the name is looked up again, ms. */
  readonly maxConnectionAgeMs: number;
}

/** How many datagrams leave at once, each millisecond. */
const burst = 16;

interface Link {
  readonly socket: dgram.Socket;
  readonly watch: QuietWatch;
  readonly expires: number;
  over: boolean;
  pending: number;
}

/** The sender of datagram transports. */
export class DatagramSender implements Sender<DatagramWire, DatagramReply> {
  readonly #settings: DatagramSettings;
  readonly #runtime: Runtime;
  #known: Link | undefined;
  #acquiring: Promise<Link> | undefined;
  /** Which of the host's addresses to use: the next one after each failure. */
  #turn = 0;
  #closed = false;

  constructor(settings: DatagramSettings, runtime: Runtime) {
    this.#settings = settings;
    this.#runtime = runtime;
  }

  async send({ records }: DatagramWire, signal: AbortSignal): Promise<DatagramReply> {
    signal.throwIfAborted();
    const link = await abortable(this.#acquire(), signal);
    link.pending++;
    link.socket.ref();
    try {
      const reply = await this.#transmit(link, records, signal);
      await abortable(link.watch.quiet(), signal);
      return reply;
    } catch (error) {
      // An abort says nothing about the socket.
      if (!signal.aborted) this.#fail(link, error);
      throw error;
    } finally {
      if (--link.pending === 0 && !link.over) this.#release(link);
    }
  }

  async close(): Promise<void> {
    // A socket that is being made ends when it is there: looking a name up takes as long as it takes.
    this.#closed = true;
    if (this.#known) end(this.#known, closed());
  }

  async #transmit({ socket, watch }: Link, records: DatagramWire['records'], signal: AbortSignal) {
    const tooLarge: number[] = [];
    let sent = 0;
    for (const [index, parts] of records.entries()) {
      for (const part of parts) {
        if (++sent % burst === 0) await sleep(this.#runtime, 1, signal);
        signal.throwIfAborted();
        if (watch.broken) throw watch.broken.error;
        const error = await new Promise<Error | null>((resolve) => socket.send(part, resolve));
        if (!error) continue;
        if ((error as NodeJS.ErrnoException).code !== 'EMSGSIZE') throw error;
        tooLarge.push(index);
        break;
      }
    }
    return { tooLarge };
  }

  #acquire(): Promise<Link> {
    const known = this.#known;
    if (known && !known.over && this.#runtime.monotonic() < known.expires) return Promise.resolve(known);
    this.#known = undefined;
    if (known && known.pending === 0) end(known, closed());
    this.#acquiring ??= this.#connect().finally(() => {
      this.#acquiring = undefined;
    });
    return this.#acquiring;
  }

  /** What is wrong with a socket is wrong with its address: the next one takes its turn, once for each socket. */
  #fail(link: Link, error: unknown): void {
    if (link.over) return;
    this.#turn++;
    end(link, error);
  }

  #release(link: Link): void {
    if (this.#known === link) link.socket.unref();
    else end(link, closed());
  }

  async #connect(): Promise<Link> {
    const { address, confirmMs, maxConnectionAgeMs } = this.#settings;
    const all = await lookup(address.host, { all: true });
    const found = all[this.#turn % all.length]!;
    if (this.#closed) throw closed();
    const socket = dgram.createSocket(found.family === 6 ? 'udp6' : 'udp4');
    const watch = new QuietWatch(this.#runtime, confirmMs);
    const expires = this.#runtime.monotonic() + maxConnectionAgeMs * (0.8 + 0.4 * this.#runtime.random());
    const link: Link = { socket, watch, expires, over: false, pending: 0 };
    // Connected to its peer, a socket hears that nobody listens there.
    await new Promise<void>((resolve, reject) => {
      socket.on('error', (error) => {
        reject(error);
        this.#fail(link, error);
      });
      socket.once('connect', resolve);
      socket.connect(address.port, found.address);
    });
    if (this.#closed) end(link, closed());
    this.#known = link;
    return link;
  }
}

function end(link: Link, error: unknown): void {
  if (link.over) return;
  link.over = true;
  link.watch.ended(error);
  link.socket.close();
}

function closed(): Error {
  return coded('ABORT_ERR', 'closed');
}
