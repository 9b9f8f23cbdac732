// The example of docs/writing-a-transport.md keeps the contract, and is found as a module.

import type { HttpReply, HttpWire } from '@spillway/core';
import { httpReply, transportContract } from '@spillway/testing';
import betterstack, { type BetterStackOptions } from './example-transport.js';

transportContract<BetterStackOptions, HttpWire, HttpReply>({
  name: 'betterstack',
  make: betterstack,
  options: { url: 'http://127.0.0.1:9' },
  secret: {
    options: { url: 'http://127.0.0.1:9', bearerToken: 'hunter2' },
    secrets: ['hunter2'],
  },
  decode: ({ body }) =>
    body
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line)),
  expected: (batch, i) => ({ dt: batch.times[i], ...batch.fields(i) }),
  replies: [
    { name: '202', reply: httpReply(202), verdict: 'ack' },
    { name: '402, quota exceeded', reply: httpReply(402, 'quota exceeded'), verdict: 'hold' },
    { name: '403, wrong token', reply: httpReply(403), verdict: 'hold' },
    { name: '406, cannot be parsed', reply: httpReply(406), verdict: 'split' },
    { name: '413', reply: httpReply(413), verdict: 'split' },
    { name: '429', reply: httpReply(429, '', { 'retry-after': '5' }), verdict: { outcome: 'retry', afterMs: 5000 } },
    { name: '500', reply: httpReply(500), verdict: 'retry' },
  ],
});
