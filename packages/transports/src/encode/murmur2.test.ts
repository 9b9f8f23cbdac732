import { murmur2 } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { positiveMurmur2 } from './murmur2.js';

// org.apache.kafka.common.utils.UtilsTest.testMurmur2: the hash as a signed number.
it.each([
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
])('the hash of %s is what the Java clients have', (text, hash) => {
  expect(positiveMurmur2(Buffer.from(text))).toBe(hash & 0x7fffffff);
});

it('is what another implementation has', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect(positiveMurmur2(bytes)).toBe(murmur2(Buffer.from(bytes)) & 0x7fffffff);
    }),
  );
});
