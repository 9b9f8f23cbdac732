// Where a token of Google's comes from: options, a file, gcloud's own file, the metadata server, in the order of
// Application Default Credentials (https://google.aip.dev/auth/4110).
// In: what the options give, the environment and a way to ask over HTTP. Out: a token.
// Invariant: what a file or a place holds is never part of an error.

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SpillwayError } from '@spillway/core';
import { exchangeKey } from './google-exchanges.js';
import { type GoogleKey, type GoogleSurroundings, type GoogleToken, keyOf, scope } from './google-key.js';
import { tokenOfReply, unusable } from './google-token-replies.js';

/** What the options give. */
export interface GivenCredentials {
  readonly credentials: GoogleKey | undefined;
  readonly credentialsFile: string | undefined;
}

/** Larger is no credentials file. */
const maxFileBytes = 1_048_576;

/** Finds a token.
 * @throws SpillwayError `SPILLWAY_CREDENTIALS` when there is none
 */
export async function findToken(given: GivenCredentials, surroundings: GoogleSurroundings): Promise<GoogleToken> {
  const { env } = surroundings;
  if (given.credentials) return exchangeKey(given.credentials, surroundings);
  const named = given.credentialsFile ?? env.GOOGLE_APPLICATION_CREDENTIALS;
  if (named) {
    const what = given.credentialsFile ? '`credentialsFile`' : 'GOOGLE_APPLICATION_CREDENTIALS';
    return exchangeKey(await readKey(named, `the file of ${what}`), surroundings);
  }
  const own = await readFile(gcloudFile(env), 'utf8').catch(() => undefined);
  if (own !== undefined) return exchangeKey(parseKey(own, "gcloud's file"), surroundings);
  return fromMetadata(surroundings);
}

/** https://cloud.google.com/compute/docs/metadata/querying-metadata */
async function fromMetadata({ env, now, fetch }: GoogleSurroundings): Promise<GoogleToken> {
  const host = env.GCE_METADATA_HOST || '169.254.169.254';
  const base = `http://${host}/computeMetadata/v1/instance/service-accounts/default/token`;
  if (!URL.canParse(base)) throw unusable('GCE_METADATA_HOST is not the name of a host');
  const url = new URL(base);
  url.searchParams.set('scopes', scope);
  const reply = await fetch(url, { headers: { 'metadata-flavor': 'Google' } }).catch((cause: unknown) => {
    throw new SpillwayError(
      'SPILLWAY_CREDENTIALS',
      'No Google credentials in options, environment, gcloud or a metadata server',
      { cause },
    );
  });
  if (reply.headers['metadata-flavor'] !== 'Google') throw unusable('what answered is not a metadata server of Google');
  return tokenOfReply(reply, now, 'the metadata server');
}

function gcloudFile(env: GoogleSurroundings['env']): string {
  const home = env.HOME ?? env.USERPROFILE ?? homedir();
  const usual = process.platform === 'win32' ? join(env.APPDATA ?? home, 'gcloud') : join(home, '.config', 'gcloud');
  return join(env.CLOUDSDK_CONFIG || usual, 'application_default_credentials.json');
}

async function readKey(path: string, what: string): Promise<GoogleKey> {
  const text = await readFile(path, 'utf8').catch((cause: { code?: unknown }) => {
    throw new SpillwayError('SPILLWAY_CREDENTIALS', `Cannot read ${what} (${cause.code})`, { cause });
  });
  return parseKey(text, what);
}

function parseKey(text: string, what: string): GoogleKey {
  const key = text.length > maxFileBytes ? undefined : keyOf(text);
  if (!key) throw unusable(`${what} is not a credentials file`);
  return key;
}
