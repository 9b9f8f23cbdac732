// Signs requests to Alibaba Cloud Log Service.
// In: region and keys, or nothing. Out: an `authorize` for HTTP transports that signs each attempt afresh.
// A service whose clock is not ours says so when it refuses: from then on its time is used.

import { type Authorize, object, optional, required, text } from '@spillway/core';
import { Renewed } from './renewed.js';
import { findSlsKeys, type SlsSurroundings } from './sls-keys.js';
import { isQuota } from './sls-replies.js';
import { type SlsKeys, signSlsV1, signSlsV4 } from './sls-signature.js';

/** Requests may be 15 minutes off; what is less than this apart is no reason for a refusal, ms. */
const toleratedSkewMs = 600_000;
/** Keys of a role are renewed this long before they end, ms. */
const aheadMs = 300_000;

const key = (doc: string) =>
  text({ doc, secret: true, pattern: /^[\x21-\x7e]+$/, expected: 'a key of Alibaba Cloud without spaces' });

/** Schema of credentials, as an option of its own. */
export const slsCredentials = optional(
  object(
    {
      accessKeyId: required(text({ doc: 'AccessKey id.', pattern: /^[\w.-]+$/, expected: 'an AccessKey id' })),
      accessKeySecret: required(key('AccessKey secret.')),
      securityToken: key('Token of temporary keys of STS.'),
    },
    {
      doc: 'Keys of Alibaba Cloud. Unset: environment, `ALIBABA_CLOUD_CREDENTIALS_URI`, RAM role of the ECS instance, in this order.',
    },
  ),
);

/** How to sign. */
export interface SlsAuthorization {
  /** Region for version 4; undefined: version 1. */
  readonly region: string | undefined;
  readonly credentials: SlsKeys | undefined;
}

/** Signs each attempt. */
export function slsAuthorize({ region, credentials }: SlsAuthorization): Authorize {
  const found = new Renewed((surroundings: SlsSurroundings) => findSlsKeys(surroundings), aheadMs);
  const signatures = new WeakMap<Buffer, Record<string, string>>();
  let skewMs = 0;
  return async (request, { refresh, refusal, now, fetch }) => {
    // Quotas are refused with 403 as well: the same headers say that there is nothing to try again.
    const last = signatures.get(request.body);
    if (last && refusal && isQuota(refusal)) return last;
    if (refusal?.headers.date) skewMs = skewOf(refusal.headers.date, now);
    const keys = credentials ?? (await found.get({ env: process.env, now, fetch }, refresh));
    const at = now + skewMs;
    const signed = region === undefined ? signSlsV1(request, keys, at) : signSlsV4(request, keys, { region, now: at });
    signatures.set(request.body, signed);
    return signed;
  };
}

function skewOf(date: string, now: number): number {
  const skew = Date.parse(date) - now;
  return Math.abs(skew) > toleratedSkewMs ? skew : 0;
}
