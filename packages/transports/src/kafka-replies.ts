// What Kafka's answers mean.
// In: the errors of a send, by their names in the protocol. Out: a verdict.
// Source: org.apache.kafka.common.protocol.Errors; which of them are passing: the RetriableException classes there.

import { type Batch, plainReason, type Verdict } from '@spillway/core';

/** What came of a send. */
export interface KafkaReply {
  /** Names of errors, in the protocol's words; none: all is stored. */
  readonly errors: readonly string[];
  /** Records that were stored although others were not, as when they went to several partitions. */
  readonly stored: readonly number[];
}

/** The record batch is too large for the topic, or for the broker. */
const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
/** A record is at fault. */
const unfit = new Set(['INVALID_TIMESTAMP', 'INVALID_RECORD']);
/** Names, rights or settings are wrong. */
const misconfigured = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'ILLEGAL_SASL_STATE',
  'SECURITY_DISABLED',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_REQUIRED_ACKS',
  'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'UNSUPPORTED_VERSION',
  'UNSUPPORTED_COMPRESSION_TYPE',
  'POLICY_VIOLATION',
  'CLIENT',
]);

/** Errors after which nothing of the request can have been stored. */
const nothingStored = new Set([
  ...tooLarge,
  ...unfit,
  ...misconfigured,
  'UNKNOWN_TOPIC_OR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_OR_FOLLOWER',
  'NOT_ENOUGH_REPLICAS',
  'CORRUPT_MESSAGE',
]);

/** Whether a failed send may have stored records all the same. */
export function isUncertain({ errors }: KafkaReply): boolean {
  return !errors.every((name) => nothingStored.has(name));
}

/** The verdict on a batch. */
export function classifyKafka({ errors, stored }: KafkaReply, batch: Batch, createTopics: boolean): Verdict {
  if (errors.length === 0) return { outcome: 'ack' };
  const reason = plainReason([...new Set(errors)].join(', '));
  if (stored.length > 0) {
    const done = new Set(stored);
    const retry = Array.from({ length: batch.count }, (_, i) => i).filter((i) => !done.has(i));
    return retry.length === 0 ? { outcome: 'ack' } : { outcome: 'partial', retry, reject: [], reason };
  }
  if (errors.every((name) => name === 'DUPLICATE_SEQUENCE_NUMBER')) return { outcome: 'ack' };
  if (errors.some((name) => misconfigured.has(name))) return { outcome: 'hold', reason };
  // A topic that is being made is unknown for a moment; one that nobody makes stays so.
  if (errors.includes('UNKNOWN_TOPIC_OR_PARTITION') && !createTopics) return { outcome: 'hold', reason };
  if (errors.some((name) => tooLarge.has(name) || unfit.has(name))) return { outcome: 'split', reason };
  return { outcome: 'retry', reason };
}
