// The handshake of the forward protocol, for destinations with a `<security>` section: HELO, PING, PONG.
// In: what the destination said, and our secrets. Out: what to say, or why we do not trust what was said.
// Source: Fluentd, Forward Protocol Specification v1, and lib/fluent/plugin/in_forward.rb.
// Invariant: secrets leave only inside digests, over salts of both sides.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { ByteWriter } from './encode/byte-writer.js';
import { writeArrayHeader, writeBinary, writeString } from './encode/msgpack.js';
import type { Unpacked } from './encode/msgpack-reader.js';

/** Who we are. */
export interface FluentIdentity {
  readonly hostname: string;
  readonly sharedKey: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** The conversation after HELO. */
export interface FluentLogin {
  readonly ping: Buffer;
  /** Why the destination refuses us, or we it; undefined when both are content. */
  refusal(pong: readonly Unpacked[]): string | undefined;
}

/** Whether a message is the destination's demand to log in. */
export function isHelo(message: Unpacked): message is Unpacked[] {
  return Array.isArray(message) && message[0] === 'HELO';
}

/** Answers a HELO. */
export function login(helo: readonly Unpacked[], identity: FluentIdentity, salt = randomBytes(16)): FluentLogin {
  const { hostname, sharedKey, username = '', password = '' } = identity;
  const options = helo[1] instanceof Map ? helo[1] : new Map<string, Unpacked>();
  const nonce = raw(options.get('nonce'));
  const auth = raw(options.get('auth'));
  const asksForUser = auth.length > 0;
  const writer = new ByteWriter();
  writeArrayHeader(writer, 6);
  writeString(writer, 'PING');
  writeString(writer, hostname);
  writeBinary(writer, salt);
  writeString(writer, digest(salt, hostname, nonce, sharedKey));
  writeString(writer, asksForUser ? username : '');
  writeString(writer, asksForUser ? digest(auth, username, password) : '');
  return {
    ping: writer.copy(),
    refusal([word, granted, reason, serverHostname, proof]) {
      if (word !== 'PONG') return 'the destination does not answer the login';
      if (granted !== true) return `login refused: ${String(reason)}`;
      const expected = digest(salt, String(serverHostname), nonce, sharedKey);
      return sameText(expected, String(proof)) ? undefined : 'the destination does not know the shared key';
    },
  };
}

function digest(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** Salts come as bytes or as text, depending on who made the MessagePack. */
function raw(value: Unpacked | undefined): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : '');
}

function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
