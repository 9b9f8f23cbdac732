// Signs requests to AWS, and the options for it that all transports to AWS share.
// In: region, service, credentials. Out: an `authorize` for HTTP transports that signs each attempt afresh.
// A destination whose clock is not ours says so when it refuses: from then on its time is used.

import { type Authorize, object, optional, SpillwayError, text } from '@spillway/core';
import { type AwsCredentials, KeyRing } from './aws-keys.js';
import { type SigningScope, signV4 } from './encode/sigv4.js';

/** Signatures are good for five minutes at most services; what is less than this apart is no reason, ms. */
const toleratedSkewMs = 240_000;

const token = (doc: string) =>
  text({ doc, secret: true, pattern: /^[\x21-\x7e]+$/, expected: 'a key of AWS without spaces' });

/** Schema of credentials, as an option of its own. */
export const awsCredentials = optional(
  object(
    {
      accessKeyId: text({ doc: 'Access key id.', pattern: /^\w+$/, expected: 'an access key id' }),
      secretAccessKey: token('Secret access key.'),
      sessionToken: token('Session token of temporary credentials.'),
      profile: text({ doc: 'Profile of the shared files `~/.aws/credentials` and `~/.aws/config`.' }),
    },
    {
      doc: 'Credentials of AWS. Unset: environment, web identity (EKS), shared files, container (ECS, EKS), instance (EC2), in this order.',
    },
  ),
);

/** Schema of a region, as an option of its own. */
export const awsRegion = text({
  doc: 'Region of AWS. Unset: `AWS_REGION` or `AWS_DEFAULT_REGION`.',
  pattern: /^[a-z0-9-]{1,64}$/,
  expected: "a region such as 'eu-central-1'",
});

/** The region from the option or the environment.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` when neither has one
 */
export function regionOf(option: string | undefined, name: string): string {
  const region = option ?? (process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION);
  if (region) return region;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected \`${name}.region\` or AWS_REGION to be a region such as 'eu-central-1', got neither`,
  );
}

/** The address from the option or the environment, if either has one; an empty variable is none.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` when the variable holds something else
 */
export function endpointOf(option: string | undefined, variable: string): string | undefined {
  const endpoint = option ?? (process.env[variable] || undefined);
  if (endpoint === undefined || (/^https?:\/\//i.test(endpoint) && URL.canParse(endpoint))) return endpoint;
  throw new SpillwayError(
    'SPILLWAY_OPTIONS_INVALID',
    `Expected the environment variable ${variable} to hold a URL that starts with http:// or https://`,
  );
}

/** For what to sign, and with which credentials. */
export interface AwsAuthorization extends SigningScope {
  readonly credentials: AwsCredentials | undefined;
}

/** Headers that are worth a signature. Others may be changed on the way, by proxies for instance. */
const signed = /^(content-type|content-md5|range|x-amz-.*)$/;

/** Signs each attempt.
 * @throws SpillwayError `SPILLWAY_OPTIONS_INVALID` when only a half of the keys was given
 */
export function awsAuthorize({ region, service, credentials = {} }: AwsAuthorization): Authorize {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined) || (sessionToken && !accessKeyId)) {
    throw new SpillwayError(
      'SPILLWAY_OPTIONS_INVALID',
      'Expected `credentials.accessKeyId` and `credentials.secretAccessKey` together, or neither',
    );
  }
  const ring = new KeyRing(credentials);
  let skewMs = 0;
  return async ({ method, url, headers, body }, { refresh, refusal, now, fetch }) => {
    if (refusal?.headers.date) skewMs = skewOf(refusal.headers.date, now);
    const keys = await ring.keys({ env: process.env, region, profile: credentials.profile, now, fetch }, refresh);
    const chosen = Object.entries(headers).filter(([name]) => signed.test(name));
    const request = { method, url, headers: Object.fromEntries(chosen), body };
    return signV4(request, { region, service, keys, now: now + skewMs });
  };
}

/** How far the clock of the destination is from ours, ms, if that may be why it refused. */
function skewOf(date: string, now: number): number {
  const skew = Date.parse(date) - now;
  return Math.abs(skew) > toleratedSkewMs ? skew : 0;
}
