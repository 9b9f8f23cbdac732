import { expect, it } from 'vitest';
import { parseKey, SegmentCipher } from './encryption.js';
import { decodeSegmentHeader, encodeSegmentHeader, type SegmentHeader } from './segment-header.js';

const key = parseKey('ab'.repeat(32))!;
const header: SegmentHeader = {
  lane: 'normal',
  kind: 'spill',
  queueId: '0123456789abcdef0123456789abcdef',
  number: 7,
  createdAt: 1_700_000_000_000,
  salt: 42,
  encrypted: true,
  zstd: false,
  keyId: key.id,
  keySalt: Buffer.alloc(32, 9),
};
const frameHeader = Buffer.alloc(96, 1);

it('decrypts what it encrypted, with a header that went through the file', () => {
  const stored = Buffer.concat(
    new SegmentCipher(key, header).encrypt(frameHeader, 3, [Buffer.from('one'), Buffer.from('two')]),
  );
  const read = decodeSegmentHeader(encodeSegmentHeader(header)) as SegmentHeader;
  expect(read).toEqual(header);
  expect(new SegmentCipher(key, read).decrypt(frameHeader, 3, stored)?.toString()).toBe('onetwo');
});
