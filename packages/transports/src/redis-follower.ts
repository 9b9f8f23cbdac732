// Finds the node of a cluster that has the key: the one we were told, until it names another.
// In: wires. Out: replies of the node that has the key. Invariants: a few hops at most for a batch; when the other node
// cannot be reached, the next batch starts again at the address that the user gave.

import type { Sender, StreamAddress } from '@spillway/core';
import type { RedisReply, RedisWire } from './redis-session.js';

type RedisSender = Sender<RedisWire, RedisReply>;

const maxHops = 4;

/** A sender that follows `MOVED`. */
export class KeyFollower implements RedisSender {
  readonly #open: (address: StreamAddress) => RedisSender;
  readonly #home: StreamAddress;
  #current: RedisSender;
  #moved = false;

  constructor(home: StreamAddress, open: (address: StreamAddress) => RedisSender) {
    this.#open = open;
    this.#home = home;
    this.#current = open(home);
  }

  async send(wire: RedisWire, signal: AbortSignal): Promise<RedisReply> {
    for (let hop = 0; ; hop++) {
      const sender = this.#current;
      let reply: RedisReply;
      try {
        reply = await sender.send(wire, signal);
      } catch (error) {
        if (this.#moved && sender === this.#current) await this.#turnTo(this.#home);
        throw error;
      }
      const address = hop < maxHops ? newAddress(reply, this.#home) : undefined;
      if (!address) return reply;
      // Batches that were under way together are told the same: the first one moves for all.
      if (sender === this.#current) await this.#turnTo(address);
    }
  }

  close(): Promise<void> {
    return this.#current.close();
  }

  async #turnTo(address: StreamAddress): Promise<void> {
    const left = this.#current;
    this.#moved = address !== this.#home;
    this.#current = this.#open(address);
    await left.close();
  }
}

/** `MOVED <slot> <host>:<port>`, answered to the first command of the key, since all have one; no host means the same one. */
function newAddress(reply: RedisReply, home: StreamAddress): StreamAddress | undefined {
  const first = reply.kind === 'answered' ? reply.answers[0] : reply.error;
  const [, host, port] = /^MOVED \d+ (\S*):(\d{1,5})$/.exec(first ?? '') ?? [];
  if (host === undefined || home.kind === 'unix') return undefined;
  return { kind: home.kind, host: host || home.host, port: Number(port) };
}
