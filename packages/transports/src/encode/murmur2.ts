// murmur2, by which Kafka's Java clients choose the partition of a key, so that ours end up beside theirs.
// In: bytes. Out: 32 bits. Source: org.apache.kafka.common.utils.Utils.murmur2.

const seed = 0x9747b28c;
const factor = 0x5bd1e995;

/** The hash, as a number from 0 to 2^31 - 1, as the Java clients take it modulo the number of partitions. */
export function positiveMurmur2(data: Uint8Array): number {
  const { length } = data;
  let hash = seed ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    word = Math.imul(word, factor);
    word = Math.imul(word ^ (word >>> 24), factor);
    hash = Math.imul(hash, factor) ^ word;
  }
  const rest = length - at;
  if (rest > 0) {
    for (let i = 0; i < rest; i++) hash ^= data[at + i]! << (8 * i);
    hash = Math.imul(hash, factor);
  }
  hash = Math.imul(hash ^ (hash >>> 13), factor);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
