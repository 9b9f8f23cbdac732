// The forward protocol on one connection: the login where there is one, batches out, acknowledgements in.
// In: wires. Out: what is known of each, as far as the destination said before the connection ended.
// Invariant: a batch is acknowledged by the chunk id that it carried, and by nothing else.

import {
  QuietWatch,
  type SessionContext,
  SpillwayError,
  type StreamProtocol,
  type StreamSession,
} from '@spillway/core';
import { ByteWriter } from './encode/byte-writer.js';
import { writeArrayHeader, writeBinaryHeader, writeInteger, writeMapHeader, writeString } from './encode/msgpack.js';
import { MsgpackReader, type Unpacked } from './encode/msgpack-reader.js';
import type { FluentWire } from './fluent-entries.js';
import { type FluentIdentity, type FluentLogin, isHelo, login } from './fluent-login.js';

/** What became of a batch. */
export type FluentReply =
  | { readonly kind: 'acknowledged' }
  /** Nothing was asked for, and nothing went wrong. */
  | { readonly kind: 'taken' }
  /** It was written, and its time was over without an acknowledgement. `overtaken`: what was written later has one. */
  | { readonly kind: 'unacknowledged'; readonly overtaken: boolean }
  /** We may not send, or do not trust who answers. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** We were told to log in, and nobody asks us to. */
  | { readonly kind: 'noLogin' };

/** What a connection needs to know. */
export interface FluentSettings {
  readonly tag: string;
  readonly requireAck: boolean;
  readonly confirmMs: number;
  /** Who we are; undefined where no login is wanted. */
  readonly identity: (() => Promise<FluentIdentity>) | undefined;
  readonly compress: (wire: FluentWire) => Promise<{ readonly body: Buffer; readonly encoding?: string }>;
}

/** The forward protocol. */
export function fluentProtocol(settings: FluentSettings): StreamProtocol<FluentWire, FluentReply> {
  const suspects = new WeakSet<FluentWire>();
  return { open: (context) => new FluentSession(context, settings, suspects) };
}

interface Waiting {
  readonly wire: FluentWire;
  readonly signal: AbortSignal;
  overtaken: boolean;
  resolve(reply: FluentReply): void;
  reject(error: unknown): void;
}

class FluentSession implements StreamSession<FluentWire, FluentReply> {
  readonly greet?: () => Promise<FluentReply | undefined>;
  readonly #context: SessionContext;
  readonly #settings: FluentSettings;
  /** Batches about which the destination was silent before, on whatever connection. */
  readonly #suspects: WeakSet<FluentWire>;
  readonly #watch: QuietWatch;
  readonly #reader = new MsgpackReader();
  readonly #waiting = new Map<string, Waiting>();
  #greeting: { resolve(reply: FluentReply | undefined): void; reject(error: unknown): void } | undefined;
  #login: FluentLogin | undefined;

