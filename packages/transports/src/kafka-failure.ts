// What went wrong in the client, as data.
// In: an error, which wraps others: of several attempts, brokers and partitions. Out: names from Kafka's protocol where
// brokers answered; else the error of the network beneath.

/** What is known of a failed send. */
export interface KafkaFailure {
  /** Names of errors that brokers answered. */
  readonly errors: readonly string[];
  /** The first error beneath that is not of the client, such as ECONNREFUSED, or what it amounts to. */
  readonly cause: Error;
  /** Partitions that were stored although others were not. */
  readonly partitions: readonly number[];
}

/** Errors that the client makes by itself, as far as waiting does not help. */
const ofClient: Readonly<Record<string, string>> = {
  PLT_KFK_AUTHENTICATION: 'SASL_AUTHENTICATION_FAILED',
  PLT_KFK_UNSUPPORTED: 'UNSUPPORTED_VERSION',
  PLT_KFK_UNSUPPORTED_API: 'UNSUPPORTED_VERSION',
  PLT_KFK_UNSUPPORTED_COMPRESSION: 'UNSUPPORTED_COMPRESSION_TYPE',
};
const maxVisited = 200;

/** Reads the error of a send. */
export function kafkaFailure(error: unknown): KafkaFailure {
  const errors: string[] = [];
  let cause: Error | undefined;
  let timedOut = false;
  const queue = [error];
  for (let visited = 0; queue.length > 0 && visited < maxVisited; visited++) {
    const next = queue.shift();
    if (typeof next !== 'object' || next === null) continue;
    const { code, apiId, message, cause: inner, errors: several } = next as Record<string, unknown>;
    if (typeof apiId === 'string') errors.push(apiId);
    else if (typeof code === 'string' && ofClient[code]) errors.push(ofClient[code]);
    // The client knows from the metadata, and says so in words of its own.
    else if (code === 'PLT_KFK_USER' && /^Unknown topic /.test(String(message)))
      errors.push('UNKNOWN_TOPIC_OR_PARTITION');
    else if (typeof code === 'string' && !code.startsWith('PLT_KFK_') && next instanceof Error) cause ??= next;
    timedOut ||= /timed out/i.test(String(message));
    if (inner !== undefined) queue.push(inner);
    if (Array.isArray(several)) queue.push(...several.slice(0, 50));
  }
  const { produced } = error as { produced?: { offsets?: readonly { readonly partition: number }[] } };
  return {
    errors,
    cause: cause ?? Object.assign(new Error('no answer'), { code: timedOut ? 'ETIMEDOUT' : 'ECONNRESET' }),
    partitions: (produced?.offsets ?? []).map(({ partition }) => partition),
  };
}
