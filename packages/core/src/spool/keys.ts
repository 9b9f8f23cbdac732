// The keys of a spool: one to write with, all to read with.
// In: the options. A key file is read again for each new segment, so that a rotated secret is used without a restart.

import { SpillwayError } from '../errors.js';
import { type Key, parseKey, SegmentCipher } from './encryption.js';
import { call, DiskError, type Steps } from './file-system.js';
import type { SpoolOptions } from './options.js';
import type { SegmentHeader } from './segment-header.js';

type EncryptionOptions = SpoolOptions['encryption'];

export class Keys {
  readonly #file: string | undefined;
  #current: Key | undefined;
  readonly #known = new Map<string, Key>();

  /** @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` where the environment variable holds no key. */
  constructor(options: EncryptionOptions, env: Readonly<Record<string, string | undefined>>) {
    this.#file = options.keyFile;
    const given = options.key ?? (options.keyEnv === undefined ? undefined : (env[options.keyEnv] ?? ''));
    if (given !== undefined) this.#current = this.#learn(given);
    if (given !== undefined && !this.#current) {
      const name = options.keyEnv ?? 'key';
      throw new SpillwayError(
        'SPILLWAY_OPTIONS_INVALID',
        `Expected the environment variable ${name} of \`spool.encryption.keyEnv\` to hold a key of 32 bytes, as 64 hex digits or in base64`,
      );
    }
    for (const text of options.previousKeys) if (text !== undefined) this.#learn(text);
  }

  #learn(text: string): Key | undefined {
    const key = parseKey(text);
    if (key) this.#known.set(key.id.toString('hex'), key);
    return key;
  }

  /** The key to write with; undefined where nothing is to be encrypted. Throws where there should be one. */
  *current(): Steps<Key | undefined> {
    if (this.#file === undefined) return this.#current;
    try {
      this.#current = this.#learn(yield* call('readText', this.#file)) ?? this.#current;
    } catch {
      // While the secret is being replaced, the last good key serves on.
    }
    if (!this.#current) throw new DiskError('KEY_MISSING', 'the key file holds no key of 32 bytes');
    return this.#current;
  }

  /** A key by its id, as hex digits. */
  find(id: string): Key | undefined {
    return this.#known.get(id);
  }

  /** What decrypts a segment; `missing` where we do not have its key. */
  *cipher(header: SegmentHeader | undefined): Steps<SegmentCipher | undefined | 'missing'> {
    if (!header?.encrypted) return undefined;
    const id = header.keyId.toString('hex');
    if (!this.#known.has(id) && this.#file !== undefined) {
      try {
        yield* this.current();
      } catch {
        return 'missing';
      }
    }
    const key = this.#known.get(id);
    return key ? new SegmentCipher(key, header) : 'missing';
  }
}