  constructor(context: SessionContext, settings: FluentSettings, suspects: WeakSet<FluentWire>) {
    this.#context = context;
    this.#settings = settings;
    this.#suspects = suspects;
    this.#watch = new QuietWatch(context.runtime, settings.confirmMs);
    if (settings.identity) {
      this.greet = () => new Promise((resolve, reject) => (this.#greeting = { resolve, reject }));
    }
  }

  async send(wire: FluentWire, signal: AbortSignal): Promise<FluentReply> {
    const { tag, requireAck, compress } = this.#settings;
    const { body, encoding } = await compress(wire);
    const head = messageHead(tag, body.length);
    const tail = messageTail(wire, encoding, requireAck);
    if (requireAck) return this.#sendAndWait(wire, signal, [head, body, tail]);
    await this.#context.connection.write([head, body, tail]);
    await this.#watch.quiet();
    return { kind: 'taken' };
  }

  received(data: Buffer): void {
    for (const message of this.#reader.read(data)) {
      if (this.#greeting) this.#converse(message);
      else if (isHelo(message)) throw loginWanted();
      else if (message instanceof Map) this.#acknowledge(message.get('ack'));
    }
  }

  ended(error: unknown): void {
    this.#watch.ended(error);
    const silent = (error as { code?: unknown }).code === 'ETIMEDOUT' && !this.#login;
    if (silent) this.#greeting?.resolve({ kind: 'noLogin' });
    else this.#greeting?.reject(error);
    this.#greeting = undefined;
    for (const { wire, signal, overtaken, resolve, reject } of this.#waiting.values()) {
      if (!signal.aborted) reject(error);
      else {
        this.#suspects.add(wire);
        resolve({ kind: 'unacknowledged', overtaken });
      }
    }
    this.#waiting.clear();
  }

  #sendAndWait(wire: FluentWire, signal: AbortSignal, parts: readonly Buffer[]): Promise<FluentReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(wire.chunk, { wire, signal, overtaken: false, resolve, reject });
      // An empty batch behind a suspicious one: if that is acknowledged, the destination is well and does not want the other.
      const all = this.#suspects.has(wire) ? [...parts, this.#probe(wire)] : parts;
      // Trouble with writing ends the connection, and that settles what waits.
      this.#context.connection.write(all).catch((error) => {
        if (this.#waiting.delete(wire.chunk)) reject(error);
      });
    });
  }

  #probe(wire: FluentWire): Buffer {
    const tail = messageTail({ count: 0, chunk: probeOf(wire.chunk) }, undefined, true);
    return Buffer.concat([messageHead(this.#settings.tag, 0), tail]);
  }

  #acknowledge(chunk: Unpacked | undefined): void {
    const key = Buffer.isBuffer(chunk) ? chunk.toString() : chunk;
    // Destinations take and acknowledge what a connection brings in its order.
    for (const [waiting, batch] of this.#waiting) {
      if (waiting === key) {
        this.#waiting.delete(waiting);
        batch.resolve({ kind: 'acknowledged' });
        return;
      }
      if (this.#isLater(key, waiting)) batch.overtaken = true;
    }
  }

  #isLater(key: Unpacked | undefined, waiting: string): boolean {
    return key === probeOf(waiting) || (typeof key === 'string' && this.#waiting.has(key));
  }

  /** HELO, then PONG. */
  #converse(message: Unpacked): void {
    if (!Array.isArray(message)) throw protocolError();
    if (this.#login) {
      const reason = this.#login.refusal(message);
      this.#greeting?.resolve(reason === undefined ? undefined : { kind: 'refused', reason });
      this.#greeting = undefined;
      return;
    }
    if (!isHelo(message)) throw protocolError();
    const { connection } = this.#context;
    this.#settings.identity?.().then(
      (identity) => {
        this.#login = login(message, identity);
        connection.write([this.#login.ping]).catch(() => {});
      },
      (error) => connection.destroy(error),
    );
  }
}

/** The id of the empty batch that follows a batch. */
function probeOf(chunk: string): string {
  return `${chunk}?`;
}

/** `[tag, bin(entries)`: the array's head and the first of its three items, and the head of the second. */
function messageHead(tag: string, size: number): Buffer {
  const writer = new ByteWriter();
  writeArrayHeader(writer, 3);
  writeString(writer, tag);
  writeBinaryHeader(writer, size);
  return writer.copy();
}

/** The third item: what the entries are. */
function messageTail(
  { count, chunk }: Omit<FluentWire, 'body'>,
  encoding: string | undefined,
  requireAck: boolean,
): Buffer {
  const writer = new ByteWriter();
  writeMapHeader(writer, 1 + (encoding ? 1 : 0) + (requireAck ? 1 : 0));
  writeString(writer, 'size');
  writeInteger(writer, count);
  if (encoding) {
    writeString(writer, 'compressed');
    writeString(writer, encoding);
  }
  if (requireAck) {
    writeString(writer, 'chunk');
    writeString(writer, chunk);
  }
  return writer.copy();
}

function loginWanted(): Error {
  return new SpillwayError('SPILLWAY_CREDENTIALS', 'The destination wants a login: set `fluent.sharedKey`');
}

function protocolError(): Error {
  return Object.assign(new Error('not the forward protocol'), { code: 'SPILLWAY_PROTOCOL' });
}
