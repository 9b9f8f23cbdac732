// Sends messages through @platformatic/kafka, which has to be installed and is loaded before the first send.
// In: wires. Out: what came of them. One at a time, as the sequence numbers of an idempotent producer demand.
// Invariants: a wire whose fate is unknown is only ever repeated by the producer that sent it first, which makes the
// broker recognize it; another wire gets a new producer, since under the same numbers it would be taken for the first.
// An idle connection does not keep the process alive.

import type { Socket } from 'node:net';
import type { Producer, ProducerOptions } from '@platformatic/kafka';
import { abortable, type Runtime, type Sender, SpillwayError, sleep, type TlsMaterial } from '@spillway/core';
import { loadClient } from './client.js';
import { kafkaFailure } from './kafka-failure.js';
import type { KafkaMessage, KafkaWire } from './kafka-messages.js';
import { isUncertain, type KafkaReply } from './kafka-replies.js';

/** What a sender needs to know. */
export interface KafkaSettings {
  readonly topic: string;
  readonly producer: Omit<ProducerOptions<Buffer, Buffer, Buffer, Buffer>, 'tls'>;
  /** Undefined: no TLS. */
  readonly loadTls: (() => Promise<TlsMaterial>) | undefined;
  readonly runtime: Runtime;
}

interface Link {
  readonly producer: Producer;
  readonly tls: TlsMaterial | undefined;
  readonly sockets: Set<Socket>;
  /** The wire whose fate is unknown. */
  unsettled: string | undefined;
}

const clientPackage = '@platformatic/kafka';
/** How long an orderly end may take. */
const goodbyeMs = 1000;

/** The sender of the kafka transport. */
export class KafkaSender implements Sender<KafkaWire, KafkaReply> {
  readonly #settings: KafkaSettings;
  #link: Link | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #busy = false;
  #closed = false;

  constructor(settings: KafkaSettings) {
    this.#settings = settings;
  }

  async prepare(): Promise<void> {
    await loadClient(clientPackage, 'kafka').catch(() => {});
  }

  send(wire: KafkaWire, signal: AbortSignal): Promise<KafkaReply> {
    const sent = this.#last.then(() => this.#produce(wire, signal));
    this.#last = sent.catch(() => {});
    return sent;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#discard();
  }

  async #produce(wire: KafkaWire, signal: AbortSignal): Promise<KafkaReply> {
    signal.throwIfAborted();
    const link = await this.#linkFor(wire);
    this.#occupy(link, true);
    const { topic } = this.#settings;
    try {
      // The client adds to the options that it gets.
      await abortable(link.producer.send({ messages: wire.messages as KafkaMessage[], acks: -1 }), signal);
      link.unsettled = undefined;
      return { errors: [], stored: [] };
    } catch (error) {
      link.unsettled = wire.id;
      if (signal.aborted) {
        // What is under way cannot be called back, and must not be joined by a repetition.
        await this.#discard();
        throw signal.reason;
      }
      const { errors, cause, partitions } = kafkaFailure(error);
      if (errors.length === 0 || cause instanceof SpillwayError) throw cause;
      const count = link.producer.currentMetadata?.topics.get(topic)?.partitionsCount;
      const reply = { errors, stored: storedOf(wire, partitions, count) };
      if (!isUncertain(reply) && partitions.length === 0) link.unsettled = undefined;
      if (errors.some((name) => outOfStep.has(name))) await this.#discard();
      return reply;
    } finally {
      this.#occupy(link, false);
    }
  }

  /** The producer, or a new one where the one we have must not send this wire. */
  async #linkFor({ id }: KafkaWire): Promise<Link> {
    const { loadTls, producer: options } = this.#settings;
    const tls = await loadTls?.();
    const known = this.#link;
    if (known && known.tls === tls && (known.unsettled === undefined || known.unsettled === id)) return known;
    await this.#discard();
    const client = await loadClient<typeof import('@platformatic/kafka')>(clientPackage, 'kafka');
    if (this.#closed) throw Object.assign(new Error('closed'), { code: 'ABORT_ERR' });
    const producer = new client.Producer({ ...options, ...(tls && { tls, tlsServerName: tls.servername ?? true }) });
    const link: Link = { producer, tls, sockets: new Set(), unsettled: undefined };
    producer.on('client:broker:connect', ({ connection }: { connection: { socket: Socket } }) => {
      const { socket } = connection;
      link.sockets.add(socket);
      socket.once('close', () => link.sockets.delete(socket));
      if (!this.#busy) socket.unref();
    });
    this.#link = link;
    return link;
  }

  #occupy({ sockets }: Link, busy: boolean): void {
    this.#busy = busy;
    for (const socket of sockets) {
      if (busy) socket.ref();
      else socket.unref();
    }
  }

  /** Lets go of the producer: in good order where that is quick. */
  async #discard(): Promise<void> {
    const link = this.#link;
    this.#link = undefined;
    if (!link) return;
    const late = new AbortController();
    await Promise.race([link.producer.close().catch(() => {}), sleep(this.#settings.runtime, goodbyeMs, late.signal)]);
    late.abort();
    for (const socket of link.sockets) socket.destroy();
  }
}

/** The broker has lost track of our sequence numbers: only a new producer helps. */
const outOfStep = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

/** The records of the partitions that were stored. */
function storedOf({ messages }: KafkaWire, partitions: readonly number[], count: number | undefined): number[] {
  if (partitions.length === 0 || !count) return [];
  const stored = new Set(partitions);
  return messages.flatMap(({ partition }, i) => (stored.has(partition % count) ? [i] : []));
}
