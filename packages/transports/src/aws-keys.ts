// AWS keys, found once and kept until shortly before they expire.
// In: options and the surroundings of a request. Out: keys for its signature.
// Invariants: one search at a time; keys that still hold are used while new ones cannot be had.

import { SpillwayError } from '@spillway/core';
import {
  type FoundKeys,
  fromContainer,
  fromEnvironment,
  fromFiles,
  fromInstance,
  fromWebIdentity,
  type KeySource,
  type Surroundings,
} from './aws-sources.js';
import type { AwsKeys } from './encode/sigv4.js';

/** Credentials as the options give them; unset: the surroundings are searched. */
export interface AwsCredentials {
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** Profile of the shared files, before anything else. */
  readonly profile?: string | undefined;
}

/** New keys are fetched this long before the old ones end, ms: platforms hand out new ones five minutes before. */
const aheadMs = 300_000;
/** A failed renewal is tried again after this time, ms, while the old keys hold. */
const againMs = 30_000;

const usual: readonly KeySource[] = [fromEnvironment, fromWebIdentity, fromFiles, fromContainer, fromInstance];

/** Finds keys and remembers them. */
export class KeyRing {
  readonly #given: AwsKeys | undefined;
  readonly #sources: readonly KeySource[];
  #kept: FoundKeys | undefined;
  #renewAt = 0;
  #search: Promise<AwsKeys> | undefined;

  constructor({ accessKeyId, secretAccessKey, sessionToken, profile }: AwsCredentials) {
    if (accessKeyId && secretAccessKey) this.#given = { accessKeyId, secretAccessKey, sessionToken };
    this.#sources = profile ? [fromFiles] : usual;
  }

  /** The keys for now. With `refresh` those that are kept are not trusted.
   * @throws SpillwayError `SPILLWAY_CREDENTIALS` when there are none
   */
  keys(surroundings: Surroundings, refresh: boolean): AwsKeys | Promise<AwsKeys> {
    if (this.#given) return this.#given;
    if (!refresh && this.#kept && surroundings.now < this.#renewAt) return this.#kept;
    this.#search ??= this.#find(surroundings, refresh).finally(() => {
      this.#search = undefined;
    });
    return this.#search;
  }

  async #find(surroundings: Surroundings, refresh: boolean): Promise<AwsKeys> {
    const { now } = surroundings;
    try {
      const found = await firstOf(this.#sources, surroundings);
      const { expiresAt } = found;
      // Keys without an end come from the environment, where a look costs nothing. Those that end soon are used up to
      // their end: asking again at every request would not make them last longer.
      this.#kept = found;
      this.#renewAt = expiresAt === undefined ? 0 : Math.max(expiresAt - aheadMs, Math.min(now + againMs, expiresAt));
      return found;
    } catch (error) {
      const { expiresAt } = this.#kept ?? {};
      if (refresh || !this.#kept || expiresAt === undefined || now >= expiresAt) throw error;
      this.#renewAt = Math.min(now + againMs, expiresAt);
      return this.#kept;
    }
  }
}

async function firstOf(sources: readonly KeySource[], surroundings: Surroundings): Promise<FoundKeys> {
  for (const source of sources) {
    const found = await source(surroundings);
    if (found) return found;
  }
  const where =
    sources.length === 1
      ? 'in the profile of the shared files'
      : 'in options, environment, web identity, shared files, container and instance metadata';
  throw new SpillwayError('SPILLWAY_CREDENTIALS', `No AWS credentials ${where}`);
}
